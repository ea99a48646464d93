"""How many questions introspect answers in a second from memory, one by one, in batches and in streams.

`.venv/bin/python -m benchmarks.introspect [SECONDS]` starts a PostgreSQL from its wheel, one replica and the floor, an
empty gRPC server of the same kind; all of it on this machine, beside the client that asks. So ratios count, and figures
do not.
"""

import asyncio
import subprocess
import sys
import tempfile
import time
from base64 import b64encode
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc.aio

from benchmarks.echo_server import METHOD
from tallystick.introspect.v1 import introspection_pb2 as pb
from tallystick.introspect.v1.introspection_pb2_grpc import IntrospectionServiceStub
from tests.integration.introspect.rows import ClientRow, Rows
from tests.support.databases import Databases
from tests.support.embedded import EmbeddedPostgresServer
from tests.support.service_process import ServiceProcess

ISSUER = "http://127.0.0.1:8080"
PHOTOS = "https://photos.example"
TOKENS = 200
IN_FLIGHT = 64
BATCH = 100
STREAMS = 4
WINDOW = 400
"""How many questions of a stream are on their way at once."""

_OPTIONS = (("grpc.enable_http_proxy", 0),)

Ask = Callable[[], Awaitable[int]]
"""Asks once and returns how many questions were answered."""


async def measured(ask: Ask, workers: int, seconds: float) -> float:
    """Return the answers in a second when so many workers ask again as soon as they have an answer."""

    async def worker(until: float) -> int:
        answers = 0
        while time.perf_counter() < until:
            answers += await ask()
        return answers

    await asyncio.gather(*(worker(time.perf_counter() + seconds / 5) for _ in range(workers)))
    began = time.perf_counter()
    answers = sum(await asyncio.gather(*(worker(began + seconds) for _ in range(workers))))
    return answers / (time.perf_counter() - began)


class Asking:
    """One caller, with tokens to ask about."""

    def __init__(self, target: str, caller: ClientRow, tokens: list[bytes]) -> None:
        self.channel = grpc.aio.insecure_channel(target, options=_OPTIONS)
        self._stub = IntrospectionServiceStub(self.channel)
        pair = b64encode(f"{caller.client_id}:{caller.secret}".encode()).decode()
        self._metadata = (("authorization", f"Basic {pair}"),)
        self._tokens = tokens
        self._next = 0

    def _request(self) -> pb.IntrospectRequest:
        self._next = (self._next + 1) % len(self._tokens)
        return pb.IntrospectRequest(token=self._tokens[self._next])

    async def one(self) -> int:
        """Ask one question in a call of its own."""
        answer = await self._stub.Introspect(self._request(), metadata=self._metadata, timeout=10)
        return int(answer.active)

    async def batch(self) -> int:
        """Ask a batch of questions."""
        items = [self._request() for _ in range(BATCH)]
        answer = await self._stub.IntrospectBatch(
            pb.IntrospectBatchRequest(items=items), metadata=self._metadata, timeout=10
        )
        return sum(each.response.active for each in answer.items)

    async def stream(self) -> int:
        """Ask questions on one stream, a window of them on their way at once."""
        room = asyncio.Semaphore(WINDOW)

        async def questions() -> AsyncIterator[pb.IntrospectStreamRequest]:
            for number in range(20 * WINDOW):
                await room.acquire()
                yield pb.IntrospectStreamRequest(id=number, request=self._request())

        answers = 0
        async for answer in self._stub.IntrospectStream(questions(), metadata=self._metadata, timeout=60):
            room.release()
            answers += answer.item.response.active
        return answers


@contextmanager
def echo_server() -> Iterator[str]:
    """Run the floor and give its address."""
    command = (sys.executable, "-m", "benchmarks.echo_server")
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as echo:  # noqa: S603 - our own program
        try:
            yield f"127.0.0.1:{next(iter(echo.stdout or ())).strip()}"
        finally:
            echo.kill()


@contextmanager
def replica() -> Iterator[tuple[str, ClientRow, list[bytes]]]:
    """Run a replica of introspect over a database with live tokens; give its address, a caller, and the tokens."""
    with (
        EmbeddedPostgresServer.running() as server,
        Databases(server).migrated() as database,
        database.connect() as connection,
        tempfile.TemporaryDirectory() as folder,
    ):
        rows = Rows(connection)
        caller, app = rows.client(serves=[PHOTOS]), rows.client("photos.read")
        grant = rows.grant(app, "photos.read")
        tokens = [rows.access_token(app, "photos.read", audience=PHOTOS, grant=grant).text for _ in range(TOKENS)]
        settings = {
            "ISSUER": ISSUER,
            "HTTP_LISTEN": "127.0.0.1:0",
            "GRPC_LISTEN": "127.0.0.1:0",
            "POSTGRES_DSN": database.dsn("tallystick_introspect"),
            "QUESTIONS_PER_CALLER": 0,
            "DRAIN_SECONDS": 1,
        }
        process = ServiceProcess("introspect", settings, Path(folder))
        try:
            process.wait_until_listening()
            yield process.grpc_target, caller, [token.encode() for token in tokens]
        finally:
            process.stop()


async def run(seconds: float) -> None:
    """Measure, and print a table."""
    with echo_server() as echo_target, replica() as (target, caller, tokens):
        asking = Asking(target, caller, tokens)
        async with grpc.aio.insecure_channel(echo_target, options=_OPTIONS) as echo, asking.channel:
            call: Any = echo.unary_unary(METHOD)

            async def floor() -> int:
                await call(tokens[0], timeout=10)
                return 1

            per_second = {
                "empty gRPC call": await measured(floor, IN_FLIGHT, seconds),
                "Introspect": await measured(asking.one, IN_FLIGHT, seconds),
                f"IntrospectBatch of {BATCH}": await measured(asking.batch, 4, seconds),
                "IntrospectStream, one stream": await measured(asking.stream, 1, seconds),
                f"IntrospectStream, {STREAMS} streams": await measured(asking.stream, STREAMS, seconds),
            }
    lowest = per_second["empty gRPC call"]
    for name, figure in per_second.items():
        print(f"{name:32} {figure:9,.0f} a second {figure / lowest:7.2f} of an empty call")  # noqa: T201 - it is asked for


if __name__ == "__main__":
    asyncio.run(run(float(sys.argv[1]) if len(sys.argv) > 1 else 3.0))
