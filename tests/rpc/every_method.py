"""All methods of all services, and a handler that answers any of them, so that only the guard stands before it."""

import importlib
import pkgutil
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Any

import grpc
from google.protobuf.descriptor import FileDescriptor, MethodDescriptor

import tallystick

REACHED = b"reached"


def described_methods() -> Iterator[MethodDescriptor]:
    """Return all methods in tallystick.*.v1, found by looking at the packages."""
    for module in pkgutil.walk_packages(tallystick.__path__, "tallystick."):
        if module.name.endswith("_pb2") and ".v1." in module.name:
            file: FileDescriptor = importlib.import_module(module.name).DESCRIPTOR
            for service in file.services_by_name.values():
                yield from service.methods


def full_name(method: MethodDescriptor) -> str:
    return f"/{method.containing_service.full_name}/{method.name}"


ALL_METHODS = sorted(full_name(method) for method in described_methods())
STREAMS = {full_name(method) for method in described_methods() if method.client_streaming or method.server_streaming}


class EveryMethod(grpc.GenericRpcHandler):
    """Answers every call and stream, so that only the guard stands before it."""

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> Any:
        if handler_call_details.method in STREAMS:
            return grpc.stream_stream_rpc_method_handler(self._answers)
        return grpc.unary_unary_rpc_method_handler(self._answer)

    def _answer(self, _request: bytes, _context: grpc.ServicerContext) -> bytes:
        return REACHED

    def _answers(self, arrived: Iterator[Sequence[bytes]], _context: grpc.ServicerContext) -> Iterator[bytes]:
        for messages in arrived:
            yield from (REACHED for _ in messages)


class EveryMethodAsync(grpc.GenericRpcHandler):
    """The same for the asynchronous server."""

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> Any:
        if handler_call_details.method in STREAMS:
            return grpc.stream_stream_rpc_method_handler(self._answers)
        return grpc.unary_unary_rpc_method_handler(self._answer)

    async def _answer(self, _request: bytes, _context: Any) -> bytes:
        return REACHED

    async def _answers(self, messages: AsyncIterator[bytes], _context: Any) -> AsyncIterator[bytes]:
        async for _ in messages:
            yield REACHED


async def outcome(channel: grpc.aio.Channel, method: str, bearer: str | None = None) -> grpc.StatusCode:
    """Return how a call ends, by whoever shows this credential or none."""
    metadata = () if bearer is None else (("authorization", f"Bearer {bearer}"),)
    call = channel.unary_unary(method)(b"", metadata=metadata, timeout=10)
    try:
        await call
    except grpc.aio.AioRpcError as error:
        return error.code()
    return await call.code()
