"""Serve an asynchronous service: gRPC and HTTP in one loop, ready last, drained in order."""

import asyncio
from collections.abc import Callable

import grpc.aio
from fastapi import FastAPI

from tallystick.runtime import grpc_server
from tallystick.runtime.health import MAX_CALLS, AioHealth
from tallystick.runtime.http import HttpServer, listening_socket
from tallystick.runtime.lifecycle import terminated
from tallystick.runtime.log import logger
from tallystick.runtime.settings import ListenAddress, Settings
from tallystick.runtime.tls import server_credentials
from tallystick.tls.watched_certificates import WatchedCertificates

_log = logger(__name__)
_NOTICE_SECONDS = 1.0


async def serve(
    settings: Settings,
    app: FastAPI,
    grpc_: grpc.aio.Server,
    draining: Callable[[], None],
    certificates: WatchedCertificates | None,
    *,
    mutual_listen: ListenAddress | None = None,
) -> None:
    """Serve until SIGTERM: then tell health and `draining`, let balancers notice, finish what is in flight, and return.

    With certificates gRPC is served over TLS, and at a further address to those who show one themselves.
    Raises `StartError` when an address is taken.
    """
    servers = [grpc_]
    if settings.health_listen is not None:
        servers.append(grpc.aio.server(options=(("grpc.so_reuseport", 0),), maximum_concurrent_rpcs=MAX_CALLS))
        grpc_server.listen(servers[1], "HEALTH_LISTEN", settings.health_listen)
    health = AioHealth(*servers)
    ports = _listen(settings, grpc_, certificates, mutual_listen)
    bound = listening_socket("HTTP_LISTEN", settings.http_listen)
    http = HttpServer(app, drain_seconds=settings.drain_seconds)
    for server in servers:
        await server.start()
    ending = asyncio.create_task(terminated())
    serving = asyncio.create_task(http.serve(sockets=[bound]))
    await http.listening.wait()
    await health.ready()
    _log.info("listening", http_port=bound.getsockname()[1], **ports)

    await ending
    draining()
    _log.info("draining")
    await health.draining()
    if settings.drain_seconds:
        await asyncio.sleep(min(_NOTICE_SECONDS, settings.drain_seconds))
    http.stop()
    await asyncio.gather(serving, *(server.stop(settings.drain_seconds) for server in servers))
    bound.close()
    _log.info("stopped")


def _listen(
    settings: Settings,
    grpc_: grpc.aio.Server,
    certificates: WatchedCertificates | None,
    mutual_listen: ListenAddress | None,
) -> dict[str, int]:
    """Bind the gRPC server and return its ports."""
    if certificates is None:
        return {"grpc_port": grpc_server.listen(grpc_, "GRPC_LISTEN", settings.grpc_listen)}
    alone = server_credentials(certificates, mutual=False)
    ports = {"grpc_port": grpc_server.listen(grpc_, "GRPC_LISTEN", settings.grpc_listen, alone)}
    if mutual_listen is not None:
        mutual = server_credentials(certificates, mutual=True)
        ports["grpc_mutual_port"] = grpc_server.listen(grpc_, "GRPC_MUTUAL_LISTEN", mutual_listen, mutual)
    return ports
