"""Clients, read from the rows that authorize writes."""

from datetime import timedelta
from typing import LiteralString

from psycopg.rows import DictRow

from services.token.model import Client
from tallystick.oauth2.client import AuthMethod, ClientSecret, ClientType, GrantType
from tallystick.runtime.lease.leased_reads import Read
from tallystick.runtime.lease.log import CONFIRMED_READ, READ
from tallystick.runtime.postgres import AsyncPostgres

# A client with its secrets, its scopes and what they cover, Postgres's time and timeline; one row, whether there is one
# or not.
_OF_CLIENT: LiteralString = """
    c.client_id, c.client_type, c.token_endpoint_auth_method, c.grant_types, c.access_token_lifetime_seconds,
    c.refresh_limit, c.enabled, c.epoch,
    ARRAY(SELECT s.digest FROM client_secrets s WHERE s.client_id = c.client_id ORDER BY s.digest) AS secret_digests,
    ARRAY(SELECT s.expires_at FROM client_secrets s WHERE s.client_id = c.client_id ORDER BY s.digest) AS secrets_until,
    ARRAY(SELECT s.scope FROM client_scopes s WHERE s.client_id = c.client_id) AS scopes,
    ARRAY(
        SELECT DISTINCT ARRAY[v.scope, v.resource]
        FROM scope_covers v JOIN client_scopes s ON s.scope = v.scope
        WHERE s.client_id = c.client_id
    ) AS covers
FROM (SELECT %(client_id)s::text AS client_id) AS asked
LEFT JOIN clients c ON c.client_id = asked.client_id
"""
FIND_CLIENT: LiteralString = READ + _OF_CLIENT

# The same, by a server that is the primary beyond doubt.
FIND_CLIENT_CONFIRMED: LiteralString = CONFIRMED_READ + _OF_CLIENT


class PostgresClients:
    """Reads clients."""

    def __init__(self, postgres: AsyncPostgres) -> None:
        self._postgres = postgres

    async def read(self, client_id: str, *, confirmed: bool) -> Read[Client]:
        """Read a client with everything that a token request needs of it, in one statement."""
        statement = FIND_CLIENT_CONFIRMED if confirmed else FIND_CLIENT
        [row] = await self._postgres.all(statement, {"client_id": client_id})
        return Read(None if row["client_id"] is None else _client(row), row["now"], row["timeline"])


def _client(row: DictRow) -> Client:
    lifetime = row["access_token_lifetime_seconds"]
    resources_of: dict[str, frozenset[str]] = {}
    for scope, resource in row["covers"]:
        resources_of[scope] = resources_of.get(scope, frozenset()) | {resource}
    return Client(
        client_id=row["client_id"],
        auth_method=AuthMethod(row["token_endpoint_auth_method"]),
        secrets=tuple(map(ClientSecret, row["secret_digests"], row["secrets_until"])),
        enabled=row["enabled"],
        client_type=ClientType(row["client_type"]),
        grant_types=frozenset(map(GrantType, row["grant_types"])),
        scopes=frozenset(row["scopes"]),
        resources_of=resources_of,
        access_token_lifetime=None if lifetime is None else timedelta(seconds=lifetime),
        refresh_limit=row["refresh_limit"],
        epoch=row["epoch"],
    )
