"""gRPC servers: one interceptor in two forms, asynchronous and synchronous; only the latter serves streams.

Around every call it binds the request id and the peer's address, identifies the caller, asks the allow-list, bounds the
time (the asynchronous one; what the other waits for is bounded by itself), carries failures across by the one table,
and notes how the call ended.
"""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol, TypeVar

import grpc
import grpc.aio
from google.protobuf.message import DecodeError

from tallystick.runtime import allow_list, callers, client_address, request_id
from tallystick.runtime.bulkhead import Bulkhead
from tallystick.runtime.callers import Caller
from tallystick.runtime.failures import Invalid, TimedOut
from tallystick.runtime.grpc_calls import CANCELLED, OK, Calls, CountsCalls, uncounted
from tallystick.runtime.grpc_status import status_of
from tallystick.runtime.grpc_streams import Arrivals, Streams
from tallystick.runtime.lifecycle import StartError
from tallystick.runtime.randomness import Randomness
from tallystick.runtime.sample import Sample
from tallystick.runtime.service_identity import PeerCertificate
from tallystick.runtime.settings import PREFIX, ListenAddress
from tallystick.runtime.tracing.traces import NO_TRACES, Traces

_MAX_MESSAGE_BYTES = 256 * 1024
_LONGEST_CALL_SECONDS = 10.0
# The synchronous server answers thousands of calls a second, and a line for each would cost as much as the answers.
_LINES_A_SECOND = 20
_OPTIONS = (
    ("grpc.so_reuseport", 0),
    ("grpc.max_receive_message_length", _MAX_MESSAGE_BYTES),
    ("grpc.max_concurrent_streams", 1000),
    ("grpc.max_connection_age_ms", 90_000),
    ("grpc.max_connection_age_grace_ms", 20_000),
    ("grpc.http2.min_ping_interval_without_data_ms", 10_000),
)

Request = TypeVar("Request")
Response = TypeVar("Response")


class IdentifiesCaller(Protocol):
    """Says who is behind a connection's certificate, or else a call's `authorization` metadata.

    Raises `Unauthenticated` when nobody known is.
    """

    async def identify(self, authorization: str | None, certificate: PeerCertificate | None) -> Caller:
        """Return the caller."""


class IdentifiesCallerSync(Protocol):
    """The same for the synchronous server, which asks nobody for a certificate."""

    def identify(self, authorization: str | None) -> Caller:
        """Return the caller."""


def aio_server(
    callers_: IdentifiesCaller,
    randomness: Randomness,
    *inner: grpc.aio.ServerInterceptor,
    counted: CountsCalls = uncounted,
    traces: Traces = NO_TRACES,
) -> grpc.aio.Server:
    """Return an asynchronous server on which every method is guarded; further interceptors run inside the guard."""
    interceptors = [_AioGuard(callers_, randomness, Calls(counted, traces)), *inner]
    return grpc.aio.server(interceptors=interceptors, options=_OPTIONS, maximum_concurrent_rpcs=2000)


def sync_server(
    callers_: IdentifiesCallerSync,
    randomness: Randomness,
    *,
    threads: int,
    calls: Bulkhead,
    streams: Streams,
    counted: CountsCalls = uncounted,
    traces: Traces = NO_TRACES,
) -> grpc.Server:
    """Return a synchronous server on which every method is guarded.

    A handler of a bidirectional stream is given what has arrived together: not an iterator of messages, but one of
    sequences of them. Its caller is identified anew for each.
    """
    noted = Calls(counted, traces, Sample(time.monotonic, per_second=_LINES_A_SECOND))
    return grpc.server(
        ThreadPoolExecutor(threads, thread_name_prefix="grpc"),
        interceptors=[_SyncGuard(callers_, randomness, calls, streams, noted)],
        options=_OPTIONS,
        maximum_concurrent_rpcs=2000,
    )


def listen(
    server: grpc.Server | grpc.aio.Server,
    name: str,
    address: ListenAddress,
    credentials: grpc.ServerCredentials | None = None,
) -> int:
    """Bind a server, in plaintext without credentials, and return the port; raise `StartError` when it is taken."""
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    try:
        # Tried first, as gRPC would add a line in its own words to standard error.
        socket.create_server((address.host, address.port), family=family).close()
        if credentials is None:
            return int(server.add_insecure_port(str(address)))
        return int(server.add_secure_port(str(address), credentials))
    except (OSError, RuntimeError) as error:
        reason = f" ({error.strerror})" if isinstance(error, OSError) else ""
        raise StartError(
            f"{PREFIX}{name}: {address} cannot be used{reason}: stop what listens there or choose another address"
        ) from None


class _AioGuard(grpc.aio.ServerInterceptor):
    def __init__(self, callers_: IdentifiesCaller, randomness: Randomness, noted: Calls) -> None:
        self._callers = callers_
        self._randomness = randomness
        self._noted = noted

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[grpc.RpcMethodHandler[Request, Response] | None]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> grpc.RpcMethodHandler[Request, Response] | None:
        handler = await continuation(handler_call_details)
        method = str(handler_call_details.method)
        if handler is None or _is_streaming(handler):
            return None
        if method in allow_list.OPEN_METHODS:
            return handler
        metadata = _metadata(handler_call_details)
        behaviour: Any = handler.unary_unary

        async def guarded(octets: bytes, context: grpc.aio.ServicerContext[bytes, Response]) -> Response | None:
            call = self._noted.begin(method)
            request_id.begin(request_id.accepted(metadata.get(request_id.HEADER), str(self._randomness.uuid())))
            client_address.begin(client_address.of_grpc_peer(context.peer()))
            try:
                # There is nothing remaining, not even 0, for a caller that set no deadline.
                remaining = context.time_remaining() or _LONGEST_CALL_SECONDS
                async with asyncio.timeout(min(remaining, _LONGEST_CALL_SECONDS)):
                    certificate = PeerCertificate.of(context.auth_context())
                    caller = await self._callers.identify(metadata.get("authorization"), certificate)
                    allow_list.check(method, caller)
                    _begin(caller, metadata, context.peer())
                    call.follow(metadata)
                    answer: Response = await behaviour(_decoded(handler, octets), context)
            except asyncio.CancelledError:
                call.ended(CANCELLED)
                raise
            except TimeoutError:
                error: Exception = TimedOut("the call took too long")
            except Exception as caught:  # noqa: BLE001 - whatever it is must cross by the table
                error = caught
            else:
                call.answered()
                return answer
            call.failed(error)
            status = status_of(error)
            return await context.abort(status.code, status.details, status.trailing_metadata)

        return grpc.unary_unary_rpc_method_handler(guarded, None, handler.response_serializer)


class _SyncGuard(grpc.ServerInterceptor):
    def __init__(
        self,
        callers_: IdentifiesCallerSync,
        randomness: Randomness,
        calls: Bulkhead,
        streams: Streams,
        noted: Calls,
    ) -> None:
        self._callers = callers_
        self._randomness = randomness
        self._calls = calls
        self._streams = streams
        self.noted = noted

    def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], grpc.RpcMethodHandler[Request, Response] | None],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> grpc.RpcMethodHandler[Request, Response] | None:
        handler = continuation(handler_call_details)
        if handler is None:
            return None
        method = str(handler_call_details.method)
        metadata = _metadata(handler_call_details)
        if handler.request_streaming and handler.response_streaming:
            guarded = _GuardedStream(self, handler, method, metadata, self._streams)
            return grpc.stream_stream_rpc_method_handler(guarded, None, handler.response_serializer)
        if _is_streaming(handler):
            return None
        if method in allow_list.OPEN_METHODS:
            return handler
        behaviour: Any = handler.unary_unary

        def guarded_call(octets: bytes, context: grpc.ServicerContext) -> Response:
            call = self.noted.begin(method)
            self.begin(metadata, context)
            try:
                caller = self.admit(method, metadata, context)
                call.follow(metadata)
                with self._calls.place(caller.name):
                    answer: Response = behaviour(_decoded(handler, octets), context)
            except Exception as error:  # noqa: BLE001 - whatever it is must cross by the table
                call.failed(error)
                context.abort_with_status(status_of(error))
            call.answered()
            return answer

        return grpc.unary_unary_rpc_method_handler(guarded_call, None, handler.response_serializer)

    def begin(self, metadata: Mapping[str, str], context: grpc.ServicerContext) -> None:
        """Bind the request id and the peer's address."""
        request_id.begin(request_id.accepted(metadata.get(request_id.HEADER), str(self._randomness.uuid())))
        client_address.begin(client_address.of_grpc_peer(context.peer()))

    def admit(self, method: str, metadata: Mapping[str, str], context: grpc.ServicerContext) -> Caller:
        """Identify and bind the caller; raise a `Failure` unless it may call this method."""
        caller = self._callers.identify(metadata.get("authorization"))
        allow_list.check(method, caller)
        _begin(caller, metadata, context.peer())
        return caller


class _GuardedStream:
    """One stream of a method, from its first message to its last."""

    def __init__(
        self,
        guard: _SyncGuard,
        handler: grpc.RpcMethodHandler[Any, Any],
        method: str,
        metadata: Mapping[str, str],
        streams: Streams,
    ) -> None:
        # Where gRPC looks for the threads to run it in.
        self.experimental_thread_pool = streams.threads
        self._guard = guard
        self._handler = handler
        self._method = method
        self._metadata = metadata
        self._streams = streams

    def __call__(self, messages: Iterator[bytes], context: grpc.ServicerContext) -> Iterator[Any]:
        """Answer what arrives; gRPC runs this as it sends the answers."""
        behaviour: Any = self._handler.stream_stream
        call, taken = self._guard.noted.begin(self._method), 0
        self._guard.begin(self._metadata, context)
        try:
            with self._streams.place(context.cancel) as arrivals:
                try:
                    caller = self._guard.admit(self._method, self._metadata, context)
                    with self._streams.callers.place(caller.name):
                        arrivals.read(messages)
                        yield from behaviour(self._together(arrivals, context), context)
                finally:
                    taken = arrivals.taken
        except Exception as error:  # noqa: BLE001 - whatever it is must cross by the table
            call.failed(error, messages=taken)
            context.abort_with_status(status_of(error))
        except GeneratorExit:
            call.ended(CANCELLED, messages=taken)
            raise
        outcome = OK if context.is_active() else CANCELLED
        call.ended(outcome, messages=taken)

    def _together(self, arrivals: Arrivals, context: grpc.ServicerContext) -> Iterator[Sequence[Any]]:
        """Give what has arrived together, once its caller is known to be one still."""
        while octets := arrivals.take():
            self._guard.admit(self._method, self._metadata, context)
            requests: list[Any] = []
            malformed: Invalid | None = None
            for message in octets:
                try:
                    requests.append(_decoded(self._handler, message))
                except Invalid as error:
                    malformed = error
                    break
            # What came before a malformed message is answered before the stream ends.
            if requests:
                yield requests
            if malformed is not None:
                raise malformed


def _begin(caller: Caller, metadata: Mapping[str, str], peer: str) -> None:
    """Bind the caller; and of a service, which calls for somebody else, the address that it was asked from."""
    callers.begin(caller)
    if caller.kind in callers.SERVICES:
        told = metadata.get(client_address.HEADER)
        client_address.begin(client_address.accepted(told, client_address.of_grpc_peer(peer)))


def _is_streaming(handler: grpc.RpcMethodHandler[Request, Response]) -> bool:
    """Tell whether this is not a unary method; what is not guarded is answered UNIMPLEMENTED."""
    return bool(handler.request_streaming or handler.response_streaming)


def _decoded(handler: grpc.RpcMethodHandler[Request, Response], octets: bytes) -> Request:
    """Parse a request, for callers that may make it; gRPC's own parsing would blame the server, and log a traceback."""
    parse: Any = handler.request_deserializer or bytes
    try:
        request: Request = parse(octets)
    except DecodeError:
        raise Invalid("the request is no message of this method") from None
    return request


def _metadata(details: grpc.HandlerCallDetails) -> Mapping[str, str]:
    """Return the text metadata; a key that was sent twice is left out, so that nobody picks one of two."""
    seen: dict[str, list[str]] = {}
    for key, value in details.invocation_metadata or ():
        if isinstance(value, str):
            seen.setdefault(key, []).append(value)
    return {key: values[0] for key, values in seen.items() if len(values) == 1}
