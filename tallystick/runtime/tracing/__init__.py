"""Traces: how long each part of a request took, across the services.

`traces` is what the rest of the program knows of them; `otlp` writes OpenTelemetry's, which the extra `otel` installs.
Spans hold routes, methods, status codes and the text of statements: never a query string, a parameter, metadata, or the
text of an error, in any of which a secret could be.
"""
