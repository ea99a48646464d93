"""Certificates from files, read anew while the program runs. Stands on the standard library and gRPC alone."""
