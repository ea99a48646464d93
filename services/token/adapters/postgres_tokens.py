"""Access tokens: how one is inserted, alone or as a part of what buys it."""

from typing import LiteralString

from services.token.adapters.lost_connection import repeated_once
from services.token.model import AccessTokenRecord
from tallystick.runtime.audit_event import AuditEvent
from tallystick.runtime.audit_trail import INSERT_EVENTS_FROM, event_values
from tallystick.runtime.postgres import AsyncPostgres, Values

SERVICE = "token"
"""Who tells the audit."""

# An access token, for each row of the source that follows: one or none. A repeated insert finds its own row.
INSERT_TOKEN_FROM: LiteralString = """
INSERT INTO access_tokens
    (bucket, digest, grant_id, client_id, client_epoch, scopes, audience, issued_at, expires_at, label)
SELECT
    %(token_bucket)s::integer, %(token_digest)s::bytea, %(token_grant_id)s::uuid, %(token_client_id)s::text,
    %(token_client_epoch)s::bigint, %(token_scopes)s::text[], %(token_audience)s::text,
    %(token_issued_at)s::timestamptz, %(token_expires_at)s::timestamptz, %(token_label)s::text
FROM """

# An access token that no grant stands behind, and the event of it.
INSERT_TOKEN: LiteralString = (
    "WITH kept AS ("
    + INSERT_TOKEN_FROM
    + "(VALUES (1)) AS always ON CONFLICT (digest, bucket) DO NOTHING RETURNING digest) "
    + INSERT_EVENTS_FROM
    + "kept"
)


def token_values(token: AccessTokenRecord) -> Values:
    """Return the parameters of `INSERT_TOKEN_FROM`."""
    return {
        "token_bucket": token.bucket,
        "token_digest": token.digest,
        "token_grant_id": token.grant_id,
        "token_client_id": token.client_id,
        "token_client_epoch": token.client_epoch,
        "token_scopes": list(token.scopes),
        "token_audience": token.audience,
        "token_issued_at": token.issued_at,
        "token_expires_at": token.expires_at,
        "token_label": token.label,
    }


class PostgresAccessTokens:
    """Implements `AccessTokens`."""

    def __init__(self, postgres: AsyncPostgres) -> None:
        self._postgres = postgres

    async def keep(self, token: AccessTokenRecord, event: AuditEvent) -> None:
        """Keep a token and the event; it may be repeated after a lost answer, without a second event."""
        values = {**token_values(token), **event_values(SERVICE, event)}
        await repeated_once(lambda: self._postgres.one(INSERT_TOKEN, values))
