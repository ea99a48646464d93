"""Calls to the services as an operator: with the credential, over TLS or to this machine only, with a deadline."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self, TypeVar
from uuid import uuid4

import grpc
from google.protobuf.message import Message

from tallystick.cli.environment import PREFIX, authorities_file, targets
from tallystick.cli.operator_credential import read_operator_credential
from tallystick.cli.usage import CommandFailed
from tallystick.resource.channel import is_loopback
from tallystick.tls.certificates import CertificateError, CertificateFiles
from tallystick.tls.channel_credentials import channel_credentials

SECONDS = 10.0
PAGE_SIZE = 200

_LARGEST_ANSWER_BYTES = 64 * 1024 * 1024
_OPTIONS = (
    ("grpc.max_receive_message_length", _LARGEST_ANSWER_BYTES),
    ("grpc.enable_retries", 0),
    # The credential is for the service, not for whatever proxy the environment names.
    ("grpc.enable_http_proxy", 0),
    # Whoever waits for a service to come back learns soon that it has.
    ("grpc.max_reconnect_backoff_ms", 2000),
)
_GONE_FOR_NOW = frozenset({grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED})
# Where google.rpc.Status travels: whatever has none of ours was not said by a service.
_DETAILS = "grpc-status-details-bin"

Request = TypeVar("Request", bound=Message)
Response = TypeVar("Response", bound=Message)


class NoAnswer(CommandFailed):
    """There is no answer now; the same question may have one later."""


class PagedResponse(Protocol):
    """A page of a list."""

    @property
    def next_page_token(self) -> str:
        """Where the next page begins; empty when there is none."""


Paged = TypeVar("Paged", bound=PagedResponse)


class Connection:
    """A channel to one service."""

    def __init__(self, service: str, target: str, credential: str, authorities: Path | None = None) -> None:
        self._service = service
        self._target = target
        self._over = " over TLS" if _is_over_tls(target, authorities) else ""
        self._request_id = str(uuid4())
        self._metadata = (("authorization", f"Bearer {credential}"), ("x-request-id", self._request_id))
        self.channel = channel_to(target, authorities)

    def call(self, method: "grpc.UnaryUnaryMultiCallable[Request, Response]", request: Request) -> Response:
        """Make a call and return the answer.

        Raise `CommandFailed` with what the service said, `NoAnswer` with why it said nothing.
        """
        try:
            return method(request, timeout=SECONDS, metadata=self._metadata)
        except grpc.RpcError as error:
            raise self._failure(error) from None

    def _failure(self, error: Any) -> CommandFailed:
        # What a call ends with is the call itself too, which its type does not say.
        return (NoAnswer if error.code() in _GONE_FOR_NOW else CommandFailed)(self._refusal(error))

    def _refusal(self, error: Any) -> str:
        code, said = error.code(), error.details() or ""
        if code is grpc.StatusCode.DEADLINE_EXCEEDED:
            return f"{self._service} at {self._target} gave no answer within {SECONDS:.0f} s: see its log"
        if not any(key == _DETAILS for key, _ in error.trailing_metadata() or ()):
            return self._unsaid(code, said)
        if code is grpc.StatusCode.INTERNAL:
            return f"{self._service} failed: its log says why, under request_id {self._request_id}"
        if code is grpc.StatusCode.UNAUTHENTICATED:
            return f"{self._service} does not know this operator: {said}: name another --admin-token-file"
        return said

    def _unsaid(self, code: grpc.StatusCode, why: str) -> str:
        """Return why a call failed before any service of ours could say so."""
        setting = f"{PREFIX}{self._service.upper()}_TARGET"
        if code is grpc.StatusCode.UNAVAILABLE:
            return (
                f"{self._service} cannot be reached{self._over} at {self._target}: start it (`tallystick up`), or set "
                f"{setting} to where it serves gRPC"
            )
        if code is grpc.StatusCode.RESOURCE_EXHAUSTED:
            return f"{self._service} does not take so much at once: send less ({why})"
        return f"what serves gRPC at {self._target} answers {code.name}: set {setting} to where {self._service} does"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.channel.close()


@dataclass(frozen=True, slots=True)
class Operator:
    """Whoever gives the command; the credential is read when it is needed."""

    admin_token_file: Path | None

    def authorize(self) -> Connection:
        """Connect to authorize."""
        return self._connect("authorize")

    def token(self) -> Connection:
        """Connect to token."""
        return self._connect("token")

    def introspect(self) -> Connection:
        """Connect to introspect."""
        return self._connect("introspect")

    def _connect(self, service: str) -> Connection:
        credential = read_operator_credential(self.admin_token_file)
        return Connection(service, targets()[service], credential, authorities_file())


def channel_to(target: str, authorities: Path | None) -> grpc.Channel:
    """Return a channel: over TLS, but in plaintext to this machine unless it is said which authorities to believe.

    Raise `CommandFailed` when there are none in the file.
    """
    if not _is_over_tls(target, authorities):
        return grpc.insecure_channel(target, options=_OPTIONS)
    if authorities is None:
        return grpc.secure_channel(target, grpc.ssl_channel_credentials(), options=_OPTIONS)
    try:
        certificates = CertificateFiles(authorities).read()
    except CertificateError as error:
        raise CommandFailed(f"{PREFIX}TLS_CA_FILE: {error}") from None
    return grpc.secure_channel(target, channel_credentials(certificates), options=_OPTIONS)


def _is_over_tls(target: str, authorities: Path | None) -> bool:
    return authorities is not None or not is_loopback(target)


def pages(read: Callable[[str], Paged]) -> Iterator[Paged]:
    """Read page after page, each by the token that the one before ended with."""
    token = ""
    while True:
        page = read(token)
        yield page
        token = page.next_page_token
        if not token:
            return
