"""The generated messages and stubs of authorize's gRPC services; `make proto` writes them from proto/."""
