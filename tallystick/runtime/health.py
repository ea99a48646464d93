"""gRPC health (grpc.health.v1): `liveness` while the process runs, `readiness` and `` while it takes calls."""

import grpc
import grpc.aio
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

SERVICES = ("", "liveness", "readiness")
MAX_CALLS = 100
"""How many calls a server that only tells its health takes at once; each `Watch` is one for as long as it lasts."""


class AioHealth:
    """The health of an asynchronous service."""

    def __init__(self, *servers: grpc.aio.Server) -> None:
        self._servicer = health.aio.HealthServicer()
        for server in servers:
            health_pb2_grpc.add_HealthServicer_to_server(self._servicer, server)

    async def ready(self) -> None:
        """Say that calls are taken."""
        for name in SERVICES:
            await self._servicer.set(name, health_pb2.HealthCheckResponse.SERVING)

    async def draining(self) -> None:
        """Say that no new calls should be sent here."""
        await self._servicer.enter_graceful_shutdown()


class SyncHealth:
    """The health of a synchronous service."""

    def __init__(self, *servers: grpc.Server) -> None:
        self._servicer = health.HealthServicer()
        for server in servers:
            health_pb2_grpc.add_HealthServicer_to_server(self._servicer, server)

    def ready(self) -> None:
        """Say that calls are taken."""
        for name in SERVICES:
            self._servicer.set(name, health_pb2.HealthCheckResponse.SERVING)

    def draining(self) -> None:
        """Say that no new calls should be sent here."""
        self._servicer.enter_graceful_shutdown()
