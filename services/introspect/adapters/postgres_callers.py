"""Clients that want to ask, from Postgres."""

from typing import LiteralString

from tallystick.oauth2.client import AuthenticatableClient, AuthMethod, ClientSecret
from tallystick.runtime.postgres import SyncPostgres

# A client as its authentication needs it; its secrets as two arrays in the same order.
FIND_CALLER: LiteralString = """
SELECT
    c.client_id, c.token_endpoint_auth_method, c.enabled,
    ARRAY(SELECT s.digest FROM client_secrets s WHERE s.client_id = c.client_id ORDER BY s.digest) AS digests,
    ARRAY(SELECT s.expires_at FROM client_secrets s WHERE s.client_id = c.client_id ORDER BY s.digest) AS expiries
FROM clients c
WHERE c.client_id = %(client_id)s
"""


class PostgresCallers:
    """Implements `CallerRecords`."""

    def __init__(self, postgres: SyncPostgres) -> None:
        self._postgres = postgres

    def client(self, client_id: str) -> AuthenticatableClient | None:
        """Return a client, None when there is none; raise `Unavailable`."""
        row = self._postgres.one(FIND_CALLER, {"client_id": client_id})
        if row is None:
            return None
        return AuthenticatableClient(
            client_id=row["client_id"],
            auth_method=AuthMethod(row["token_endpoint_auth_method"]),
            secrets=tuple(map(ClientSecret, row["digests"], row["expiries"])),
            enabled=row["enabled"],
        )
