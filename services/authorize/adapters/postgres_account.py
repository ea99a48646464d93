"""Who has access to a user's account, in Postgres, and how it is withdrawn."""

from collections.abc import Sequence
from typing import LiteralString
from uuid import UUID

from services.authorize.model import ClientAccess
from tallystick.oauth2.subject import user_subject
from tallystick.runtime.audit_event import AuditEvent, EventKind
from tallystick.runtime.audit_trail import INSERT_EVENTS_FROM, with_events_or_without
from tallystick.runtime.postgres import AsyncPostgres, Values

# The clients that have a user's consent, with what is remembered of it, if it was given at the epochs of today, and
# what live grants hold: those that can be refreshed, or have an access token that has not expired. One that the version
# before made may have it for a day. A client with neither has no access.
LIST_CLIENTS: LiteralString = """
WITH live AS (
    SELECT g.client_id, g.scopes, coalesce(g.refreshed_at, g.created_at) AS used_at
    FROM grants g
    JOIN consents n ON n.user_id = g.user_id AND n.client_id = g.client_id AND n.epoch = g.consent_epoch
    JOIN users u ON u.user_id = g.user_id AND u.epoch = g.user_epoch
    JOIN clients c ON c.client_id = g.client_id AND c.epoch = g.client_epoch
    WHERE g.user_id = %(user_id)s AND g.ended_at IS NULL
        AND ('refresh_token' = ANY (c.grant_types)
            AND g.refresh_idle_expires_at > clock_timestamp() AND g.refresh_expires_at > clock_timestamp()
            AND (g.refresh_limit_left IS NULL OR g.refresh_limit_left > 0)
            OR coalesce(g.access_expires_at, coalesce(g.refreshed_at, g.created_at) + interval '24 hours')
                > clock_timestamp())
), allowed AS (
    SELECT n.client_id, unnest(n.scopes) AS scope
    FROM consents n
    JOIN users u ON u.user_id = n.user_id AND u.epoch = n.user_epoch
    JOIN clients c ON c.client_id = n.client_id AND c.epoch = n.client_epoch
    WHERE n.user_id = %(user_id)s
    UNION
    SELECT l.client_id, unnest(l.scopes) FROM live l
), described AS (
    SELECT a.client_id, array_agg(a.scope ORDER BY a.scope) AS scopes,
        array_agg(coalesce(s.description, '') ORDER BY a.scope) AS descriptions
    FROM allowed a
    LEFT JOIN scopes s ON s.name = a.scope
    GROUP BY a.client_id
)
SELECT c.client_id, c.name, c.version, n.redirect_uri, n.given_at, d.scopes, d.descriptions,
    (SELECT max(l.used_at) FROM live l WHERE l.client_id = n.client_id) AS last_used_at
FROM consents n
JOIN clients c ON c.client_id = n.client_id
JOIN described d ON d.client_id = n.client_id
WHERE n.user_id = %(user_id)s AND cardinality(n.scopes) > 0
ORDER BY lower(c.name), c.version, c.client_id
"""

# Withdraw a consent that is there. The epoch ends every grant and every code that was issued on it.
_WITHDRAWN: LiteralString = """
WITH withdrawn AS (
    UPDATE consents SET scopes = '{}', scope_versions = '{}', epoch = epoch + 1, updated_at = clock_timestamp()
    WHERE user_id = %(user_id)s AND client_id = %(client_id)s AND cardinality(scopes) > 0
    RETURNING client_id
)
"""
WITHDRAW_CONSENT: LiteralString = _WITHDRAWN + INSERT_EVENTS_FROM + "withdrawn"

# Tell whoever remembers a consent to read it again, if it was changed in this very transaction.
LOG_CONSENT: LiteralString = """
INSERT INTO invalidations (kind, key)
SELECT 'consent', user_id || '/' || client_id FROM consents
WHERE user_id = %(user_id)s AND client_id = %(client_id)s AND xmin = pg_current_xact_id()::xid
"""

# The name of a client whose access a user has withdrawn.
FIND_WITHDRAWN: LiteralString = """
SELECT c.name FROM consents n JOIN clients c ON c.client_id = n.client_id
WHERE n.user_id = %(user_id)s AND n.client_id = %(client_id)s AND cardinality(n.scopes) = 0
"""


class PostgresAccount:
    """Implements `AccountStore`."""

    def __init__(self, postgres: AsyncPostgres, service: str) -> None:
        self._postgres = postgres
        self._service = service

    async def clients(self, user_id: UUID) -> Sequence[ClientAccess]:
        """Return the clients that have access, by name."""
        return [
            ClientAccess(
                client_id=row["client_id"],
                name=row["name"],
                version=row["version"],
                redirect_uri=row["redirect_uri"],
                scopes=dict(zip(row["scopes"], row["descriptions"], strict=True)),
                given_at=row["given_at"],
                last_used_at=row["last_used_at"],
            )
            for row in await self._postgres.all(LIST_CLIENTS, {"user_id": user_id})
        ]

    async def withdraw(self, user_id: UUID, client_id: str) -> None:
        """Withdraw a client's access, if it has any: in one transaction, after whose end nothing of it is live."""
        event = AuditEvent(
            EventKind.CONSENT_WITHDRAWN, actor=user_subject(user_id), client_id=client_id, user_id=user_id
        )
        values = {"user_id": user_id, "client_id": client_id}

        async def withdraw(told: Values) -> None:
            await self._postgres.together((WITHDRAW_CONSENT, {**values, **told}), (LOG_CONSENT, values))

        await with_events_or_without(withdraw, self._service, event)

    async def withdrawn(self, user_id: UUID, client_id: str) -> str | None:
        """Return the name of a client whose access has been withdrawn; None for any other."""
        row = await self._postgres.one(FIND_WITHDRAWN, {"user_id": user_id, "client_id": client_id})
        return None if row is None else str(row["name"])
