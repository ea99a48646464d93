"""What a connection may cost: bytes before a request is served, time to send it, and requests at once."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

import pytest
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from tallystick.runtime.http import HttpServer, RequestFrame, listening_socket, read_body
from tallystick.runtime.http_protocol import MAX_HEAD_BYTES, BoundedHttpProtocol
from tallystick.runtime.randomness import SystemRandomness
from tallystick.runtime.settings import ListenAddress

HEAD = b"POST / HTTP/1.1\r\nHost: x\r\n"
SHORT_SECONDS = 0.3
PATIENCE_SECONDS = 5.0


class Impatient(BoundedHttpProtocol):
    """Waits less long for a head."""

    head_seconds = SHORT_SECONDS


async def count_body(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer with the body's length."""
    await PlainTextResponse(str(len(await read_body(receive))))(scope, receive, send)


async def count_body_in_haste(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer with the body's length, or 400 when it does not come."""
    try:
        await PlainTextResponse(str(len(await read_body(receive, seconds=SHORT_SECONDS))))(scope, receive, send)
    except ConnectionError:
        await PlainTextResponse("incomplete", 400)(scope, receive, send)


@dataclass(frozen=True, slots=True)
class Connection:
    """A connection to the server, byte by byte."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def ask(self, octets: bytes) -> bytes:
        """Send octets and return one answer: its head, and its body if it is announced."""
        self.writer.write(octets)
        async with asyncio.timeout(PATIENCE_SECONDS):
            head = await self.reader.readuntil(b"\r\n\r\n")
            length = head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]
            return head + await self.reader.readexactly(int(length))

    async def rest(self, octets: bytes = b"") -> bytes:
        """Send octets and return what comes until the server closes."""
        self.writer.write(octets)
        async with asyncio.timeout(PATIENCE_SECONDS):
            return await self.reader.read()


@asynccontextmanager
async def serving(app: ASGIApp, protocol: type[asyncio.Protocol] = BoundedHttpProtocol) -> AsyncIterator[int]:
    """Serve an app on a port of its own."""
    server = HttpServer(app, drain_seconds=1, protocol=protocol)
    bound = listening_socket("HTTP_LISTEN", ListenAddress(host="127.0.0.1", port=0))
    task = asyncio.create_task(server.serve(sockets=[bound]))
    await server.listening.wait()
    try:
        yield bound.getsockname()[1]
    finally:
        server.stop()
        await task
        bound.close()


@asynccontextmanager
async def connected(port: int) -> AsyncIterator[Connection]:
    """Connect."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        yield Connection(reader, writer)
    finally:
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()


def filled(octets: bytes, size: int) -> bytes:
    return octets + b"a" * (size - len(octets))


@pytest.mark.parametrize(
    "begun",
    [
        HEAD + b"x-one: ",
        HEAD + b"".join(b"x-%d: y\r\n" % number for number in range(2000)) + b"x-one: ",
        b"GET /",
        HEAD + b"Transfer-Encoding: chunked\r\n\r\n1;",
        HEAD + b"Transfer-Encoding: chunked\r\n\r\n0\r\nx-trailer: ",
    ],
    ids=["one header", "many headers", "path", "chunk extension", "trailer"],
)
async def test_what_is_no_body_is_bounded(begun: bytes) -> None:
    """One byte too many before, between or after the body is refused and the connection closed (GEN-02, GEN-13)."""
    async with serving(count_body) as port, connected(port) as connection:
        answer = await connection.rest(filled(begun, MAX_HEAD_BYTES + 1))
    assert answer.startswith(b"HTTP/1.1 431 ")
    assert b"\r\ncache-control: no-store\r\n" in answer


async def test_no_http_is_refused_without_store() -> None:
    """An answer from below the app is not stored either (GEN-02)."""
    async with serving(count_body) as port, connected(port) as connection:
        answer = await connection.rest(b"\0\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b"\r\ncache-control: no-store\r\n" in answer


async def test_large_requests_below_the_bound_are_served() -> None:
    """Long headers, a long body in chunks and requests sent ahead are all answered, on one connection."""
    long_head = filled(HEAD + b"x-one: ", MAX_HEAD_BYTES - 100) + b"\r\nContent-Length: 2\r\n\r\nab"
    chunks = b"".join(b"400\r\n%b\r\n" % (b"a" * 1024) for _ in range(64)) + b"0\r\n\r\n"
    chunked = HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + chunks
    async with serving(count_body) as port, connected(port) as connection:
        for _ in range(3):
            assert (await connection.ask(long_head)).endswith(b"\r\n\r\n2")
            assert (await connection.ask(chunked + chunked)).endswith(b"\r\n\r\n65536")
            assert (await connection.ask(b"")).endswith(b"\r\n\r\n65536")


@pytest.mark.parametrize("begun", [b"", b"\r\n", b"POST", HEAD + b"x-one: "])
async def test_a_head_that_does_not_come_closes_the_connection(begun: bytes) -> None:
    """Whoever sends no complete head in time, at first or after an answer, is disconnected (GEN-13)."""
    whole = HEAD + b"Content-Length: 1\r\n\r\na"
    async with serving(count_body, Impatient) as port:
        async with connected(port) as new:
            assert await new.rest(begun) == b""
        async with connected(port) as used:
            assert (await used.ask(whole)).endswith(b"\r\n\r\n1")
            assert await used.rest(begun) == b""


@pytest.mark.parametrize("sent", [b"", b"half"])
async def test_a_body_that_does_not_come_is_given_up(sent: bytes) -> None:
    """Whoever announces a body and does not send it in time is answered (GEN-13)."""
    frame = RequestFrame(count_body_in_haste, SystemRandomness())
    async with serving(frame) as port, connected(port) as connection:
        answer = await connection.ask(HEAD + b"Content-Length: 8\r\n\r\n" + sent)
    assert answer.startswith(b"HTTP/1.1 400 ")


async def test_more_requests_than_are_served_at_once_are_told_to_come_back() -> None:
    """The one too many gets 503 with Retry-After and no-store at once, and later requests are served (GEN-02)."""
    frame = RequestFrame(count_body, SystemRandomness(), max_requests=1)
    begun, whole = HEAD + b"Content-Length: 2\r\n\r\na", HEAD + b"Content-Length: 1\r\n\r\na"
    async with serving(frame) as port, connected(port) as first:
        # Whoever asks for it is told to go on only once the request is served, so it is in flight then.
        first.writer.write(begun.replace(b"Host: x", b"Host: x\r\nExpect: 100-continue"))
        assert (await first.reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 100 ")
        async with connected(port) as second:
            refused = (await second.rest(whole)).lower()
        assert (await first.ask(b"b")).endswith(b"\r\n\r\n2")
        async with connected(port) as third:
            assert (await third.ask(whole)).endswith(b"\r\n\r\n1")
    assert refused.startswith(b"http/1.1 503 ")
    assert b"\r\nretry-after: 1\r\n" in refused
    assert b"\r\ncache-control: no-store\r\n" in refused
    assert b"\r\nx-request-id: " in refused
