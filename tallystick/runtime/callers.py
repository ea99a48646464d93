"""Who is calling over gRPC: the identity behind a call's `authorization` metadata.

An operator shows the credential made for it (`Bearer tso_…`); introspect knows its callers as clients. A service is
known by its certificate (`service_identity`), and where TLS is not set up by a credential of its own (`Bearer tsv_…`).
Which identity may call what stands in `allow_list`.
"""

import hmac
import re
from collections.abc import Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from tallystick.oauth2 import opaque_token
from tallystick.oauth2.opaque_token import CredentialType, is_credential
from tallystick.runtime.failures import Unauthenticated
from tallystick.runtime.keys import read_private_file
from tallystick.runtime.settings import SettingsError

_BEARER = re.compile(r"bearer +([!-~]+) *", re.IGNORECASE | re.ASCII)
_CALLER_LINE = re.compile(r"(authorize|token|introspect):([0-9a-f]{64})")


class CallerKind(StrEnum):
    """The identities that the allow-list tells apart."""

    AUTHORIZE = "authorize"
    TOKEN = "token"
    INTROSPECT = "introspect"
    VIEWER = "viewer"
    ADMIN = "admin"
    RESOURCE_SERVER = "resource_server"


SERVICES = frozenset({CallerKind.AUTHORIZE, CallerKind.TOKEN})
"""The services that call others on somebody's behalf."""


@dataclass(frozen=True, slots=True)
class Caller:
    """An authenticated caller: its kind, and its own name (an operator's, or a client_id).

    `stale_by` is for how many seconds it has not been known to be one, as nobody can be asked: it may only have answers
    that are as old. 0 normally.
    """

    kind: CallerKind
    name: str
    stale_by: float = 0.0


_current: ContextVar[Caller] = ContextVar("caller")


def begin(caller: Caller) -> None:
    """Bind the caller to the call in hand."""
    _current.set(caller)


def current() -> Caller:
    """Return who makes the call in hand; only inside a handler."""
    return _current.get()


def bearer_credential(authorization: str | None) -> str:
    """Return what follows `Bearer`; raise `Unauthenticated` when there is nothing of the kind."""
    match = _BEARER.fullmatch(authorization or "")
    if match is None:
        raise Unauthenticated("send a credential as metadata authorization: Bearer …")
    return match[1]


class ServiceCredentials:
    """The digests of the services' own credentials, from a file of `service:sha256-hex` lines.

    A service may have several, so that its credential can be replaced while all replicas run.
    """

    def __init__(self, digests: Sequence[tuple[CallerKind, bytes]]) -> None:
        self._digests = tuple(digests)

    @classmethod
    def read(cls, variable: str, path: Path) -> "ServiceCredentials":
        """Read the file; raise `SettingsError` when it cannot be used."""
        digests: list[tuple[CallerKind, bytes]] = []
        for line in filter(None, (line.strip() for line in read_private_file(variable, path).splitlines())):
            match = _CALLER_LINE.fullmatch(line)
            if match is None:
                raise SettingsError(f"{variable}: {path} must hold lines of service:sha256-in-hexadecimal")
            digests.append((CallerKind(match[1]), bytes.fromhex(match[2])))
        return cls(digests)

    def identify(self, credential: str) -> Caller | None:
        """Return the service that a credential belongs to."""
        presented, found = opaque_token.digest(credential), None
        for kind, digest in self._digests:
            if hmac.compare_digest(presented, digest):
                found = Caller(kind, kind.value)
        return found


def read_service_credential(variable: str, path: Path) -> str:
    """Read a service's own credential; raise `SettingsError` when it cannot be used."""
    credential = read_private_file(variable, path).strip()
    if not is_credential(CredentialType.SERVICE, credential):
        raise SettingsError(f"{variable}: {path} does not hold a service credential (tsv_…)")
    return credential


def caller_line(service: str, credential: str) -> str:
    """Write the digest of a service's credential as `ServiceCredentials` reads it, with the end of the line."""
    return f"{service}:{opaque_token.digest(credential).hex()}\n"
