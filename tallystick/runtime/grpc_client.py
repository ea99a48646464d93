"""A neighbour, and how to reach it: credential or certificate and a deadline with every call, failures translated.

With each go the request id and the address that the request in hand came from, for the neighbour's log and audit.
"""

import asyncio
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Any, Protocol, Self, TypeVar

import grpc.aio
from google.protobuf.message import Message

from tallystick.runtime import client_address, request_id
from tallystick.runtime.grpc_status import failure_of
from tallystick.runtime.tracing.traces import NO_TRACES, Traces
from tallystick.tls.certificates import Certificates
from tallystick.tls.channel_credentials import channel_credentials
from tallystick.tls.renewed import Renewed
from tallystick.tls.watched_certificates import WatchedCertificates

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
    # A channel has connections of its own, made with its own certificates.
    ("grpc.use_local_subchannel_pool", 1),
)

Request_contra = TypeVar("Request_contra", bound=Message, contravariant=True)
Response_co = TypeVar("Response_co", bound=Message, covariant=True)
Request = TypeVar("Request", bound=Message)
Response = TypeVar("Response", bound=Message)


class UnaryMethod(Protocol[Request_contra, Response_co]):
    """A method of an asynchronous stub."""

    def __call__(
        self, request: Request_contra, *, timeout: float | None, metadata: tuple[tuple[str, str], ...]
    ) -> Awaitable[Response_co]:
        """Make the call."""


class Neighbour:
    """One service, as another sees it.

    In plaintext it is shown a credential; with certificates it is reached over TLS, verified by its name, and shown
    ours. When they change calls go over a new channel, and those in progress end on the former.
    """

    def __init__(
        self,
        target: str,
        *,
        credential: str | None = None,
        certificates: WatchedCertificates | None = None,
        traces: Traces = NO_TRACES,
    ) -> None:
        self._target = target
        self._credential = () if credential is None else (("authorization", f"Bearer {credential}"),)
        self._followed = _Followed(traces)
        self._closing: set[asyncio.Task[None]] = set()
        self._reached = Renewed(self._reach, self._end, certificates)

    async def call(
        self,
        method_of: Callable[[grpc.aio.Channel], UnaryMethod[Request, Response]],
        request: Request,
        *,
        seconds: float,
    ) -> Response:
        """Make a call and return the answer; raise the `Failure` that it ended with."""
        metadata = (
            *self._credential,
            (request_id.HEADER, request_id.current()),
            (client_address.HEADER, client_address.current()),
        )
        try:
            with self._reached.use() as reached:
                return await reached.method(method_of)(request, timeout=seconds, metadata=metadata)
        except grpc.aio.AioRpcError as error:
            raise failure_of(error) from error

    def _reach(self, certificates: Certificates | None) -> "_Reached":
        followed = [self._followed]
        if certificates is None:
            return _Reached(grpc.aio.insecure_channel(self._target, options=_OPTIONS, interceptors=followed))
        credentials = channel_credentials(certificates)
        return _Reached(grpc.aio.secure_channel(self._target, credentials, options=_OPTIONS, interceptors=followed))

    def _end(self, former: "_Reached") -> None:
        closing = asyncio.get_running_loop().create_task(former.channel.close())
        self._closing.add(closing)
        closing.add_done_callback(self._closing.discard)

    async def close(self) -> None:
        """Close the channel, and former ones with calls in progress, which end."""
        self._reached.close()
        await asyncio.gather(*self._closing)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()


class _Reached:
    """A channel, and the methods that were called over it."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self.channel = channel
        self._methods: dict[Any, Any] = {}

    def method(
        self, method_of: Callable[[grpc.aio.Channel], UnaryMethod[Request, Response]]
    ) -> UnaryMethod[Request, Response]:
        """Return the method of this channel."""
        found: UnaryMethod[Request, Response] | None = self._methods.get(method_of)
        if found is None:
            found = self._methods[method_of] = method_of(self.channel)
        return found


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
