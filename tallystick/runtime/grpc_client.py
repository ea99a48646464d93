"""A channel to a neighbour: credential and deadline on every call, and failures translated.

With each go the request id and the address that the request in hand came from, for the neighbour's log and audit.
"""

from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Any, Protocol, Self, TypeVar

import grpc.aio
from google.protobuf.message import Message

from tallystick.runtime import client_address, request_id
from tallystick.runtime.grpc_status import failure_of
from tallystick.runtime.tracing.traces import NO_TRACES, Traces

_OPTIONS = (
    ("grpc.lb_policy_name", "round_robin"),
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.keepalive_timeout_ms", 5_000),
    ("grpc.enable_retries", 0),
    ("grpc.max_reconnect_backoff_ms", 2_000),
    # Whoever ends closes its connections, and names are looked up again then. gRPC would do so every 30 s at most, in
    # which a rolling update may have replaced all replicas that the last answer held.
    ("grpc.dns_min_time_between_resolutions_ms", 1_000),
    # A credential in plaintext is for the neighbour, not for whatever proxy the environment names.
    ("grpc.enable_http_proxy", 0),
)

Request_contra = TypeVar("Request_contra", bound=Message, contravariant=True)
Response_co = TypeVar("Response_co", bound=Message, covariant=True)


class UnaryMethod(Protocol[Request_contra, Response_co]):
    """A method of an asynchronous stub."""

    def __call__(
        self, request: Request_contra, *, timeout: float | None, metadata: tuple[tuple[str, str], ...]
    ) -> Awaitable[Response_co]:
        """Make the call."""


class Neighbour:
    """One service, as another sees it."""

    def __init__(self, target: str, credential: str, traces: Traces = NO_TRACES) -> None:
        self.channel = grpc.aio.insecure_channel(target, options=_OPTIONS, interceptors=[_Followed(traces)])
        self._credential = credential

    async def call(
        self, method: UnaryMethod[Request_contra, Response_co], request: Request_contra, *, seconds: float
    ) -> Response_co:
        """Make a call and return the answer; raise the `Failure` that it ended with."""
        metadata = (
            ("authorization", f"Bearer {self._credential}"),
            (request_id.HEADER, request_id.current()),
            (client_address.HEADER, client_address.current()),
        )
        try:
            return await method(request, timeout=seconds, metadata=metadata)
        except grpc.aio.AioRpcError as error:
            raise failure_of(error) from error

    async def close(self) -> None:
        """Close the channel."""
        await self.channel.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()


class _Followed(grpc.aio.UnaryUnaryClientInterceptor):
    def __init__(self, traces: Traces) -> None:
        self._traces = traces

    async def intercept_unary_unary(
        self,
        continuation: Callable[[grpc.aio.ClientCallDetails, Any], Awaitable[Any]],
        client_call_details: grpc.aio.ClientCallDetails,
        request: Any,
    ) -> Any:
        details: Any = client_call_details
        with self._traces.call_made(details.method.decode()) as pairs:
            told = grpc.aio.Metadata(*(details.metadata or ()), *pairs)
            return await (await continuation(details._replace(metadata=told), request))
