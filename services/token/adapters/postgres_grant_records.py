"""Grants as operators see them, a page at a time."""

from collections.abc import Sequence
from typing import LiteralString
from uuid import UUID

from psycopg.rows import DictRow

from services.token.adapters.grant_standing import ACCESS_EXPIRES_AT, CLIENT_USER_AND_CONSENT_STAND
from services.token.model import EndReason, GrantFilter, GrantPosition, GrantRecord
from tallystick.runtime.postgres import AsyncPostgres

# Whether a grant g can be refreshed.
_REFRESHABLE: LiteralString = """'refresh_token' = ANY (c.grant_types)
            AND g.refresh_idle_expires_at > clock_timestamp() AND g.refresh_expires_at > clock_timestamp()
            AND (g.refresh_limit_left IS NULL OR g.refresh_limit_left > 0)"""

# Whether an access token of it has not expired.
_HAS_ACCESS_TOKEN: LiteralString = ACCESS_EXPIRES_AT + " > clock_timestamp()"

# Whether anything can still be done with it: it has not ended, what it rests on stands, and one of the two holds.
_LIVES: LiteralString = (
    "g.ended_at IS NULL AND EXISTS (SELECT FROM "
    + CLIENT_USER_AND_CONSENT_STAND
    + " AND ("
    + _REFRESHABLE
    + " OR "
    + _HAS_ACCESS_TOKEN
    + "))"
)

_COLUMNS: LiteralString = (
    """
SELECT g.grant_id, g.client_id, g.user_id, g.scopes, g.created_at, g.refreshed_at, g.refresh_generation,
    g.refresh_limit_left, g.refresh_expires_at, g.ended_at, g.end_reason, """
    + _LIVES
    + """ AS live
FROM grants g WHERE """
)

# One grant.
GET_GRANT: LiteralString = _COLUMNS + "g.grant_id = %(grant_id)s"

# Conditions of a list. Each is written only when it is wanted, so that an index serves it.
_OF_CLIENT: LiteralString = "g.client_id = %(client_id)s AND "
_OF_USER: LiteralString = "g.user_id = %(user_id)s AND "
_NOT_ENDED: LiteralString = "g.ended_at IS NULL AND "
_AFTER: LiteralString = (
    "g.created_at <= %(created_at)s AND (g.created_at < %(created_at)s OR g.grant_id > %(grant_id)s) AND "
)

# The end of a list: newest first, and by id where two are of one moment.
_NEWEST_FIRST: LiteralString = "true ORDER BY g.created_at DESC, g.grant_id LIMIT %(limit)s"


class PostgresGrantRecords:
    """Implements `GrantRecords`."""

    def __init__(self, postgres: AsyncPostgres) -> None:
        self._postgres = postgres

    async def get(self, grant_id: UUID) -> GrantRecord | None:
        """Return a grant."""
        row = await self._postgres.one(GET_GRANT, {"grant_id": grant_id})
        return None if row is None else _record(row)

    async def list(self, wanted: GrantFilter, *, after: GrantPosition | None, limit: int) -> Sequence[GrantRecord]:
        """Return at most `limit` grants that come after a position, newest first."""
        statement = (
            _COLUMNS
            + (_OF_CLIENT if wanted.client_id is not None else "")
            + (_OF_USER if wanted.user_id is not None else "")
            + (_NOT_ENDED if not wanted.include_ended else "")
            + (_AFTER if after is not None else "")
            + _NEWEST_FIRST
        )
        values = {
            "client_id": wanted.client_id,
            "user_id": wanted.user_id,
            "created_at": after and after.created_at,
            "grant_id": after and after.grant_id,
            "limit": limit,
        }
        return [_record(row) for row in await self._postgres.all(statement, values)]


def _record(row: DictRow) -> GrantRecord:
    reason = row["end_reason"]
    return GrantRecord(
        grant_id=row["grant_id"],
        client_id=row["client_id"],
        user_id=row["user_id"],
        scopes=tuple(row["scopes"]),
        created_at=row["created_at"],
        refreshed_at=row["refreshed_at"],
        refresh_generation=row["refresh_generation"],
        refresh_limit_left=row["refresh_limit_left"],
        refresh_expires_at=row["refresh_expires_at"],
        ended_at=row["ended_at"],
        end_reason=None if reason is None else EndReason(reason),
        live=row["live"],
    )
