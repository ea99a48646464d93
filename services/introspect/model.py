"""What Postgres says of a token and of everything behind it, and what a caller is told. All of it is frozen."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import NamedTuple
from uuid import UUID

from tallystick.oauth2.client import AuthenticatableClient


@dataclass(frozen=True, slots=True)
class CallerLookup:
    """Whoever a client_id names, None when nobody, and Postgres's time, by which secrets are judged.

    `stale_by` is for how many seconds this has not been known to be so, because nobody can be asked; 0 normally.
    """

    now: datetime
    client: AuthenticatableClient | None
    stale_by: float = 0.0


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

    `end_reason` is None while it has not ended, `owner` when the user was deleted, `consent_epoch_now` when the consent
    was.
    """

    client_id: str
    user_id: UUID
    end_reason: str | None
    client_epoch: int
    user_epoch: int
    consent_epoch: int
    owner: ResourceOwner | None
    consent_epoch_now: int | None

    @property
    def ended(self) -> bool:
        """Whether it is over for good."""
        return self.end_reason is not None


class TokenKey(NamedTuple):
    """Where the record of an access token lies; nothing in it is secret."""

    digest: bytes
    bucket: int


@dataclass(frozen=True, slots=True)
class AccessTokenRecord:
    """An access token. `revoked` says that it was ended by itself.

    `grant_id` is None for a client that acts for itself (RFC 6749 §4.4); with a `grant_id` and no `grant`, the grant
    has been removed. `covering` are those of its scopes that cover anything at any resource, `groups` those of its
    owner: of the user behind the grant, or of the client that acts for itself. `policy_version` is that of the same
    moment: together with a `ResourcePolicy` of the same version it is a picture of one moment.
    """

    client_id: str
    client_epoch: int
    scopes: tuple[str, ...]
    audience: str
    issued_at: datetime
    expires_at: datetime
    revoked: bool
    client: Client | None
    grant_id: UUID | None
    grant: Grant | None
    covering: frozenset[str]
    groups: frozenset[str]
    policy_version: int

    @property
    def subjects(self) -> frozenset[tuple[str, str]]:
        """What stands behind it besides itself and policy, as the log of invalidations names it."""
        behind = {("client", self.client_id)}
        if self.grant is not None and self.grant_id is not None:
            user = str(self.grant.user_id)
            behind |= {("grant", str(self.grant_id)), ("user", user), ("consent", f"{user}/{self.client_id}")}
        return frozenset(behind)


@dataclass(frozen=True, slots=True)
class RefreshTokenRecord:
    """The current refresh token of a grant.

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


@dataclass(frozen=True, slots=True)
class ResourcePolicy:
    """What a protected resource offers, to whom, and by which scopes, at one version of all policy.

    `callers` may ask about its tokens; `services` has the groups that may use each of its services; `covers` has, by
    scope, the services and folders of this resource that it covers. A resource that is not registered has none of it.
    """

    resource: str
    version: int
    callers: frozenset[str] = frozenset()
    services: Mapping[str, frozenset[str]] = field(default_factory=dict)
    covers: Mapping[str, frozenset[str]] = field(default_factory=dict)

    @property
    def size(self) -> int:
        """How many names it holds, each time that it holds them; at least 1."""
        below = sum(map(len, self.services.values())) + sum(map(len, self.covers.values()))
        return 1 + len(self.callers) + len(self.services) + len(self.covers) + below


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of an access token for one question: its record and the policy of its audience, of one moment.

    `record` is None when there is no such token. `now` is Postgres's time, by which expiry is judged; `valid_for` is
    how many seconds the two may be gone by, 0 if they may not.
    """

    record: AccessTokenRecord | None
    policy: ResourcePolicy | None
    now: datetime
    valid_for: float = 0.0


@dataclass(frozen=True, slots=True)
class KnownRefreshToken:
    """The current refresh token of a family, None when it has none, and Postgres's time, by which expiry is judged."""

    record: RefreshTokenRecord | None
    now: datetime


@dataclass(frozen=True, slots=True)
class Freshness:
    """How recent an answer must be.

    By default nothing that was over when the question was asked is called live. `read_again` wants a read of its own;
    `staleness` accepts, in seconds, what was true that long ago; `from_memory` wants nothing to be read for it.
    """

    read_again: bool = False
    staleness: float = 0.0
    from_memory: bool = False


STALEST_SECONDS = 60.0
"""The most staleness that anybody may accept."""

LEASED = Freshness()
"""What callers get who wish for nothing else."""


@dataclass(frozen=True, slots=True)
class Introspection:
    """What a caller is told (RFC 7662 §2.2). Times are seconds since 1970; what does not apply is empty.

    `valid_for` is how many seconds the caller may go by it, from when it sent the question; 0 if it may not.
    """

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
    valid_for: float = 0.0


INACTIVE = Introspection()
"""The one answer to every doubt."""


@dataclass(frozen=True, slots=True)
class Question:
    """A token as it was presented, and how recent the answer must be."""

    token: str = field(repr=False)
    freshness: Freshness = LEASED


class Denial(Enum):
    """The first of the three checks that failed; a service has to be found before its scope can be looked at."""

    TOKEN_INACTIVE = "token_inactive"
    SERVICE_UNKNOWN = "service_unknown"
    INSUFFICIENT_SCOPE = "insufficient_scope"
    OWNER_NOT_AUTHORIZED = "owner_not_authorized"


@dataclass(frozen=True, slots=True)
class AccessDecision:
    """Whether a token is good for a service. `denial` is None when it is.

    `service` is the registered service that was requested, empty when none was found or the token is not live.
    `http_status`, `error` and `www_authenticate` are what HTTP answers (RFC 6750 §3). `token` is inactive unless the
    token is live and for the resource. `valid_for` is how many seconds this verdict may be gone by.
    """

    denial: Denial | None
    service: str
    http_status: int
    error: str
    www_authenticate: str
    token: Introspection
    valid_for: float = 0.0

    @property
    def allowed(self) -> bool:
        """Whether the request may be served."""
        return self.denial is None


@dataclass(frozen=True, slots=True)
class AccessStep:
    """One check of several, and what was found, for people."""

    check: str
    passed: bool
    finding: str


@dataclass(frozen=True, slots=True)
class Explanation:
    """A decision, and every check in its order, the first that failed last."""

    decision: AccessDecision
    steps: tuple[AccessStep, ...]
