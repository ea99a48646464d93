"""The synchronous client of introspection."""

from collections.abc import Callable, Iterable
from types import TracebackType
from typing import Any, Self

import grpc

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


class IntrospectionClient:
    """Asks introspection about tokens. Share one among all threads and close it at the end, or use it in `with`.

    `target` is a gRPC target; plaintext goes to loopback only, unless `insecure` says that something else encrypts.
    `timeout_seconds` bounds each call, retries included: a call that met UNAVAILABLE is repeated twice within it.

    Up to `reuse` answers about tokens and as many verdicts are kept in memory and reused for as long as introspection
    says that they hold, less than a second by default: nothing that was over when the question was asked is called
    live, reused or not. 0 asks each time. `clock` tells seconds since the machine was started.

    `channel_credentials` may be `CertificateFiles`: when they change, calls go over a new channel, and those in
    progress end on the former.

    Raises `ValueError` for plaintext that would leave the machine, `CertificateError` for files that cannot be used.
    """

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
        self._asked = Renewed(
            lambda certificates: _Asked(target, channel.in_force(channel_credentials, certificates)),
            _Asked.close,
            channel.watched(channel_credentials),
        )

    def introspect(self, token: str, *, freshness: Freshness = LEASED) -> Introspection:
        """Say what is to be known about a token; raise `IntrospectionUnavailable` or `NotAllowedToIntrospect`."""
        if not token:
            return INACTIVE
        octets = octets_of(token)
        key = key_of(octets)
        kept = self._tokens.find(key, freshness)
        if kept is not None:
            return kept
        sent = self._tokens.now()
        message = self._call(lambda stub: stub.Introspect, about_token(octets, freshness))
        return self._tokens.keep(key, from_message(message), sent=sent, freshness=freshness)

    def introspect_batch(self, tokens: Iterable[str], *, freshness: Freshness = LEASED) -> list[Outcome]:
        """Say for each token what is to be known about it, or return the error that `introspect` would raise.

        A thousand of them go into one call; what is wrong with one harms no other.
        """
        batch = Batch(tokens, self._tokens, freshness)
        for part in batch.parts():
            sent = self._tokens.now()
            try:
                message = self._call(lambda stub: stub.IntrospectBatch, batch.request(part))
            except IntrospectionError as error:
                batch.failed(part, error)
            else:
                batch.answered(part, message, sent=sent)
        return batch.outcomes()

    def check_access(self, token: str, resource: str, service: str, *, freshness: Freshness = LEASED) -> Access:
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
        message = self._call(lambda stub: stub.CheckAccess, about_access(*question, freshness))
        return self._verdicts.keep(key, access.from_message(message), sent=sent, freshness=freshness)

    def _call(self, method_of: Callable[[IntrospectionServiceStub], Callable[..., Any]], request: object) -> Any:
        try:
            with self._asked.use() as asked:
                return method_of(asked.stub)(request, timeout=self._timeout_seconds, metadata=self._metadata)
        except grpc.RpcError as error:
            raise error_of(error) from error

    def close(self) -> None:
        """Close the channel, and former ones with calls in progress, which end."""
        self._asked.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._target!r})"


class _Asked:
    """A channel, and the service that is asked over it."""

    def __init__(self, target: str, credentials: grpc.ChannelCredentials | None) -> None:
        if credentials is None:
            self._channel = grpc.insecure_channel(target, options=channel.options(plaintext=True))
        else:
            self._channel = grpc.secure_channel(target, credentials, options=channel.options(plaintext=False))
        self.stub = IntrospectionServiceStub(self._channel)

    def close(self) -> None:
        """Close the channel."""
        self._channel.close()
