"""Real gRPC servers with methods of all four kinds that say whose token is behind the call, and a caller of them."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import grpc
import grpc.aio

from tallystick.resource import current_token

PHOTOS = "https://photos.example"
METHODS = ("Single", "Out", "In", "Both")

Metadata = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Answer:
    """How a call ended: what the handlers sent, the status, the challenge beside it, and the words for people."""

    said: tuple[str, ...] = ()
    code: grpc.StatusCode = grpc.StatusCode.OK
    challenge: str = ""
    details: str = field(default="", compare=False)


def whose(_: object, __: object) -> bytes:
    return current_token().username.encode()


def whose_twice(_: object, __: object) -> Iterator[bytes]:
    yield current_token().username.encode()
    yield current_token().username.encode()


async def whose_async(_: object, __: object) -> bytes:
    await asyncio.sleep(0)
    return current_token().username.encode()


async def whose_twice_async(_: object, __: object) -> AsyncIterator[bytes]:
    for _attempt in range(2):
        await asyncio.sleep(0)
        yield current_token().username.encode()


async def whose_written(_: object, context: "grpc.aio.ServicerContext[bytes, bytes]") -> None:
    await context.write(current_token().username.encode())


def handlers(single: Callable[..., object], out: Callable[..., object], **more: Callable[..., object]) -> object:
    """Return a service with a method of each kind."""
    return grpc.method_handlers_generic_handler(
        "test.Echo",
        {
            "Single": grpc.unary_unary_rpc_method_handler(single),
            "Print": grpc.unary_unary_rpc_method_handler(single),
            "Unlisted": grpc.unary_unary_rpc_method_handler(single),
            "Out": grpc.unary_stream_rpc_method_handler(out),
            "In": grpc.stream_unary_rpc_method_handler(single),
            "Both": grpc.stream_stream_rpc_method_handler(out),
            **{name: grpc.unary_stream_rpc_method_handler(behaviour) for name, behaviour in more.items()},
        },
    )


def invoke(port: int, method: str, metadata: Metadata) -> Answer:
    """Call a method as its kind is called."""
    path = f"/test.Echo/{method}"
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        options = {"metadata": metadata, "timeout": 5}
        try:
            match method:
                case "Out" | "Written":
                    said = list(channel.unary_stream(path)(b"", **options))
                case "In":
                    said = [channel.stream_unary(path)(iter([b"", b""]), **options)]
                case "Both":
                    said = list(channel.stream_stream(path)(iter([b"", b""]), **options))
                case _:
                    said = [channel.unary_unary(path)(b"", **options)]
            return Answer(tuple(map(bytes.decode, said)))
        except grpc.RpcError as error:
            challenge = str(dict(error.trailing_metadata()).get("www-authenticate", ""))
            return Answer((), error.code(), challenge, error.details() or "")


async def call(guard: grpc.ServerInterceptor, method: str, metadata: Metadata) -> Answer:
    """Call a method of a `grpc.server` behind a guard."""
    server = grpc.server(ThreadPoolExecutor(2), interceptors=[guard])
    server.add_generic_rpc_handlers((handlers(whose, whose_twice),))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        return await asyncio.to_thread(invoke, port, method, metadata)
    finally:
        server.stop(None).wait()


async def call_async(guard: grpc.aio.ServerInterceptor, method: str, metadata: Metadata) -> Answer:
    """Call a method of a `grpc.aio.server` behind a guard."""
    server = grpc.aio.server(interceptors=[guard])
    server.add_generic_rpc_handlers((handlers(whose_async, whose_twice_async, Written=whose_written),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        return await asyncio.to_thread(invoke, port, method, metadata)
    finally:
        await server.stop(None)


def bearer(token: str, scheme: str = "Bearer") -> Metadata:
    """Return the metadata that shows a token."""
    return (("authorization", f"{scheme} {token}"),)
