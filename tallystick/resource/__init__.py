"""For resource servers: ask introspection about a token, or let an interceptor do so before each call.

    client = IntrospectionClient("127.0.0.1:9082", client_id=…, client_secret=…)
    server = grpc.server(threads, interceptors=[RequireAccess(client, resource="https://photos.example")])

`RequireAccess` puts the three checks to introspection, as `client.check_access(token, resource, service)` does: is the
token live, does its scope cover the service, may its owner use it. Inside a handler `current_token()` says who is
behind the call. `RequireToken` asks about the token only and compares scopes here, method by method. For FastAPI there
is `tallystick.resource.fastapi.require_access`.

Clients keep answers for as long as introspection lets them, less than a second by default, counted from when the
question was sent: nothing that was over when a call began is taken for live. What is kept about a token is its record,
judged for each method anew, and verdicts by token, resource and service exactly; `reuse=0` keeps nothing, and
`freshness` asks for more (`READ_AGAIN`) or is content with less (`accept_staleness(seconds)`).

Off this machine introspection is asked over TLS: `channel_credentials=CertificateFiles(Path("/tls/ca.crt"))` verifies
it by the authorities in a file, which may change while the program runs.

Everything has an asynchronous twin, and works with a fake in tests. Nothing is needed but grpcio and protobuf.
"""

from tallystick.resource.access import Access, Denial
from tallystick.resource.async_client import AsyncIntrospectionClient
from tallystick.resource.async_interceptor import AsyncRequireAccess, AsyncRequireToken
from tallystick.resource.client import IntrospectionClient
from tallystick.resource.errors import IntrospectionError, IntrospectionUnavailable, NotAllowedToIntrospect
from tallystick.resource.fake import AsyncFakeIntrospection, FakeIntrospection
from tallystick.resource.freshness import LEASED, READ_AGAIN, Freshness, accept_staleness
from tallystick.resource.interceptor import RequireAccess, RequireToken
from tallystick.resource.introspection import Introspection
from tallystick.resource.presented import current_token
from tallystick.tls.certificates import CertificateError, CertificateFiles

__all__ = [
    "LEASED",
    "READ_AGAIN",
    "Access",
    "AsyncFakeIntrospection",
    "AsyncIntrospectionClient",
    "AsyncRequireAccess",
    "AsyncRequireToken",
    "CertificateError",
    "CertificateFiles",
    "Denial",
    "FakeIntrospection",
    "Freshness",
    "Introspection",
    "IntrospectionClient",
    "IntrospectionError",
    "IntrospectionUnavailable",
    "NotAllowedToIntrospect",
    "RequireAccess",
    "RequireToken",
    "accept_staleness",
    "current_token",
]
