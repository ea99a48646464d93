"""For resource servers: ask introspection about a token, or let an interceptor do so before each call.

    client = IntrospectionClient("127.0.0.1:9082", client_id=…, client_secret=…)
    guard = RequireToken(client, audience="https://photos.example", scopes={"/photos.v1.Albums/Get": "photos.read"})
    server = grpc.server(threads, interceptors=[guard])

Inside a handler `current_token()` says who is behind the call. Both have asynchronous twins for `grpc.aio`, and both
work with a fake in tests. Nothing is needed but grpcio and protobuf.
"""

from tallystick.resource.async_client import AsyncIntrospectionClient
from tallystick.resource.async_interceptor import AsyncRequireToken
from tallystick.resource.client import IntrospectionClient
from tallystick.resource.errors import IntrospectionError, IntrospectionUnavailable, NotAllowedToIntrospect
from tallystick.resource.fake import AsyncFakeIntrospection, FakeIntrospection
from tallystick.resource.interceptor import RequireToken
from tallystick.resource.introspection import Introspection
from tallystick.resource.requirement import current_token

__all__ = [
    "AsyncFakeIntrospection",
    "AsyncIntrospectionClient",
    "AsyncRequireToken",
    "FakeIntrospection",
    "Introspection",
    "IntrospectionClient",
    "IntrospectionError",
    "IntrospectionUnavailable",
    "NotAllowedToIntrospect",
    "RequireToken",
    "current_token",
]
