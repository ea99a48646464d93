"""What Postgres says of a token and of everything behind it, and what a caller is told. All of it is frozen."""

from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from tallystick.oauth2.client import AuthenticatableClient


@dataclass(frozen=True, slots=True)
class CallerLookup:
    """Whoever a client_id names, None when nobody, and Postgres's time, by which secrets are judged."""

    now: datetime
    client: AuthenticatableClient | None


@dataclass(frozen=True, slots=True)
class Client:
    """A client as it is now. Its epoch rises whenever everything issued to it before shall be dead."""

    enabled: bool
    epoch: int
    scopes: frozenset[str]


@dataclass(frozen=True, slots=True)
class ResourceOwner:
    """A user as he or she is now."""

    user_id: UUID
    username: str
    enabled: bool
    epoch: int


@dataclass(frozen=True, slots=True)
class Grant:
    """A grant, the epochs that held when it was given, and who and what stands behind it now.

    `owner` is None when the user was deleted, `consent_epoch_now` when the consent was.
    """

    client_id: str
    ended: bool
    client_epoch: int
    user_epoch: int
    consent_epoch: int
    owner: ResourceOwner | None
    consent_epoch_now: int | None


@dataclass(frozen=True, slots=True)
class AccessTokenRecord:
    """An access token. `expired` is Postgres's judgement, by its clock; `revoked` says that it was ended by itself.

    `grant_id` is None for a client that acts for itself (RFC 6749 §4.4); with a `grant_id` and no `grant`, the grant
    has been removed. `audience_callers` are the clients that serve the resource which the token is for.
    """

    client_id: str
    client_epoch: int
    scopes: tuple[str, ...]
    audience: str
    issued_at: datetime
    expires_at: datetime
    expired: bool
    revoked: bool
    client: Client | None
    grant_id: UUID | None
    grant: Grant | None
    audience_callers: frozenset[str]


@dataclass(frozen=True, slots=True)
class RefreshTokenRecord:
    """The current refresh token of a grant. `expired` is Postgres's judgement, by its clock.

    `may_refresh` says that a refresh is left and that the client may use refresh tokens.
    """

    grant: Grant
    scopes: tuple[str, ...]
    client: Client | None
    generation: int
    digest: bytes = field(repr=False)
    may_refresh: bool
    issued_at: datetime
    expires_at: datetime
    expired: bool


@dataclass(frozen=True, slots=True)
class Introspection:
    """What a caller is told (RFC 7662 §2.2). Times are seconds since 1970; what does not apply is empty."""

    active: bool = False
    scopes: tuple[str, ...] = ()
    client_id: str = ""
    username: str = ""
    token_type: str = ""
    exp: int = 0
    iat: int = 0
    sub: str = ""
    aud: tuple[str, ...] = ()
    iss: str = ""


INACTIVE = Introspection()
"""The one answer to every doubt."""
