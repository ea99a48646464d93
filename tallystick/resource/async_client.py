"""The asynchronous client of introspection."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import grpc
import grpc.aio

from tallystick.boot_clock import boot_seconds
from tallystick.introspect.v1.introspection_pb2_grpc import IntrospectionServiceStub
from tallystick.resource import access, channel
from tallystick.resource.access import Access, Denial
from tallystick.resource.answer_cache import AnswerCache, key_of
from tallystick.resource.errors import IntrospectionError, error_of
from tallystick.resource.freshness import LEASED, Freshness
from tallystick.resource.introspection import INACTIVE, Introspection, from_message
from tallystick.resource.questions import Batch, Outcome, about_access, about_token, octets_of
from tallystick.tls.renewed import Renewed

if TYPE_CHECKING:
    # What the stub is over an asynchronous channel; only its types know that.
    from tallystick.introspect.v1.introspection_pb2_grpc import IntrospectionServiceAsyncStub


class AsyncIntrospectionClient:
    """Asks introspection about tokens from an event loop; like `IntrospectionClient` in all else."""

    def __init__(
        self,
        target: str,
        *,
        client_id: str,
        client_secret: str,
        timeout_seconds: float = channel.TIMEOUT_SECONDS,
        channel_credentials: channel.Credentials | None = None,
        insecure: bool = False,
        reuse: int = channel.REUSE,
        clock: Callable[[], float] = boot_seconds,
    ) -> None:
        channel.check_plaintext(target, channel_credentials, insecure=insecure)
        self._target = target
        self._timeout_seconds = timeout_seconds
        self._metadata = (("authorization", channel.basic_authorization(client_id, client_secret)),)
        self._tokens = AnswerCache[Introspection](reuse, clock)
        self._verdicts = AnswerCache[Access](reuse, clock)
        self._closing: set[asyncio.Task[None]] = set()
        self._asked = Renewed(
            lambda certificates: _Asked(target, channel.in_force(channel_credentials, certificates)),
            self._end,
            channel.watched(channel_credentials),
        )

    async def introspect(self, token: str, *, freshness: Freshness = LEASED) -> Introspection:
        """Say what is to be known about a token; raise `IntrospectionUnavailable` or `NotAllowedToIntrospect`."""
        if not token:
            return INACTIVE
        octets = octets_of(token)
        key = key_of(octets)
        kept = self._tokens.find(key, freshness)
        if kept is not None:
            return kept
        sent = self._tokens.now()
        message = await self._call(lambda stub: stub.Introspect, about_token(octets, freshness))
        return self._tokens.keep(key, from_message(message), sent=sent, freshness=freshness)

    async def introspect_batch(self, tokens: Iterable[str], *, freshness: Freshness = LEASED) -> list[Outcome]:
        """Say for each token what is to be known about it, or return the error that `introspect` would raise.

        A thousand of them go into one call; what is wrong with one harms no other.
        """
        batch = Batch(tokens, self._tokens, freshness)
        for part in batch.parts():
            sent = self._tokens.now()
            try:
                message = await self._call(lambda stub: stub.IntrospectBatch, batch.request(part))
            except IntrospectionError as error:
                batch.failed(part, error)
            else:
                batch.answered(part, message, sent=sent)
        return batch.outcomes()

    async def check_access(self, token: str, resource: str, service: str, *, freshness: Freshness = LEASED) -> Access:
        """Say whether a token is good for a service of a resource: live, within its scope, and its owner authorised.

        `service` is what is requested, exactly as it came: `POST /photos.v1.Albums/Get`, `GET /albums/7?page=2`.
        Raises `IntrospectionUnavailable`, or `NotAllowedToIntrospect` also when the resource is not ours.
        """
        if not token:
            return access.denied(resource, Denial.TOKEN_INACTIVE)
        question = octets_of(token), octets_of(resource), octets_of(service)
        key = key_of(*question)
        kept = self._verdicts.find(key, freshness)
        if kept is not None:
            return kept
        sent = self._verdicts.now()
        message = await self._call(lambda stub: stub.CheckAccess, about_access(*question, freshness))
        return self._verdicts.keep(key, access.from_message(message), sent=sent, freshness=freshness)

    async def _call(
        self, method_of: "Callable[[IntrospectionServiceAsyncStub], Callable[..., Awaitable[Any]]]", request: object
    ) -> Any:
        try:
            with self._asked.use() as asked:
                return await method_of(asked.stub)(request, timeout=self._timeout_seconds, metadata=self._metadata)
        except grpc.aio.AioRpcError as error:
            raise error_of(error) from error

    def _end(self, former: "_Asked") -> None:
        closing = asyncio.get_running_loop().create_task(former.close())
        self._closing.add(closing)
        closing.add_done_callback(self._closing.discard)

    async def close(self) -> None:
        """Close the channel, and former ones with calls in progress, which end."""
        self._asked.close()
        await asyncio.gather(*self._closing)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._target!r})"


class _Asked:
    """A channel, and the service that is asked over it."""

    def __init__(self, target: str, credentials: grpc.ChannelCredentials | None) -> None:
        if credentials is None:
            self._channel = grpc.aio.insecure_channel(target, options=channel.options(plaintext=True))
        else:
            self._channel = grpc.aio.secure_channel(target, credentials, options=channel.options(plaintext=False))
        self.stub = IntrospectionServiceStub(self._channel)

    async def close(self) -> None:
        """Close the channel."""
        await self._channel.close()
