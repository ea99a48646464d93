"""Clients, people, and what one of them allowed the other. All of it is frozen."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from uuid import UUID

from services.authorize.pages.branding import Branding
from tallystick.oauth2.client import ApplicationType, ClientType, GrantType
from tallystick.oauth2.pkce import CodeChallenge


@dataclass(frozen=True, slots=True)
class Client:
    """A client as registered.

    `scopes` maps each scope that it may ask for to its description. `may_refresh` says that it can get refresh tokens.
    """

    client_id: str
    name: str
    version: str
    client_type: ClientType
    application_type: ApplicationType
    redirect_uris: tuple[str, ...]
    grant_types: frozenset[GrantType]
    scopes: Mapping[str, str]
    allow_plain_pkce: bool
    may_refresh: bool
    enabled: bool
    branding: Branding


UNKNOWN_CLIENT = Client(
    client_id="",
    name="",
    version="",
    client_type=ClientType.PUBLIC,
    application_type=ApplicationType.WEB,
    redirect_uris=(),
    grant_types=frozenset(),
    scopes=MappingProxyType({}),
    allow_plain_pkce=False,
    may_refresh=False,
    enabled=False,
    branding=Branding(),
)
"""Stands for a client that is not registered, so that it is judged like one that is disabled."""


@dataclass(frozen=True, slots=True)
class User:
    """A resource owner. The epoch rises whenever everything that stands on the user shall be dead."""

    user_id: UUID
    username: str
    password_hash: str = field(repr=False)
    enabled: bool
    epoch: int


@dataclass(frozen=True, slots=True)
class Session:
    """Who signed in at a browser, the user's epoch at that moment, and when it ends, in seconds since 1970.

    `expires_at` is when it ends in any case, `idle_expires_at` when it does unless it is used before.
    """

    user_id: UUID
    user_epoch: int
    expires_at: int
    idle_expires_at: int


@dataclass(frozen=True, slots=True)
class Place:
    """From where somebody signs in: the browser's cookie of the device, and its network; each empty when not known."""

    device: str = field(repr=False)
    network: str


@dataclass(frozen=True, slots=True)
class Familiarity:
    """Whether a browser, and the network that it is in, have signed in to an account before.

    `former` says that whichever of them counts has not since the user's epoch last rose.
    """

    device: bool
    network: bool
    former: bool


@dataclass(frozen=True, slots=True)
class AttemptCounter:
    """By what attempts are counted, the digest of whom or what they are counted for, and how many there may be."""

    name: str
    digest: bytes
    limit: int


UNLIMITED = 1 << 31
"""The limit of a counter that only counts, for attempts that do have one."""


@dataclass(frozen=True, slots=True)
class ExhaustedCounter:
    """A counter that has reached its limit, and in how many seconds it begins anew."""

    counter: AttemptCounter
    wait_seconds: int


@dataclass(frozen=True, slots=True)
class Approval:
    """What a user allowed a client, as recorded, with the epochs that held at that moment."""

    user_id: UUID
    scopes: tuple[str, ...]
    client_epoch: int
    user_epoch: int
    consent_epoch: int


@dataclass(frozen=True, slots=True)
class ClientAccess:
    """A client that a user has given access: since when, and to what.

    `scopes` maps what is remembered of the consent, or stands in a live grant, to descriptions. `last_used_at` is when
    the newest live grant was made or refreshed; None when there is none.
    """

    client_id: str
    name: str
    version: str
    redirect_uri: str
    scopes: Mapping[str, str]
    given_at: datetime
    last_used_at: datetime | None


@dataclass(frozen=True, slots=True)
class IssuedCode:
    """What an authorization code stands for. The code itself is not kept, only its digest.

    `grant_id` is the grant that the code becomes, drawn when the code was issued, so that every valid presentation of
    the code names the same one.
    """

    code_id: str
    digest: bytes
    grant_id: UUID
    client_id: str
    redirect_uri: str
    redirect_uri_sent: bool
    code_challenge: CodeChallenge | None
    approval: Approval


@dataclass(frozen=True, slots=True)
class Standing:
    """What a code rests on, as it is now."""

    client_enabled: bool
    client_epoch: int
    user_enabled: bool
    user_epoch: int
    consent_epoch: int
