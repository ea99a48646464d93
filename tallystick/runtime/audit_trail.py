"""The audit trail in Postgres: how an event is written, with what it tells of or by itself.

What is done is told in the statement that does it, so that neither is there without the other. What was refused changes
nothing, and is told afterwards, in batches: a batch is whatever arrived while the last one was being written.
"""

import asyncio
import json
from typing import LiteralString

from psycopg import IntegrityError

from tallystick.runtime import client_address, request_id
from tallystick.runtime.audit_event import AuditEvent
from tallystick.runtime.failures import Failure
from tallystick.runtime.log import logger
from tallystick.runtime.postgres import AsyncPostgres, Values

_LONGEST_DETAIL = 500
_MOST_IN_A_BATCH = 200
_MOST_WAITING = 5000
_PATIENCE_SECONDS = 1.0

_log = logger(__name__)

# Write events, once for each row of the source that follows: one or none.
INSERT_EVENTS_FROM: LiteralString = """
INSERT INTO audit_events
    (day, event_id, occurred_at, service, event, outcome, actor, client_id, user_id, grant_id, source, request_id,
     error, detail, attributes)
SELECT
    floor(extract(epoch FROM t.now) / 86400), gen_random_uuid(), t.now, e.service, e.event, e.outcome, e.actor,
    e.client_id, e.user_id, e.grant_id, e.source, e.request_id, e.error, e.detail, e.attributes
FROM (SELECT clock_timestamp() AS now) AS t,
    jsonb_to_recordset(%(audit_events)s::jsonb) AS e (
        service text, event text, outcome text, actor text, client_id text, user_id uuid, grant_id uuid,
        source text, request_id text, error text, detail text, attributes jsonb
    ),
    """

# Events of which nothing else is written.
INSERT_EVENTS: LiteralString = INSERT_EVENTS_FROM + "(VALUES (1)) AS always ON CONFLICT DO NOTHING"


def event_values(service: str, *events: AuditEvent) -> Values:
    """Return the parameter of `INSERT_EVENTS_FROM`. The request in hand tells its id and where it came from."""
    return {"audit_events": json.dumps([_row(service, event) for event in events])}


class AuditTrail:
    """Writes events of which nothing else is written."""

    def __init__(self, postgres: AsyncPostgres, service: str) -> None:
        self._postgres = postgres
        self._service = service
        self._waiting: list[tuple[dict[str, object], asyncio.Future[None]]] = []
        self._writer: asyncio.Task[None] | None = None

    async def record(self, event: AuditEvent) -> None:
        """Write an event and return when it is kept, or cannot be: what it tells of has been decided already.

        What cannot be kept, or not soon, is logged.
        """
        if len(self._waiting) >= _MOST_WAITING:
            _lost(event.kind.value, "too many are waiting")
            return
        written: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((_row(self._service, event), written))
        if self._writer is None or self._writer.done():
            self._writer = asyncio.create_task(self._write_all())
        try:
            async with asyncio.timeout(_PATIENCE_SECONDS):
                await asyncio.shield(written)
        except TimeoutError:
            _log.warning("audit_is_slow", audit_event=event.kind.value)

    async def close(self) -> None:
        """Write what is waiting."""
        if self._writer is not None:
            await self._writer

    async def _write_all(self) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting[:_MOST_IN_A_BATCH], self._waiting[_MOST_IN_A_BATCH:]
            try:
                await self._postgres.all(INSERT_EVENTS, {"audit_events": json.dumps([row for row, _ in batch])})
            except (Failure, IntegrityError) as error:
                for row, _ in batch:
                    _lost(str(row["event"]), type(error).__name__)
            finally:
                for _, written in batch:
                    if not written.done():
                        written.set_result(None)


def _lost(kind: str, reason: str) -> None:
    _log.error("audit_event_lost", audit_event=kind, reason=reason)


def _row(service: str, event: AuditEvent) -> dict[str, object]:
    return {
        "service": service,
        "event": event.kind.value,
        "outcome": event.outcome.value,
        "actor": _text(event.actor),
        "client_id": event.client_id and _text(event.client_id),
        "user_id": event.user_id and str(event.user_id),
        "grant_id": event.grant_id and str(event.grant_id),
        "source": client_address.current(),
        "request_id": request_id.current(),
        "error": _text(event.error),
        "detail": _text(event.detail[:_LONGEST_DETAIL]),
        "attributes": {name: _text(value) for name, value in event.attributes.items()},
    }


def _text(value: str) -> str:
    # PostgreSQL's text holds neither NUL nor lone surrogates.
    return value.encode("utf-8", "replace").decode("utf-8").replace("\0", "")
