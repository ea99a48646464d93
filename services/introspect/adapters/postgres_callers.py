"""Clients that want to ask, from Postgres."""

from typing import LiteralString

from psycopg.rows import DictRow

from services.introspect.model import CallerLookup
from tallystick.oauth2.client import AuthenticatableClient, AuthMethod, ClientSecret
from tallystick.runtime.failures import Unavailable
from tallystick.runtime.postgres import SyncPostgres

# A client as its authentication needs it, its secrets as two arrays in the same order, and Postgres's time; one row,
# whether there is a client or not.
FIND_CALLER: LiteralString = """
SELECT
    clock_timestamp() AS now,
    c.client_id, c.token_endpoint_auth_method, c.enabled,
    ARRAY(SELECT s.digest FROM client_secrets s WHERE s.client_id = c.client_id ORDER BY s.digest) AS digests,
    ARRAY(SELECT s.expires_at FROM client_secrets s WHERE s.client_id = c.client_id ORDER BY s.digest) AS expiries
FROM (SELECT %(client_id)s::text AS client_id) AS asked
LEFT JOIN clients c ON c.client_id = asked.client_id
"""


class PostgresCallers:
    """Implements `CallerRecords`."""

    def __init__(self, postgres: SyncPostgres) -> None:
        self._postgres = postgres

    def client(self, client_id: str) -> CallerLookup:
        """Return a client, if there is one, and Postgres's time; raise `Unavailable`."""
        row = self._postgres.one(FIND_CALLER, {"client_id": client_id})
        if row is None:
            raise Unavailable("the database gave no answer")
        return CallerLookup(row["now"], None if row["client_id"] is None else _client(row))


def _client(row: DictRow) -> AuthenticatableClient:
    return AuthenticatableClient(
        client_id=row["client_id"],
        auth_method=AuthMethod(row["token_endpoint_auth_method"]),
        secrets=tuple(map(ClientSecret, row["digests"], row["expiries"])),
        enabled=row["enabled"],
    )
