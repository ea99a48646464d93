"""Sessions that have ended, in Postgres, for as long as Redis could bring them back."""

from typing import LiteralString
from uuid import UUID

from services.authorize.adapters.postgres_users import user_of
from services.authorize.model import User
from tallystick.runtime.audit_event import AuditEvent
from tallystick.runtime.audit_trail import INSERT_EVENTS_FROM, with_events_or_without
from tallystick.runtime.postgres import AsyncPostgres, Values

# Our clocks and Postgres's may differ by minutes.
_MARGIN_SECONDS = 600

# Say no to a session, and forget some that have expired; `ended` has a row unless the session had ended before.
SESSION_ENDED: LiteralString = """
WITH forgotten AS (
    DELETE FROM ended_sessions
    WHERE ctid = ANY (ARRAY(
        SELECT ctid FROM ended_sessions WHERE expires_at < clock_timestamp() ORDER BY expires_at LIMIT 100
    ))
), ended AS (
    INSERT INTO ended_sessions (digest, expires_at)
    VALUES (%(digest)s, clock_timestamp() + make_interval(secs => %(seconds)s))
    ON CONFLICT DO NOTHING
    RETURNING digest
)
"""

# The same, with the event that tells of it.
END_SESSION: LiteralString = SESSION_ENDED + INSERT_EVENTS_FROM + "ended"

# The user with an id, unless the session has ended.
FIND_USER_UNLESS_ENDED: LiteralString = """
SELECT u.user_id, u.username, u.password_hash, u.enabled, u.epoch
FROM users AS u
WHERE u.user_id = %(user_id)s AND NOT EXISTS (SELECT FROM ended_sessions AS e WHERE e.digest = %(session)s)
"""


class PostgresEndedSessions:
    """Implements `EndedSessions`; `service` is what the audit calls us."""

    def __init__(self, postgres: AsyncPostgres, service: str) -> None:
        self._postgres = postgres
        self._service = service

    async def end(self, digest: bytes, event: AuditEvent | None, *, seconds: int) -> None:
        """Say no to a session for so many seconds, and keep the event with it, unless it had ended before."""
        values = {"digest": digest, "seconds": seconds + _MARGIN_SECONDS}

        async def end(told: Values) -> None:
            await self._postgres.all(END_SESSION, {**values, **told})

        await with_events_or_without(end, self._service, *(() if event is None else (event,)))

    async def user_unless_ended(self, user_id: UUID, *, session: bytes) -> User | None:
        """Return a user, enabled or not, by one statement; None when there is none or the session has ended."""
        return user_of(await self._postgres.one(FIND_USER_UNLESS_ENDED, {"user_id": user_id, "session": session}))
