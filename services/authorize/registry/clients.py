"""The use cases of `ClientService`."""

from base64 import b32encode
from dataclasses import replace
from datetime import timedelta

from services.authorize.registry import client_rules, identifiers
from services.authorize.registry.model import Client, ClientSettings, Page, RegisteredClient, RotatedSecret
from services.authorize.registry.page import page_request
from services.authorize.registry.ports import ClientStore
from tallystick.oauth2.client import ClientType, GrantType
from tallystick.oauth2.opaque_token import RANDOM_BYTES, CredentialType, digest, new_credential
from tallystick.runtime.failures import Invalid, NotFound, Refused
from tallystick.runtime.randomness import Randomness

LONGEST_OVERLAP_SECONDS = 30 * 86_400
_CLIENT_ID_BYTES = 16
_DEFAULT_GRANTS = (GrantType.AUTHORIZATION_CODE,)


class Clients:
    """Registers clients. Everything raises `Unavailable` when the store cannot be asked."""

    def __init__(self, store: ClientStore, randomness: Randomness) -> None:
        self._store = store
        self._randomness = randomness

    async def create(self, settings: ClientSettings) -> RegisteredClient:
        """Register a client, which may use codes if no grant type is given; raise `Invalid` or `AlreadyExists`."""
        settings = client_rules.checked(replace(settings, grant_types=settings.grant_types or _DEFAULT_GRANTS))
        secret = self._new_secret() if settings.type is ClientType.CONFIDENTIAL else None
        client = await self._store.add(self._new_client_id(), settings, None if secret is None else digest(secret))
        return RegisteredClient(client, secret)

    async def get(self, client_id: str) -> Client:
        """Return a client; raise `NotFound`."""
        return _found(await self._store.get(identifiers.client_id(client_id)))

    async def page(self, size: int, token: str) -> Page[Client]:
        """Return a page of clients by id, without their logos; raise `Invalid`."""
        request = page_request("clients", size, token)
        return request.page(await self._store.after(request.after, request.limit), lambda client: client.client_id)

    async def update(self, client_id: str, wanted: ClientSettings, fields: frozenset[str]) -> Client:
        """Take the named fields from `wanted` and keep the others; raise `NotFound`, `Invalid` or `AlreadyExists`."""
        values = {field: getattr(wanted, field) for field in fields}
        return _found(
            await self._store.update(
                identifiers.client_id(client_id), lambda present: client_rules.checked(replace(present, **values))
            )
        )

    async def enable(self, client_id: str) -> Client:
        """Let a client act; raise `NotFound`."""
        return _found(await self._store.set_enabled(identifiers.client_id(client_id), enabled=True))

    async def disable(self, client_id: str) -> Client:
        """Refuse a client and all that it holds until it is enabled; raise `NotFound`."""
        return _found(await self._store.set_enabled(identifiers.client_id(client_id), enabled=False))

    async def revoke_all(self, client_id: str) -> Client:
        """End all that a client holds, for good; raise `NotFound`."""
        return _found(await self._store.raise_epoch(identifiers.client_id(client_id)))

    async def rotate_secret(self, client_id: str, overlap_seconds: int) -> RotatedSecret:
        """Make a new secret, and let those before it work for the overlap.

        Raise `NotFound`, `Invalid`, or `Refused` for a public client.
        """
        if not 0 <= overlap_seconds <= LONGEST_OVERLAP_SECONDS:
            raise Invalid(f"overlap_seconds must be between 0 and {LONGEST_OVERLAP_SECONDS}")
        client = await self.get(client_id)
        if client.settings.type is not ClientType.CONFIDENTIAL:
            raise Refused("a public client has no secret: it rests on PKCE")
        secret, overlap = self._new_secret(), timedelta(seconds=overlap_seconds)
        previous_end_at = await self._store.replace_secret(client_id, digest(secret), overlap=overlap)
        if previous_end_at is None:
            raise _unknown_client()
        return RotatedSecret(secret, previous_end_at)

    async def delete(self, client_id: str) -> None:
        """Remove a client, and with it all that it holds; raise `NotFound`."""
        if not await self._store.delete(identifiers.client_id(client_id)):
            raise _unknown_client()

    def _new_client_id(self) -> str:
        # Letters and digits only, so that it survives every encoding, and never a URL or a user's UUID.
        return b32encode(self._randomness.octets(_CLIENT_ID_BYTES)).decode("ascii").rstrip("=").lower()

    def _new_secret(self) -> str:
        return new_credential(CredentialType.CLIENT_SECRET, self._randomness.octets(RANDOM_BYTES))


def _found(client: Client | None) -> Client:
    if client is None:
        raise _unknown_client()
    return client


def _unknown_client() -> NotFound:
    return NotFound("no client is registered under this client_id")
