"""Events of the audit in Postgres, as operators look for them."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import LiteralString

from psycopg.rows import DictRow

from services.authorize.registry.model import EventFilter, EventPosition, RecordedEvent
from tallystick.runtime.audit_event import Outcome
from tallystick.runtime.postgres import AsyncPostgres

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

# The newest events, of those for which the conditions hold that follow.
FIND_EVENTS: LiteralString = """
SELECT event_id, occurred_at, service, event, outcome, actor, client_id, user_id, grant_id, source, request_id, error,
    detail, attributes
FROM audit_events WHERE """
NEWEST_FIRST: LiteralString = " ORDER BY occurred_at DESC, event_id LIMIT %(limit)s"

# A condition for each filter. A statement holds those that are asked for and no other, so that the planner sees which
# index serves it, and from the days which partitions.
CONDITIONS: Mapping[str, LiteralString] = {
    "kinds": "event = ANY (%(kinds)s::text[])",
    "outcome": "outcome = %(outcome)s",
    "client_id": "client_id = %(client_id)s",
    "user_id": "user_id = %(user_id)s",
    "grant_id": "grant_id = %(grant_id)s",
    "actor": "actor = %(actor)s",
    "since": "occurred_at >= %(since)s AND day >= %(since_day)s",
    "until": "occurred_at < %(until)s AND day <= %(until_day)s",
    "after": """occurred_at <= %(after)s AND day <= %(after_day)s
        AND (occurred_at < %(after)s OR event_id > %(after_id)s)""",
}


class PostgresEventStore:
    """An `EventStore`."""

    def __init__(self, postgres: AsyncPostgres) -> None:
        self._postgres = postgres

    async def find(self, wanted: EventFilter, after: EventPosition | None, limit: int) -> Sequence[RecordedEvent]:
        """Return the newest events, or those after a place."""
        values = _values(wanted, after)
        conditions = [condition for name, condition in CONDITIONS.items() if values[name] is not None]
        statement = FIND_EVENTS + " AND ".join(["true", *conditions]) + NEWEST_FIRST
        async with self._postgres.transaction() as connection:
            # Unprepared: a plan for any value would not know how rare this one is.
            cursor = await connection.execute(statement, values | {"limit": limit}, prepare=False)
            return [_event(row) for row in await cursor.fetchall()]


def _values(wanted: EventFilter, after: EventPosition | None) -> dict[str, object]:
    return {
        "kinds": list(wanted.kinds) or None,
        "outcome": wanted.outcome,
        "client_id": wanted.client_id,
        "user_id": wanted.user_id,
        "grant_id": wanted.grant_id,
        "actor": wanted.actor,
        "since": wanted.since,
        "since_day": wanted.since and _day(wanted.since),
        "until": wanted.until,
        "until_day": wanted.until and _day(wanted.until),
        "after": after and after.occurred_at,
        "after_day": after and _day(after.occurred_at),
        "after_id": after and after.event_id,
    }


def _day(moment: datetime) -> int:
    return (moment - _EPOCH).days


def _event(row: DictRow) -> RecordedEvent:
    return RecordedEvent(
        event_id=row["event_id"],
        occurred_at=row["occurred_at"],
        service=row["service"],
        kind=row["event"],
        outcome=Outcome(row["outcome"]),
        actor=row["actor"],
        client_id=row["client_id"],
        user_id=row["user_id"],
        grant_id=row["grant_id"],
        source=row["source"],
        request_id=row["request_id"],
        error=row["error"],
        detail=row["detail"],
        attributes=row["attributes"],
    )
