"""What the registry keeps, as frozen values."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Generic, TypeVar
from uuid import UUID

from tallystick.oauth2.client import ApplicationType, AuthMethod, ClientType, GrantType

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
    """Something that a client may ask for (RFC 6749 §3.3); the version rises when the covers widen."""

    name: str
    description: str
    covers: tuple[Cover, ...]
    version: int


@dataclass(frozen=True, slots=True)
class Resource:
    """A protected resource (RFC 8707 §2): who may ask about its tokens, and what it offers."""

    identifier: str
    callers: tuple[str, ...]
    services: tuple[str, ...]


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
class Page(Generic[Item]):
    """Some items in their order, and the token of the page after them; empty when there is none."""

    items: tuple[Item, ...]
    next_page_token: str
