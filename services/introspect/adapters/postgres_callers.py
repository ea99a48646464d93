"""Clients that want to ask about tokens, from Postgres."""

from collections.abc import Sequence
from typing import LiteralString

from psycopg.rows import DictRow

from services.introspect.adapters.postgres_records import batch, rows_of
from services.introspect.batched_reads import Batch
from tallystick.oauth2.client import AuthenticatableClient, AuthMethod, ClientSecret
from tallystick.runtime.postgres import SyncPostgres

# Clients with what authenticates them; begins with what every read says.
FIND_CALLERS: LiteralString = """
    c.client_id, c.token_endpoint_auth_method, c.enabled,
    ARRAY(SELECT s.digest FROM client_secrets s WHERE s.client_id = c.client_id ORDER BY s.digest) AS digests,
    ARRAY(SELECT s.expires_at FROM client_secrets s WHERE s.client_id = c.client_id ORDER BY s.digest) AS expiries
FROM unnest(%(client_ids)s::text[]) AS asked (client_id)
LEFT JOIN clients c ON c.client_id = asked.client_id
"""


class CallerReads:
    """Reads clients that want to ask."""

    def __init__(self, postgres: SyncPostgres) -> None:
        self._postgres = postgres

    def __call__(self, keys: Sequence[str], *, confirmed: bool) -> Batch[str, AuthenticatableClient]:
        """Return those clients that there are."""
        rows = rows_of(self._postgres, FIND_CALLERS, {"client_ids": list(keys)}, confirmed=confirmed)
        return batch(rows, {row["client_id"]: _client(row) for row in rows if row["client_id"] is not None})


def _client(row: DictRow) -> AuthenticatableClient:
    return AuthenticatableClient(
        client_id=row["client_id"],
        auth_method=AuthMethod(row["token_endpoint_auth_method"]),
        secrets=tuple(map(ClientSecret, row["digests"], row["expiries"])),
        enabled=row["enabled"],
    )
