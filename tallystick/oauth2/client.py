"""What a registered client is (RFC 6749 §2, RFC 7591 §2)."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class ClientType(StrEnum):
    """Whether a client can keep a secret (RFC 6749 §2.1)."""

    CONFIDENTIAL = "confidential"
    PUBLIC = "public"


class ApplicationType(StrEnum):
    """Where a client runs (OpenID Connect Dynamic Client Registration §2)."""

    WEB = "web"
    NATIVE = "native"


class GrantType(StrEnum):
    """What a client may exchange for a token (RFC 6749 §1.3)."""

    AUTHORIZATION_CODE = "authorization_code"
    REFRESH_TOKEN = "refresh_token"
    CLIENT_CREDENTIALS = "client_credentials"


class AuthMethod(StrEnum):
    """How a client authenticates (RFC 7591 §2, `token_endpoint_auth_method`)."""

    CLIENT_SECRET_BASIC = "client_secret_basic"
    CLIENT_SECRET_POST = "client_secret_post"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class ClientSecret:
    """A secret of a client, as kept: its SHA-256, and when it stops working (None for never)."""

    digest: bytes
    expires_at: datetime | None


@dataclass(frozen=True, slots=True)
class AuthenticatableClient:
    """As much of a client as its authentication needs; every service reads it from its own rows."""

    client_id: str
    auth_method: AuthMethod
    secrets: tuple[ClientSecret, ...]
    enabled: bool
