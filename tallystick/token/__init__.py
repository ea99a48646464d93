"""The generated messages and stubs of token's gRPC services; `make proto` writes them from proto/."""
