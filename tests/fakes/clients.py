"""Registered clients in memory, as token reads them."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from services.token.model import Client, ClientLookup
from tallystick.oauth2 import opaque_token
from tallystick.oauth2.client import AuthMethod, ClientSecret, ClientType, GrantType
from tallystick.oauth2.opaque_token import CredentialType, new_credential

ALL_GRANTS = frozenset(GrantType)


def new_secret() -> str:
    """Draw a client secret."""
    return new_credential(CredentialType.CLIENT_SECRET, secrets.token_bytes(32))


def client(
    client_id: str,
    *,
    secret: str | None = None,
    grant_types: frozenset[GrantType] = ALL_GRANTS,
    scopes: frozenset[str] = frozenset({"photos.read", "photos.write"}),
    refresh_limit: int | None = None,
    access_token_lifetime: timedelta | None = None,
    enabled: bool = True,
) -> Client:
    """Return a client: a confidential one that uses Basic if it has a secret, else a public one."""
    confidential = secret is not None
    return Client(
        client_id=client_id,
        auth_method=AuthMethod.CLIENT_SECRET_BASIC if confidential else AuthMethod.NONE,
        secrets=() if secret is None else (ClientSecret(opaque_token.digest(secret), None),),
        enabled=enabled,
        client_type=ClientType.CONFIDENTIAL if confidential else ClientType.PUBLIC,
        grant_types=grant_types,
        scopes=scopes,
        resources_of={"photos.read": frozenset({"https://photos.example"})},
        access_token_lifetime=access_token_lifetime,
        refresh_limit=refresh_limit,
        epoch=0,
    )


@dataclass(slots=True)
class FakeClients:
    """Implements `Clients`."""

    now: Callable[[], datetime]
    by_id: dict[str, Client] = field(default_factory=dict)

    def register(self, registered: Client) -> Client:
        """Add a client, or replace what is known of it."""
        self.by_id[registered.client_id] = registered
        return registered

    async def find(self, client_id: str) -> ClientLookup:
        return ClientLookup(self.now(), self.by_id.get(client_id))
