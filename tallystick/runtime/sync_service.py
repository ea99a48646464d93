"""Serve a synchronous service: gRPC in threads, HTTP in the main thread's loop, ready last, drained in order."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import grpc
from fastapi import FastAPI

from tallystick.runtime import grpc_server
from tallystick.runtime.grpc_streams import Streams
from tallystick.runtime.health import MAX_CALLS, SyncHealth
from tallystick.runtime.http import HttpServer, listening_socket
from tallystick.runtime.lifecycle import terminated
from tallystick.runtime.log import logger
from tallystick.runtime.settings import Settings
from tallystick.runtime.tls import server_credentials
from tallystick.tls.watched_certificates import WatchedCertificates

_log = logger(__name__)
_NOTICE_SECONDS = 1.0
_HEALTH_THREADS = 2


async def serve(
    settings: Settings,
    app: FastAPI,
    grpc_: grpc.Server,
    streams: Streams,
    draining: Callable[[], None],
    certificates: WatchedCertificates | None,
) -> None:
    """Serve until SIGTERM: then tell health and `draining`, let balancers notice, finish what is in flight, and return.

    With certificates gRPC is served over TLS.
    Whoever calls closes the stores afterwards, when nothing uses them any more. Raises `StartError` when an address is
    taken.
    """
    servers = [grpc_]
    if settings.health_listen is not None:
        # Threads of its own, so that probes are answered while all others wait for a store.
        threads = ThreadPoolExecutor(_HEALTH_THREADS, thread_name_prefix="health")
        servers.append(grpc.server(threads, options=(("grpc.so_reuseport", 0),), maximum_concurrent_rpcs=MAX_CALLS))
        grpc_server.listen(servers[1], "HEALTH_LISTEN", settings.health_listen)
    health = SyncHealth(*servers)
    credentials = None if certificates is None else server_credentials(certificates, mutual=False)
    grpc_port = grpc_server.listen(grpc_, "GRPC_LISTEN", settings.grpc_listen, credentials)
    bound = listening_socket("HTTP_LISTEN", settings.http_listen)
    http = HttpServer(app, drain_seconds=settings.drain_seconds)
    for server in servers:
        server.start()
    ending = asyncio.create_task(terminated())
    serving = asyncio.create_task(http.serve(sockets=[bound]))
    await http.listening.wait()
    health.ready()
    _log.info("listening", http_port=bound.getsockname()[1], grpc_port=grpc_port)

    await ending
    draining()
    _log.info("draining")
    health.draining()
    if settings.drain_seconds:
        await asyncio.sleep(min(_NOTICE_SECONDS, settings.drain_seconds))
    http.stop()
    stopped = [server.stop(settings.drain_seconds) for server in servers]
    # Only now, as callers open others at once, and must not find this server again.
    streams.end()
    await asyncio.gather(serving, *(asyncio.to_thread(event.wait) for event in stopped))
    bound.close()
    _log.info("stopped")
