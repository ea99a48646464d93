"""Access tokens that somebody wants to be over: what is kept of one, and the end of one that has no grant."""

from typing import LiteralString

from services.token.adapters.lost_connection import repeated_once
from services.token.adapters.postgres_tokens import SERVICE
from services.token.model import PresentedToken
from tallystick.oauth2.opaque_token import AccessToken
from tallystick.runtime.audit_event import AuditEvent
from tallystick.runtime.audit_trail import INSERT_EVENTS_FROM, with_events_or_without
from tallystick.runtime.postgres import AsyncPostgres, Values

# An access token, and whose grant it is of.
FIND_TOKEN: LiteralString = """
SELECT
    t.client_id, t.grant_id, g.user_id,
    t.revoked_at IS NOT NULL OR t.expires_at <= clock_timestamp() AS is_over
FROM access_tokens t LEFT JOIN grants g ON g.grant_id = t.grant_id
WHERE t.digest = %(digest)s AND t.bucket = %(bucket)s
"""

# Revoke an access token that no grant stands behind.
REVOKE_TOKEN: LiteralString = """
UPDATE access_tokens SET revoked_at = clock_timestamp()
WHERE digest = %(digest)s AND bucket = %(bucket)s AND grant_id IS NULL AND revoked_at IS NULL
RETURNING digest
"""

# The token, if it was changed in this very transaction.
_CHANGED_HERE: LiteralString = """access_tokens AS changed
WHERE changed.digest = %(digest)s AND changed.bucket = %(bucket)s AND changed.xmin = pg_current_xact_id()::xid
"""

# Tell the audit.
TELL_REVOCATION: LiteralString = INSERT_EVENTS_FROM + _CHANGED_HERE

# Tell whoever remembers a token to read it again.
_LOG_FROM: LiteralString = "INSERT INTO invalidations (kind, key) SELECT 'token', encode(changed.digest, 'hex') FROM "
LOG_TOKEN: LiteralString = _LOG_FROM + _CHANGED_HERE


class PostgresTokenRevocations:
    """Implements `PresentedTokens`."""

    def __init__(self, postgres: AsyncPostgres) -> None:
        self._postgres = postgres

    async def find(self, token: AccessToken) -> PresentedToken | None:
        """Return what is kept of an access token; None when there is none."""
        # Together, as whoever asked is told that what is not there is over.
        [rows] = await self._postgres.together((FIND_TOKEN, _place(token)))
        if not rows:
            return None
        row = rows[0]
        return PresentedToken(row["client_id"], row["grant_id"], row["user_id"], row["is_over"])

    async def revoke(self, token: AccessToken, event: AuditEvent) -> bool:
        """Revoke a token that has no grant, tell of it, and log that it must be read again; say whether it was live."""

        async def revoke(told: Values) -> bool:
            values = {**_place(token), **told}
            statements = ((REVOKE_TOKEN, values), (TELL_REVOCATION, values), (LOG_TOKEN, values))
            revoked, *_ = await repeated_once(lambda: self._postgres.together(*statements))
            return bool(revoked)

        return await with_events_or_without(revoke, SERVICE, event)


def _place(token: AccessToken) -> Values:
    return {"digest": token.digest, "bucket": token.bucket}
