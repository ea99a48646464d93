"""A gRPC server over TLS and mutual TLS in this process, as services have it, and channels to it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import grpc
import grpc.aio

from tallystick.runtime.tls import server_credentials
from tallystick.tls.watched_certificates import WatchedCertificates
from tests.support.authority import Authority, Leaf

_OPTIONS = (("grpc.enable_http_proxy", 0), ("grpc.use_local_subchannel_pool", 1))


@dataclass(frozen=True, slots=True)
class TlsDoor:
    """Where such a server listens."""

    port: int
    mutual_port: int

    @property
    def mutual_target(self) -> str:
        """Where a certificate is asked for, by a name that a certificate may have."""
        return f"localhost:{self.mutual_port}"


@asynccontextmanager
async def opened(server: grpc.aio.Server, watched: WatchedCertificates) -> AsyncIterator[TlsDoor]:
    """Start a server on both kinds of address, and stop it afterwards."""
    ports = [
        server.add_secure_port("127.0.0.1:0", server_credentials(watched, mutual=mutual)) for mutual in (False, True)
    ]
    await server.start()
    yield TlsDoor(*ports)
    await server.stop(None)


def channel_to(port: int, authority: Authority, leaf: Leaf | None = None) -> grpc.aio.Channel:
    """Return a channel that believes an authority and shows a certificate, if it has one."""
    own = () if leaf is None else (leaf.key.encode(), leaf.certificate.encode())
    credentials = grpc.ssl_channel_credentials(authority.certificate.encode(), *own)
    return grpc.aio.secure_channel(f"localhost:{port}", credentials, options=_OPTIONS)
