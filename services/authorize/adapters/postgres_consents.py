"""Consents, in Postgres, and what the codes issued on them rest on."""

from collections.abc import Collection
from typing import LiteralString
from uuid import UUID

from psycopg.errors import ForeignKeyViolation

from services.authorize.model import Approval, Standing, User
from services.authorize.request import AuthorizationRequest
from tallystick.oauth2.scope import narrowed
from tallystick.runtime.postgres import AsyncPostgres

# Record what a user allows a client, if both still stand, of what the client may still ask for. The epochs are those of
# one moment: whatever is withdrawn later raises one of them, and the code ends with it.
RECORD_CONSENT: LiteralString = """
WITH parties AS (
    SELECT u.user_id, u.epoch AS user_epoch, c.client_id, c.epoch AS client_epoch
    FROM users u, clients c
    WHERE u.user_id = %(user_id)s AND u.enabled AND u.epoch = %(user_epoch)s
        AND c.client_id = %(client_id)s AND c.enabled
), allowed AS (
    SELECT array_agg(s.name ORDER BY s.name) AS names, array_agg(s.version ORDER BY s.name) AS versions
    FROM client_scopes cs
    JOIN scopes s ON s.name = cs.scope
    WHERE cs.client_id = %(client_id)s AND s.name = ANY (%(scopes)s)
), recorded AS (
    INSERT INTO consents (user_id, client_id, scopes, scope_versions, redirect_uri)
    SELECT p.user_id, p.client_id, a.names, a.versions, %(redirect_uri)s
    FROM parties p, allowed a
    WHERE a.names IS NOT NULL
    ON CONFLICT (user_id, client_id) DO UPDATE SET
        scopes = excluded.scopes, scope_versions = excluded.scope_versions, redirect_uri = excluded.redirect_uri,
        updated_at = clock_timestamp()
    RETURNING scopes, epoch
)
SELECT r.scopes, r.epoch AS consent_epoch, p.user_epoch, p.client_epoch FROM recorded r, parties p
"""

# User, client and consent behind a code, as they are now.
FIND_STANDING: LiteralString = """
SELECT c.enabled AS client_enabled, c.epoch AS client_epoch, u.enabled AS user_enabled, u.epoch AS user_epoch,
    n.epoch AS consent_epoch
FROM consents n
JOIN clients c ON c.client_id = n.client_id
JOIN users u ON u.user_id = n.user_id
WHERE n.user_id = %(user_id)s AND n.client_id = %(client_id)s
"""


class PostgresConsents:
    """Implements `ConsentStore`."""

    def __init__(self, postgres: AsyncPostgres) -> None:
        self._postgres = postgres

    async def record(self, user: User, request: AuthorizationRequest, scopes: Collection[str]) -> Approval | None:
        """Record what a user allows a client and return it; None when that is nothing, or one of them has changed."""
        values = {
            "user_id": user.user_id,
            "user_epoch": user.epoch,
            "client_id": request.client_id,
            "scopes": list(scopes),
            "redirect_uri": request.redirect_uri,
        }
        try:
            row = await self._postgres.one(RECORD_CONSENT, values)
        except ForeignKeyViolation:  # user or client was deleted between the statement's snapshot and its insert
            return None
        if row is None:
            return None
        return Approval(
            user_id=user.user_id,
            scopes=narrowed(scopes, row["scopes"]),
            client_epoch=row["client_epoch"],
            user_epoch=row["user_epoch"],
            consent_epoch=row["consent_epoch"],
        )

    async def standing(self, user_id: UUID, client_id: str) -> Standing | None:
        """Return what a code rests on; None when user, client or consent is not there."""
        row = await self._postgres.one(FIND_STANDING, {"user_id": user_id, "client_id": client_id})
        return None if row is None else Standing(**row)
