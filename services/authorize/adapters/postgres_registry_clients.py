"""Clients and their secrets in Postgres."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import LiteralString

from psycopg import IntegrityError
from psycopg.rows import DictRow

from services.authorize.adapters.postgres_registry_transaction import Statement, invalidation, transact
from services.authorize.registry.model import Client, ClientSettings
from tallystick.oauth2.client import ApplicationType, AuthMethod, ClientType, GrantType
from tallystick.runtime.failures import AlreadyExists, Invalid, Unavailable
from tallystick.runtime.postgres import AsyncPostgres

NAME_AND_VERSION = "clients_name_version_key"
SCOPE_EXISTS = "client_scopes_scope_fkey"

_ATTEMPTS = 5

# A client with its scopes; `seen` changes with every write to its row.
FIND_CLIENT: LiteralString = """
SELECT client_id, name, version, description, client_type, application_type, redirect_uris, grant_types,
    token_endpoint_auth_method, access_token_lifetime_seconds, refresh_limit, allow_plain_pkce, enabled, epoch,
    branding_title, branding_logo, branding_header, branding_footer, created_at, clients.xmin::text AS seen,
    ARRAY(SELECT scope FROM client_scopes WHERE client_scopes.client_id = clients.client_id ORDER BY scope) AS scopes
FROM clients WHERE client_id = %(client_id)s
"""

# Clients after one, with their scopes and without their logos, which would make a page of them too large to send.
LIST_CLIENTS: LiteralString = """
SELECT client_id, name, version, description, client_type, application_type, redirect_uris, grant_types,
    token_endpoint_auth_method, access_token_lifetime_seconds, refresh_limit, allow_plain_pkce, enabled, epoch,
    branding_title, ''::bytea AS branding_logo, branding_header, branding_footer, created_at,
    ARRAY(SELECT scope FROM client_scopes WHERE client_scopes.client_id = clients.client_id ORDER BY scope) AS scopes
FROM clients WHERE client_id > %(after)s ORDER BY client_id LIMIT %(limit)s
"""

# A new client.
ADD_CLIENT: LiteralString = """
INSERT INTO clients (client_id, name, version, description, client_type, application_type, redirect_uris, grant_types,
    token_endpoint_auth_method, access_token_lifetime_seconds, refresh_limit, allow_plain_pkce,
    branding_title, branding_logo, branding_header, branding_footer)
VALUES (%(client_id)s, %(name)s, %(version)s, %(description)s, %(client_type)s, %(application_type)s,
    %(redirect_uris)s, %(grant_types)s, %(token_endpoint_auth_method)s, %(access_token_lifetime_seconds)s,
    %(refresh_limit)s, %(allow_plain_pkce)s, %(branding_title)s, %(branding_logo)s, %(branding_header)s,
    %(branding_footer)s)
"""

# The scopes of a new client.
ADD_SCOPES: LiteralString = """
INSERT INTO client_scopes (client_id, scope) SELECT %(client_id)s, unnest(%(scopes)s::text[])
"""

# A client's settings and scopes replaced, if nobody wrote to its row since it was seen.
REPLACE_CLIENT: LiteralString = """
WITH replaced AS (
    UPDATE clients SET name = %(name)s, version = %(version)s, description = %(description)s,
        client_type = %(client_type)s, application_type = %(application_type)s, redirect_uris = %(redirect_uris)s,
        grant_types = %(grant_types)s, token_endpoint_auth_method = %(token_endpoint_auth_method)s,
        access_token_lifetime_seconds = %(access_token_lifetime_seconds)s, refresh_limit = %(refresh_limit)s,
        allow_plain_pkce = %(allow_plain_pkce)s, branding_title = %(branding_title)s,
        branding_logo = %(branding_logo)s, branding_header = %(branding_header)s, branding_footer = %(branding_footer)s
    WHERE client_id = %(client_id)s AND xmin::text = %(seen)s
    RETURNING client_id
), taken AS (
    DELETE FROM client_scopes USING replaced
    WHERE client_scopes.client_id = replaced.client_id AND scope <> ALL (%(scopes)s::text[])
), given AS (
    INSERT INTO client_scopes (client_id, scope) SELECT client_id, unnest(%(scopes)s::text[]) FROM replaced
    ON CONFLICT ON CONSTRAINT client_scopes_pkey DO NOTHING
)
SELECT client_id FROM replaced
"""

# Whether a client may act.
SET_ENABLED: LiteralString = "UPDATE clients SET enabled = %(enabled)s WHERE client_id = %(client_id)s"

# All that a client holds, ended.
RAISE_EPOCH: LiteralString = "UPDATE clients SET epoch = epoch + 1 WHERE client_id = %(client_id)s"

# One rotation after another, so that each ends the secret of the one before.
LOCK_CLIENT: LiteralString = "SELECT client_id FROM clients WHERE client_id = %(client_id)s FOR NO KEY UPDATE"

# The present secrets of a client that is there, ending after the overlap, or sooner if that was said before; and a new
# one beside them.
REPLACE_SECRET: LiteralString = """
WITH previous AS (
    SELECT client_id, clock_timestamp() + %(overlap)s::interval AS end_at FROM clients WHERE client_id = %(client_id)s
), ended AS (
    UPDATE client_secrets SET expires_at = least(expires_at, previous.end_at) FROM previous
    WHERE client_secrets.client_id = previous.client_id
), added AS (
    INSERT INTO client_secrets (client_id, digest) SELECT client_id, %(digest)s FROM previous
)
SELECT end_at FROM previous
"""

# Secrets that have ended.
DROP_ENDED_SECRETS: LiteralString = """
DELETE FROM client_secrets WHERE client_id = %(client_id)s AND expires_at <= clock_timestamp()
"""

# The secret of a new client.
ADD_SECRET: LiteralString = "INSERT INTO client_secrets (client_id, digest) VALUES (%(client_id)s, %(digest)s)"

# A client; its secrets and scopes go with it.
DELETE_CLIENT: LiteralString = "DELETE FROM clients WHERE client_id = %(client_id)s RETURNING client_id"

# Which of these are not scopes.
UNKNOWN_SCOPES: LiteralString = """
SELECT asked.name FROM unnest(%(scopes)s::text[]) AS asked (name)
WHERE NOT EXISTS (SELECT FROM scopes WHERE scopes.name = asked.name) ORDER BY asked.name
"""


class PostgresClientStore:
    """A `ClientStore`."""

    def __init__(self, postgres: AsyncPostgres) -> None:
        self._postgres = postgres

    async def add(self, client_id: str, settings: ClientSettings, secret_digest: bytes | None) -> Client:
        """Add a client."""
        named = {"client_id": client_id}
        values = _values(client_id, settings)
        secret: list[Statement] = [] if secret_digest is None else [(ADD_SECRET, named | {"digest": secret_digest})]
        try:
            *_, found = await transact(
                self._postgres, (ADD_CLIENT, values), (ADD_SCOPES, values), *secret, (FIND_CLIENT, named)
            )
        except IntegrityError as error:
            raise await self._refusal(error, settings) from None
        return _client(found[0])

    async def get(self, client_id: str) -> Client | None:
        """Return a client."""
        row = await self._postgres.one(FIND_CLIENT, {"client_id": client_id})
        return None if row is None else _client(row)

    async def after(self, client_id: str, limit: int) -> Sequence[Client]:
        """Return clients with greater ids, without their logos."""
        return [_client(row) for row in await self._postgres.all(LIST_CLIENTS, {"after": client_id, "limit": limit})]

    async def update(self, client_id: str, change: Callable[[ClientSettings], ClientSettings]) -> Client | None:
        """Put the changed settings in the place of the present ones."""
        named = {"client_id": client_id}
        for _ in range(_ATTEMPTS):
            row = await self._postgres.one(FIND_CLIENT, named)
            if row is None:
                return None
            present = _client(row).settings
            settings = change(present)
            try:
                replaced, found, _log = await transact(
                    self._postgres,
                    (REPLACE_CLIENT, _values(client_id, settings) | {"seen": row["seen"]}),
                    (FIND_CLIENT, named),
                    invalidation("client", client_id),
                )
            except IntegrityError as error:
                if error.diag.constraint_name == SCOPE_EXISTS and settings.scopes == present.scopes:
                    # Somebody deleted one of them just now, which takes it from the client as well.
                    continue
                raise await self._refusal(error, settings) from None
            if replaced:
                return _client(found[0])
        raise Unavailable("others change the same client at this moment: try again")

    async def set_enabled(self, client_id: str, *, enabled: bool) -> Client | None:
        """Let a client act, or refuse it."""
        return await self._changed(client_id, (SET_ENABLED, {"client_id": client_id, "enabled": enabled}))

    async def raise_epoch(self, client_id: str) -> Client | None:
        """End all that a client holds."""
        return await self._changed(client_id, (RAISE_EPOCH, {"client_id": client_id}))

    async def replace_secret(self, client_id: str, digest: bytes, *, overlap: timedelta) -> datetime | None:
        """Add a secret and let those before it end after the overlap."""
        named = {"client_id": client_id}
        _, replaced, _, _ = await transact(
            self._postgres,
            (LOCK_CLIENT, named),
            (REPLACE_SECRET, named | {"digest": digest, "overlap": overlap}),
            (DROP_ENDED_SECRETS, named),
            invalidation("client", client_id),
        )
        return replaced[0]["end_at"] if replaced else None

    async def delete(self, client_id: str) -> bool:
        """Remove a client and its secrets."""
        deleted, _ = await transact(
            self._postgres, (DELETE_CLIENT, {"client_id": client_id}), invalidation("client", client_id)
        )
        return bool(deleted)

    async def _changed(self, client_id: str, statement: Statement) -> Client | None:
        _, found, _ = await transact(
            self._postgres, statement, (FIND_CLIENT, {"client_id": client_id}), invalidation("client", client_id)
        )
        return _client(found[0]) if found else None

    async def _refusal(self, error: IntegrityError, settings: ClientSettings) -> Exception:
        if error.diag.constraint_name == NAME_AND_VERSION:
            return AlreadyExists(f"a client {settings.name!r} of version {settings.version!r} is registered already")
        if error.diag.constraint_name == SCOPE_EXISTS:
            rows = await self._postgres.all(UNKNOWN_SCOPES, {"scopes": list(settings.scopes)})
            unknown = ", ".join(row["name"] for row in rows[:3]) or "one of them"
            return Invalid(f"scopes: no such scope as {unknown}: create it first with `tallystick scope create`")
        return error


def _values(client_id: str, settings: ClientSettings) -> dict[str, object]:
    return {
        "client_id": client_id,
        "name": settings.name,
        "version": settings.version,
        "description": settings.description,
        "client_type": settings.type,
        "application_type": settings.application_type,
        "redirect_uris": list(settings.redirect_uris),
        "grant_types": [str(grant) for grant in settings.grant_types],
        "token_endpoint_auth_method": settings.auth_method,
        "scopes": list(settings.scopes),
        "access_token_lifetime_seconds": settings.access_token_lifetime_seconds,
        "refresh_limit": settings.refresh_limit,
        "allow_plain_pkce": settings.allow_plain_pkce,
        "branding_title": settings.branding_title,
        "branding_logo": settings.branding_logo,
        "branding_header": settings.branding_header,
        "branding_footer": settings.branding_footer,
    }


def _client(row: DictRow) -> Client:
    return Client(
        client_id=row["client_id"],
        settings=ClientSettings(
            name=row["name"],
            version=row["version"],
            description=row["description"],
            type=ClientType(row["client_type"]),
            application_type=ApplicationType(row["application_type"]),
            redirect_uris=tuple(row["redirect_uris"]),
            grant_types=tuple(GrantType(name) for name in row["grant_types"]),
            auth_method=AuthMethod(row["token_endpoint_auth_method"]),
            scopes=tuple(row["scopes"]),
            access_token_lifetime_seconds=row["access_token_lifetime_seconds"],
            refresh_limit=row["refresh_limit"],
            allow_plain_pkce=row["allow_plain_pkce"],
            branding_title=row["branding_title"],
            branding_logo=row["branding_logo"],
            branding_header=row["branding_header"],
            branding_footer=row["branding_footer"],
        ),
        enabled=row["enabled"],
        epoch=row["epoch"],
        created_at=row["created_at"],
    )
