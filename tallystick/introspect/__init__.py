"""The generated messages and stubs of introspect's gRPC services; `make proto` writes them from proto/."""
