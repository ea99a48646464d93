"""What token knows, as frozen values without HTTP, protobuf or SQL. Secrets are kept out of `repr`."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from tallystick.oauth2.authorization_code import AuthorizationCode
from tallystick.oauth2.client import AuthenticatableClient, ClientType, GrantType
from tallystick.oauth2.opaque_token import AccessToken
from tallystick.oauth2.pkce import CodeChallenge
from tallystick.oauth2.refresh_token import RefreshToken


@dataclass(frozen=True, slots=True)
class Client(AuthenticatableClient):
    """A registered client: how it authenticates, what it may ask for, and which resources its scopes cover."""

    client_type: ClientType
    grant_types: frozenset[GrantType]
    scopes: frozenset[str]
    resources_of: Mapping[str, frozenset[str]]
    access_token_lifetime: timedelta | None
    refresh_limit: int | None
    epoch: int


@dataclass(frozen=True, slots=True)
class ClientLookup:
    """What one statement said of a client, and when by Postgres's clock, which the whole request then goes by."""

    now: datetime
    client: Client | None


@dataclass(frozen=True, slots=True)
class PresentedCode:
    """An authorization code with what was sent beside it (RFC 6749 §4.1.3, RFC 7636 §4.5)."""

    code: AuthorizationCode
    client_id: str
    redirect_uri: str | None
    code_verifier: str | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class CheckedCode:
    """What a code stands for, as authorize knows it. The grant's id was drawn with the code."""

    grant_id: UUID
    code_id: str
    code_digest: bytes
    user_id: UUID
    scopes: tuple[str, ...]
    redirect_uri: str
    redirect_uri_sent: bool
    code_challenge: CodeChallenge | None
    client_epoch: int
    user_epoch: int
    consent_epoch: int


@dataclass(frozen=True, slots=True)
class SpentCode:
    """What a grant keeps of its code, so that a replay is recognised for as long as the grant is kept."""

    grant_id: UUID
    client_id: str
    user_id: UUID
    code_digest: bytes
    redirect_uri: str
    redirect_uri_sent: bool
    code_challenge: CodeChallenge | None


@dataclass(frozen=True, slots=True)
class RefreshFamily:
    """How a refresh family begins: its first token, and how long and how often it may be refreshed."""

    digest: bytes
    limit: int | None
    lifetime: timedelta
    idle_lifetime: timedelta


@dataclass(frozen=True, slots=True)
class Redemption:
    """One attempt to spend a code. The id tells token's own retries from a replay."""

    redemption_id: UUID
    client_id: str
    code: CheckedCode
    family: RefreshFamily | None


@dataclass(frozen=True, slots=True)
class Spender:
    """Who spent a code: the grant that it became, and the redemption that won."""

    grant_id: UUID
    redemption_id: UUID


@dataclass(frozen=True, slots=True)
class AccessTokenRecord:
    """An access token as it is kept. Client credentials make no grant."""

    bucket: int
    digest: bytes
    grant_id: UUID | None
    client_id: str
    client_epoch: int
    scopes: tuple[str, ...]
    audience: str
    issued_at: datetime
    expires_at: datetime
    label: str = ""
    """What its client wants it for, in the client's words; at most 100 characters."""


@dataclass(frozen=True, slots=True)
class DrawnAccessToken:
    """An access token that is not yet kept, and so not yet issued."""

    token: AccessToken
    record: AccessTokenRecord


@dataclass(frozen=True, slots=True)
class PresentedToken:
    """What is kept of an access token that somebody presents."""

    client_id: str
    grant_id: UUID | None
    user_id: UUID | None
    """Of the grant, if there still is one."""
    over: bool
    """Whether it has expired or was revoked by itself; whatever its grant has come to."""


@dataclass(frozen=True, slots=True)
class IssuedTokens:
    """What a token request gets (RFC 6749 §5.1)."""

    access_token: str = field(repr=False)
    expires_in: int
    """Seconds."""
    scopes: tuple[str, ...]
    refresh_token: str | None = field(repr=False)
    grant_id: UUID | None
    """For the log; no part of the answer."""


def issued(drawn: DrawnAccessToken, refresh_token: RefreshToken | None) -> IssuedTokens:
    """Return the answer for an access token that is kept by now."""
    record = drawn.record
    return IssuedTokens(
        access_token=drawn.token.text,
        expires_in=int((record.expires_at - record.issued_at).total_seconds()),
        scopes=record.scopes,
        refresh_token=None if refresh_token is None else str(refresh_token),
        grant_id=record.grant_id,
    )


@dataclass(frozen=True, slots=True)
class Rotated:
    """One rotation of a refresh family: when a generation was replaced, its digest, and what made its successor."""

    at: datetime
    digest: bytes
    nonce: bytes = field(repr=False)
    key_id: str


@dataclass(frozen=True, slots=True)
class FamilyState:
    """A refresh family as one statement found it."""

    now: datetime
    """Postgres's time when it was read."""
    grant_id: UUID
    client_id: str
    user_id: UUID
    client_epoch: int
    """The client's epoch that the grant was made under."""
    scopes: tuple[str, ...]
    ended: bool
    stands: bool
    """Whether client, user and consent are there, enabled and of the epochs that the grant was made under."""
    generation: int
    digest: bytes
    limit_left: int | None
    idle_expires_at: datetime
    expires_at: datetime
    rotations: tuple[Rotated, ...]
    """The last eight, oldest first."""


@dataclass(frozen=True, slots=True)
class Rotation:
    """A wish to replace the current generation by the next."""

    presented: RefreshToken
    successor: RefreshToken
    client_id: str
    nonce: bytes = field(repr=False)
    idle_lifetime: timedelta


class EndReason(StrEnum):
    """Why a grant ended."""

    CODE_REPLAYED = "code_replayed"
    REFRESH_REUSED = "refresh_reused"
    REVOKED_BY_OPERATOR = "revoked_by_operator"
    REVOKED_BY_CLIENT = "revoked_by_client"
    WITHDRAWN = "withdrawn"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True)
class GrantParties:
    """Whose grant it is."""

    client_id: str
    user_id: UUID


@dataclass(frozen=True, slots=True)
class GrantRecord:
    """A grant as operators see it."""

    grant_id: UUID
    client_id: str
    user_id: UUID
    scopes: tuple[str, ...]
    created_at: datetime
    refreshed_at: datetime | None
    refresh_generation: int | None
    refresh_limit_left: int | None
    refresh_expires_at: datetime | None
    ended_at: datetime | None
    end_reason: EndReason | None
    live: bool
    """Whether anything can be done with it: it has not ended, client, user and consent stand as they did, and it can be
    refreshed or an access token of it has not expired."""


@dataclass(frozen=True, slots=True)
class TimelineEvent:
    """Something that happened to a grant, or to the client, user or consent behind it, as the audit has it."""

    occurred_at: datetime
    event: str
    outcome: str
    actor: str
    source: str
    detail: str
    attributes: Mapping[str, str]
    request_id: str


@dataclass(frozen=True, slots=True)
class GrantPosition:
    """Where a page of grants ends: they are listed newest first, and by id where two are of one moment."""

    created_at: datetime
    grant_id: UUID


@dataclass(frozen=True, slots=True)
class GrantFilter:
    """Which grants to list."""

    client_id: str | None
    user_id: UUID | None
    include_ended: bool
