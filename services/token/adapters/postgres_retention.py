"""What is kept for a while only: one statement a batch, bounded, and never waiting for a row that somebody else holds.

Each asks first for a lock of its own transaction, so that of several replicas one works at a time.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import LiteralString
from uuid import UUID

from services.token.adapters.grant_standing import ACCESS_EXPIRES_AT
from services.token.adapters.postgres_tokens import SERVICE
from services.token.model import EndReason
from tallystick.runtime.audit_event import EventKind, Outcome
from tallystick.runtime.audit_trail import INSERT_INTO_AUDIT
from tallystick.runtime.postgres import AsyncPostgres, Values

# The advisory lock that says whose turn it is.
_TURN = 7453886204
_BATCH = 1000
# So long after its last access token a replaced refresh token, which buys another for minutes, does so no more either.
_SETTLED = timedelta(hours=1)
_GRANTS_KEPT = timedelta(days=30)
_LOG_KEPT = timedelta(days=1)

# The next grants in the order of their ids, and which of them are dead for good: client, user or consent are gone or of
# another epoch (what is merely disabled may come back), or nothing of them works, as the condition says that follows,
# and nothing more can be had. Whether one is dead is judged again of its newest version once it is locked.
_DEAD_IF_NOT_STANDING: LiteralString = """
WITH turn AS MATERIALIZED (
    SELECT pg_try_advisory_xact_lock(%(turn)s) AS mine
), page AS MATERIALIZED (
    SELECT grant_id FROM grants
    WHERE (SELECT mine FROM turn) AND grant_id > %(after)s
    ORDER BY grant_id LIMIT %(batch)s
), dead AS (
    SELECT g.grant_id, CASE WHEN s.stands THEN %(expired)s ELSE %(withdrawn)s END AS end_reason
    FROM page JOIN grants g USING (grant_id) CROSS JOIN LATERAL (
        SELECT EXISTS (
            SELECT FROM clients c, users u, consents n
            WHERE c.client_id = g.client_id AND c.epoch = g.client_epoch
                AND u.user_id = g.user_id AND u.epoch = g.user_epoch
                AND n.user_id = g.user_id AND n.client_id = g.client_id AND n.epoch = g.consent_epoch
        ) AS stands
    ) AS s
    WHERE g.ended_at IS NULL AND (
        NOT s.stands
        OR """
_NOTHING_WORKS: LiteralString = ACCESS_EXPIRES_AT + " <= clock_timestamp() - %(settled)s::interval"
_AND_NOTHING_CAN_BE_HAD: LiteralString = """ AND (
            g.refresh_generation IS NULL OR g.refresh_limit_left = 0
            OR least(g.refresh_idle_expires_at, g.refresh_expires_at) <= clock_timestamp()
        )
    )
    ORDER BY g.grant_id
    FOR UPDATE OF g SKIP LOCKED
), ended AS (
    UPDATE grants AS g SET ended_at = clock_timestamp(), end_reason = dead.end_reason
    FROM dead WHERE g.grant_id = dead.grant_id AND g.ended_at IS NULL
    RETURNING g.grant_id, g.client_id, g.user_id, g.ended_at, g.end_reason
), told AS ("""
_OF_ENDED: LiteralString = """
        floor(extract(epoch FROM ended_at) / 86400), gen_random_uuid(), ended_at, %(service)s, %(event)s, %(outcome)s,
        '', client_id, user_id, grant_id, '', '', '', '', jsonb_build_object('end_reason', end_reason)
    FROM ended
)
SELECT mine, (SELECT grant_id FROM page ORDER BY grant_id DESC LIMIT 1) AS last FROM turn
"""

# End them and tell why. Nobody who remembers a grant needs to read it again: what introspection says of it stays the
# same.
END_DEAD: LiteralString = (
    _DEAD_IF_NOT_STANDING + _NOTHING_WORKS + _AND_NOTHING_CAN_BE_HAD + INSERT_INTO_AUDIT + _OF_ENDED
)

# Delete grants that ended before the last so many days, the oldest first.
DELETE_ENDED: LiteralString = """
WITH turn AS MATERIALIZED (
    SELECT pg_try_advisory_xact_lock(%(turn)s) AS mine
), old AS (
    SELECT grant_id FROM grants
    WHERE (SELECT mine FROM turn) AND ended_at < clock_timestamp() - %(kept)s::interval
    ORDER BY ended_at, grant_id LIMIT %(batch)s
    FOR UPDATE SKIP LOCKED
)
DELETE FROM grants WHERE grant_id IN (SELECT grant_id FROM old) RETURNING grant_id
"""

# Delete old rows of the log, from its beginning to the first that is kept: a replica that has missed some knows it by
# the row at its own position, which is gone as well. The newest stays, however old: it tells where the log ends, and
# whoever has read it that nothing is missing.
FORGET_INVALIDATIONS: LiteralString = """
WITH turn AS MATERIALIZED (
    SELECT pg_try_advisory_xact_lock(%(turn)s) AS mine
), oldest AS (
    SELECT position, created_at < clock_timestamp() - %(kept)s::interval AS is_old FROM invalidations
    WHERE (SELECT mine FROM turn) AND position < (SELECT max(position) FROM invalidations)
    ORDER BY position LIMIT %(batch)s
)
DELETE FROM invalidations
WHERE position IN (SELECT position FROM oldest WHERE is_old)
    AND position < ALL (SELECT position FROM oldest WHERE NOT is_old)
RETURNING position
"""

# Since when the oldest of both is there; of the log's rows the newest, which stays, aside.
FIND_OLDEST: LiteralString = """
SELECT
    (SELECT min(ended_at) FROM grants) AS ended_grants,
    (
        SELECT created_at FROM invalidations WHERE position < (SELECT max(position) FROM invalidations)
        ORDER BY position LIMIT 1
    ) AS invalidations
"""


class PostgresRetention:
    """Implements `RetentionStore`."""

    def __init__(self, postgres: AsyncPostgres) -> None:
        self._postgres = postgres

    async def end_dead(self, after: UUID | None) -> UUID | None:
        """Look at the grants after this one and end those that are dead; return where the next batch begins."""
        values = {
            "after": after or UUID(int=0),
            "turn": _TURN,
            "batch": _BATCH,
            "settled": _SETTLED,
            "expired": EndReason.EXPIRED.value,
            "withdrawn": EndReason.WITHDRAWN.value,
            "service": SERVICE,
            "event": EventKind.GRANT_ENDED.value,
            "outcome": Outcome.SUCCESS.value,
        }
        row = await self._postgres.one(END_DEAD, values)
        if row is None or not row["mine"]:
            return after
        last: UUID | None = row["last"]
        return last

    async def delete_ended(self) -> int:
        """Delete grants that ended long ago; return how many."""
        return await self._count(DELETE_ENDED, {"turn": _TURN, "batch": _BATCH, "kept": _GRANTS_KEPT})

    async def forget_invalidations(self) -> int:
        """Delete old rows of the log; return how many."""
        return await self._count(FORGET_INVALIDATIONS, {"turn": _TURN, "batch": _BATCH, "kept": _LOG_KEPT})

    async def oldest(self) -> Mapping[str, datetime]:
        """Return since when the oldest of what will be deleted is there."""
        row = await self._postgres.one(FIND_OLDEST)
        return {what: moment for what, moment in (row or {}).items() if moment is not None}

    async def _count(self, statement: LiteralString, values: Values) -> int:
        return len(await self._postgres.all(statement, values))
