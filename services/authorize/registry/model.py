"""What the registry keeps, as frozen values."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime
from enum import StrEnum
from typing import Generic, TypeVar
from uuid import UUID

from tallystick.oauth2.client import ApplicationType, AuthMethod, ClientType, GrantType
from tallystick.runtime.audit_event import EventKind, Outcome

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientSettings:
    """What an operator decides about a client (RFC 7591 §2).

    `type`, `application_type` and `auth_method` are None where the operator has said nothing; `client_rules` derives
    them, so those of a registered client are never None. A lifetime of None is the deployment's, a refresh limit of
    None is no limit.
    """

    name: str
    version: str
    description: str = ""
    type: ClientType | None = None
    application_type: ApplicationType | None = None
    redirect_uris: tuple[str, ...] = ()
    grant_types: tuple[GrantType, ...] = ()
    auth_method: AuthMethod | None = None
    scopes: tuple[str, ...] = ()
    access_token_lifetime_seconds: int | None = None
    refresh_limit: int | None = None
    allow_plain_pkce: bool = False
    branding_title: str = ""
    branding_logo: bytes = b""
    branding_header: str = ""
    branding_footer: str = ""


@dataclass(frozen=True, slots=True)
class Client:
    """A registered client, without its secrets."""

    client_id: str
    settings: ClientSettings
    enabled: bool
    epoch: int
    created_at: datetime


@dataclass(frozen=True, slots=True)
class RegisteredClient:
    """A client just registered, with the secret that is shown this once; None for a public client."""

    client: Client
    secret: str | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class RotatedSecret:
    """A new client secret, shown this once, and when those before it stop working."""

    secret: str = field(repr=False)
    previous_expire_at: datetime


@dataclass(frozen=True, slots=True, order=True)
class Cover:
    """One service, or folder of services, that a scope reaches."""

    resource: str
    service: str


@dataclass(frozen=True, slots=True)
class Scope:
    """Something that a client may ask for (RFC 6749 §3.3); the version rises with wider covers and other words."""

    name: str
    description: str
    covers: tuple[Cover, ...]
    version: int


@dataclass(frozen=True, slots=True)
class Group:
    """Resource owners, by username, and clients that act for themselves."""

    name: str
    description: str
    users: tuple[str, ...]
    clients: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Resource:
    """A protected resource (RFC 8707 §2): who may ask about its tokens, what it offers, and which groups may use it.

    `service_groups` has the groups of each service that has any; one that is not there admits nobody.
    """

    identifier: str
    callers: tuple[str, ...]
    services: tuple[str, ...]
    service_groups: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CoveredService:
    """A registered service that a scope covers, and the groups that may use it."""

    resource: str
    service: str
    groups: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class User:
    """A resource owner (RFC 6749 §1.1)."""

    user_id: UUID
    username: str
    enabled: bool
    epoch: int
    created_at: datetime


class OperatorRole(StrEnum):
    """What an operator may do: read, or read and change."""

    VIEWER = "viewer"
    ADMIN = "admin"


@dataclass(frozen=True, slots=True)
class Operator:
    """Somebody, or something, that runs this deployment. `expires_at` and `revoked_at` are None for never."""

    name: str
    role: OperatorRole
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None


@dataclass(frozen=True, slots=True)
class CreatedOperator:
    """An operator just made, with the credential that is shown this once."""

    operator: Operator
    credential: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class RecordedEvent:
    """An event of the audit as it was kept; see `AuditEvent`. Its kind may be one that only a newer version has."""

    event_id: UUID
    occurred_at: datetime
    service: str
    kind: str
    outcome: Outcome
    actor: str
    client_id: str | None
    user_id: UUID | None
    grant_id: UUID | None
    source: str
    request_id: str
    error: str
    detail: str
    attributes: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class EventFilter:
    """Which events are looked for; what is left out filters nothing. `since` is included, `until` is not."""

    kinds: tuple[EventKind, ...] = ()
    outcome: Outcome | None = None
    client_id: str | None = None
    user_id: UUID | None = None
    grant_id: UUID | None = None
    actor: str | None = None
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class EventPosition:
    """A place in the audit, which begins with the newest event; of those of one moment the smallest id is first."""

    occurred_at: datetime
    event_id: UUID


@dataclass(frozen=True, slots=True)
class Page(Generic[Item]):
    """Some items in their order, and the token of the page after them; empty when there is none."""

    items: tuple[Item, ...]
    next_page_token: str


Record = TypeVar("Record", ClientSettings, Scope)


def changed_fields(before: Record, after: Record) -> tuple[str, ...]:
    """Return the names of the fields in which two states of one thing differ."""
    return tuple(each.name for each in fields(before) if getattr(before, each.name) != getattr(after, each.name))
