"""Clients and their secrets in Postgres."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import LiteralString

from psycopg import IntegrityError
from psycopg.rows import DictRow

from services.authorize.adapters.postgres_registry_transaction import Change, invalidation, transact
from services.authorize.registry.model import Client, ClientSettings, changed_fields
from tallystick.oauth2.client import ApplicationType, AuthMethod, ClientType, GrantType
from tallystick.runtime.audit_event import AuditEvent, EventKind
from tallystick.runtime.failures import AlreadyExists, Invalid, Unavailable
from tallystick.runtime.postgres import AsyncPostgres, Statement

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
WITH changed AS (
    INSERT INTO clients (client_id, name, version, description, client_type, application_type, redirect_uris,
        grant_types, token_endpoint_auth_method, access_token_lifetime_seconds, refresh_limit, allow_plain_pkce,
        branding_title, branding_logo, branding_header, branding_footer)
    VALUES (%(client_id)s, %(name)s, %(version)s, %(description)s, %(client_type)s, %(application_type)s,
        %(redirect_uris)s, %(grant_types)s, %(token_endpoint_auth_method)s, %(access_token_lifetime_seconds)s,
        %(refresh_limit)s, %(allow_plain_pkce)s, %(branding_title)s, %(branding_logo)s, %(branding_header)s,
        %(branding_footer)s)
    RETURNING client_id
)
"""

# The scopes of a new client.
ADD_SCOPES: LiteralString = """
INSERT INTO client_scopes (client_id, scope) SELECT %(client_id)s, unnest(%(scopes)s::text[])
"""

# A client's settings and scopes replaced, if nobody wrote to its row since it was seen.
REPLACE_CLIENT: LiteralString = """
WITH changed AS (
    UPDATE clients SET name = %(name)s, version = %(version)s, description = %(description)s,
        client_type = %(client_type)s, application_type = %(application_type)s, redirect_uris = %(redirect_uris)s,
        grant_types = %(grant_types)s, token_endpoint_auth_method = %(token_endpoint_auth_method)s,
        access_token_lifetime_seconds = %(access_token_lifetime_seconds)s, refresh_limit = %(refresh_limit)s,
        allow_plain_pkce = %(allow_plain_pkce)s, branding_title = %(branding_title)s,
        branding_logo = %(branding_logo)s, branding_header = %(branding_header)s, branding_footer = %(branding_footer)s
    WHERE client_id = %(client_id)s AND xmin::text = %(seen)s
    RETURNING client_id
), taken AS (
    DELETE FROM client_scopes USING changed
    WHERE client_scopes.client_id = changed.client_id AND scope <> ALL (%(scopes)s::text[])
), given AS (
    INSERT INTO client_scopes (client_id, scope) SELECT client_id, unnest(%(scopes)s::text[]) FROM changed
    ON CONFLICT ON CONSTRAINT client_scopes_pkey DO NOTHING
)
"""

# Whether a client may act, if that was otherwise.
SET_ENABLED: LiteralString = """
WITH changed AS (
    UPDATE clients SET enabled = %(enabled)s WHERE client_id = %(client_id)s AND enabled <> %(enabled)s
    RETURNING client_id
)
"""

# All that a client holds, ended.
RAISE_EPOCH: LiteralString = """
WITH changed AS (UPDATE clients SET epoch = epoch + 1 WHERE client_id = %(client_id)s RETURNING client_id)
"""

# One rotation after another, so that each ends the secret of the one before.
LOCK_CLIENT: LiteralString = "SELECT client_id FROM clients WHERE client_id = %(client_id)s FOR NO KEY UPDATE"

# The present secrets of a client that is there, ending after the overlap, or sooner if that was said before; and a new
# one beside them.
REPLACE_SECRET: LiteralString = """
WITH changed AS (
    SELECT client_id, clock_timestamp() + %(overlap)s::interval AS end_at FROM clients WHERE client_id = %(client_id)s
), ended AS (
    UPDATE client_secrets SET expires_at = least(expires_at, changed.end_at) FROM changed
    WHERE client_secrets.client_id = changed.client_id
), added AS (
    INSERT INTO client_secrets (client_id, digest) SELECT client_id, %(digest)s FROM changed
)
"""

# Secrets that have ended.
DROP_ENDED_SECRETS: LiteralString = """
DELETE FROM client_secrets WHERE client_id = %(client_id)s AND expires_at <= clock_timestamp()
"""

# The secret of a new client.
ADD_SECRET: LiteralString = "INSERT INTO client_secrets (client_id, digest) VALUES (%(client_id)s, %(digest)s)"

# A client; its secrets and scopes go with it.
DELETE_CLIENT: LiteralString = """
WITH changed AS (DELETE FROM clients WHERE client_id = %(client_id)s RETURNING client_id)
"""

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
                self._postgres,
                Change(ADD_CLIENT, values, _event(EventKind.CLIENT_CREATED, client_id, settings)),
                (ADD_SCOPES, values),
                *secret,
                (FIND_CLIENT, named),
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
            client = _client(row)
            present, settings = client.settings, change(client.settings)
            fields = changed_fields(present, settings)
            if not fields:
                return client
            event = _event(EventKind.CLIENT_UPDATED, client_id, settings, fields=" ".join(fields))
            try:
                replaced, found, _log = await transact(
                    self._postgres,
                    Change(REPLACE_CLIENT, _values(client_id, settings) | {"seen": row["seen"]}, event),
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
        kind = EventKind.CLIENT_ENABLED if enabled else EventKind.CLIENT_DISABLED
        _, found = await self._changed(client_id, kind, SET_ENABLED, {"enabled": enabled})
        return _client(found[0]) if found else None

    async def raise_epoch(self, client_id: str) -> Client | None:
        """End all that a client holds."""
        _, found = await self._changed(client_id, EventKind.CLIENT_REVOKED, RAISE_EPOCH, {})
        return _client(found[0]) if found else None

    async def replace_secret(self, client_id: str, digest: bytes, *, overlap: timedelta) -> datetime | None:
        """Add a secret and let those before it end after the overlap."""
        named = {"client_id": client_id}
        replaced, _ = await self._changed(
            client_id,
            EventKind.CLIENT_SECRET_ROTATED,
            REPLACE_SECRET,
            {"digest": digest, "overlap": overlap},
            (DROP_ENDED_SECRETS, named),
            lock=(LOCK_CLIENT, named),
        )
        return replaced[0]["end_at"] if replaced else None

    async def delete(self, client_id: str) -> bool:
        """Remove a client and its secrets."""
        deleted, _ = await self._changed(client_id, EventKind.CLIENT_DELETED, DELETE_CLIENT, {})
        return bool(deleted)

    async def _changed(
        self,
        client_id: str,
        kind: EventKind,
        statement: LiteralString,
        values: dict[str, object],
        *further: Statement,
        lock: Statement | None = None,
    ) -> tuple[Sequence[DictRow], Sequence[DictRow]]:
        """Return what the statement changed, and the client as it is then."""
        client = await self.get(client_id)
        if client is None:
            return (), ()
        named = {"client_id": client_id}
        changed, *_, found, _log = await transact(
            self._postgres,
            Change(statement, named | values, _event(kind, client_id, client.settings)),
            *further,
            (FIND_CLIENT, named),
            invalidation("client", client_id),
            lock=lock,
        )
        return changed, found

    async def _refusal(self, error: IntegrityError, settings: ClientSettings) -> Exception:
        if error.diag.constraint_name == NAME_AND_VERSION:
            return AlreadyExists(f"a client {settings.name!r} of version {settings.version!r} is registered already")
        if error.diag.constraint_name == SCOPE_EXISTS:
            rows = await self._postgres.all(UNKNOWN_SCOPES, {"scopes": list(settings.scopes)})
            unknown = ", ".join(row["name"] for row in rows[:3]) or "one of them"
            return Invalid(f"scopes: no such scope as {unknown}: create it first with `tallystick scope create`")
        return error


def _event(kind: EventKind, client_id: str, settings: ClientSettings, **attributes: str) -> AuditEvent:
    # The name is kept, as nobody could look it up once the client is deleted.
    name = {"name": settings.name, "version": settings.version}
    return AuditEvent(kind, client_id=client_id, attributes=name | attributes)


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
