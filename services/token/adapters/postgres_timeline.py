"""What happened to a grant, read from the audit."""

from collections.abc import Sequence
from typing import LiteralString

from psycopg.rows import DictRow

from services.token.model import GrantRecord, TimelineEvent
from tallystick.runtime.postgres import AsyncPostgres

_DAY_SECONDS = 86400

_EVENTS: LiteralString = """(
    SELECT occurred_at, event_id, event, outcome, actor, source, detail, attributes, request_id,
        event = 'grant_ended' AS is_end
    FROM audit_events WHERE day >= %(first_day)s AND """
_SINCE_IT_WAS_MADE: LiteralString = "occurred_at >= %(since)s AND grant_id IS DISTINCT FROM %(grant_id)s AND "
_NEWEST: LiteralString = " ORDER BY occurred_at DESC LIMIT %(limit)s)"

# A grant's own events.
_OF_GRANT: LiteralString = _EVENTS + "grant_id = %(grant_id)s" + _NEWEST

# What suspended, restored or ended what it rests on. Partial indexes serve these, for exactly these events, so that the
# many others of a client or user are never looked at.
_OF_CLIENT: LiteralString = (
    _EVENTS
    + _SINCE_IT_WAS_MADE
    + """client_id = %(client_id)s AND event IN ('client_updated', 'client_enabled', 'client_disabled',
        'client_deleted', 'client_secret_rotated', 'client_revoked')"""
    + _NEWEST
)
_OF_USER: LiteralString = (
    _EVENTS
    + _SINCE_IT_WAS_MADE
    + "user_id = %(user_id)s AND event IN ('user_enabled', 'user_disabled', 'user_deleted', 'user_password_set')"
    + _NEWEST
)
_OF_CONSENT: LiteralString = (
    _EVENTS
    + _SINCE_IT_WAS_MADE
    + "user_id = %(user_id)s AND client_id = %(client_id)s AND event = 'consent_withdrawn'"
    + _NEWEST
)

# All of it, the newest first; of one moment, an end is later than what brought it about.
FIND_EVENTS: LiteralString = (
    _OF_GRANT
    + " UNION ALL "
    + _OF_CLIENT
    + " UNION ALL "
    + _OF_USER
    + " UNION ALL "
    + _OF_CONSENT
    + " ORDER BY occurred_at DESC, is_end DESC, event_id LIMIT %(limit)s"
)


class PostgresGrantTimelines:
    """Implements `GrantTimelines`."""

    def __init__(self, postgres: AsyncPostgres) -> None:
        self._postgres = postgres

    async def of(self, grant: GrantRecord, *, limit: int) -> Sequence[TimelineEvent]:
        """Return what happened to a grant, and to whom it rests on since it was made: the newest, oldest first."""
        values = {
            "grant_id": grant.grant_id,
            "client_id": grant.client_id,
            "user_id": grant.user_id,
            "since": grant.created_at,
            # Its code was issued, and consented to, at most a day before.
            "first_day": int(grant.created_at.timestamp()) // _DAY_SECONDS - 1,
            "limit": limit,
        }
        return [_event(row) for row in reversed(await self._postgres.all(FIND_EVENTS, values))]


def _event(row: DictRow) -> TimelineEvent:
    return TimelineEvent(
        occurred_at=row["occurred_at"],
        event=row["event"],
        outcome=row["outcome"],
        actor=row["actor"],
        source=row["source"],
        detail=row["detail"],
        attributes=row["attributes"],
        request_id=row["request_id"],
    )
