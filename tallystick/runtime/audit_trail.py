"""The audit trail in Postgres: how an event is written, with what it tells of or by itself.

What is done is told in the statement that does it, so that neither is there without the other. What was refused changes
nothing, and is told afterwards, in batches: a batch is whatever arrived while the last one was being written.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextvars import Context
from dataclasses import dataclass
from typing import LiteralString, TypeVar

from psycopg import DataError, Error, IntegrityError

from tallystick.runtime import client_address, request_id
from tallystick.runtime.audit_event import AuditEvent
from tallystick.runtime.failures import Failure
from tallystick.runtime.log import logger
from tallystick.runtime.postgres import AsyncPostgres, NoPartition, Values
from tallystick.runtime.repeated_refusals import RepeatedRefusals

_LONGEST_DETAIL = 500
_MOST_IN_A_BATCH = 200
_MOST_WAITING = 5000
_PATIENCE_SECONDS = 1.0
_CLOSING_SECONDS = 5.0
_ENDED = "the service has ended"
_TABLE = "audit_events"

Result = TypeVar("Result")

_log = logger(__name__)

# Every column of an event; their values, each in its place, and where they are from follow.
INSERT_INTO_AUDIT: LiteralString = """
INSERT INTO audit_events
    (day, event_id, occurred_at, service, event, outcome, actor, client_id, user_id, grant_id, source, request_id,
     error, detail, attributes)
SELECT
"""

# The values of given events, once for each row of the source that follows. Those of one statement stay in their order,
# a microsecond apart.
_VALUES_FROM: LiteralString = """
    floor(extract(epoch FROM m.moment) / 86400), gen_random_uuid(), m.moment, e.service, e.event, e.outcome, e.actor,
    e.client_id, e.user_id, e.grant_id, e.source, e.request_id, e.error, e.detail, e.attributes
FROM (SELECT clock_timestamp() AS now) AS t,
    ROWS FROM (jsonb_to_recordset(%(audit_events)s::jsonb) AS (
        service text, event text, outcome text, actor text, client_id text, user_id uuid, grant_id uuid,
        source text, request_id text, error text, detail text, attributes jsonb
    )) WITH ORDINALITY AS e (
        service, event, outcome, actor, client_id, user_id, grant_id,
        source, request_id, error, detail, attributes, place
    ),
    LATERAL (SELECT t.now + (e.place - 1) * interval '1 microsecond') AS m (moment),
    """

# Write events, if the source that follows has a row; it has one or none.
INSERT_EVENTS_FROM: LiteralString = INSERT_INTO_AUDIT + _VALUES_FROM

# Events of which nothing else is written.
INSERT_EVENTS: LiteralString = INSERT_EVENTS_FROM + "(VALUES (1)) AS always"


def event_values(service: str, *events: AuditEvent) -> Values:
    """Return the parameter of `INSERT_EVENTS_FROM`. The request in hand tells its id and where it came from."""
    return {"audit_events": json.dumps([_row(service, event) for event in events])}


async def with_events_or_without(
    write: Callable[[Values], Awaitable[Result]], service: str, *events: AuditEvent
) -> Result:
    """Run a write, which is given the parameter of `INSERT_EVENTS_FROM`; without its events if no partition takes them.

    For what ends something, which nobody may have to wait for. The log then has the events.
    """
    try:
        return await write(event_values(service, *events))
    except NoPartition as missing:
        if missing.table != _TABLE:
            raise
    done = await write(event_values(service))
    _lost((_row(service, event) for event in events), "there is no partition")
    return done


@dataclass(slots=True)
class Tally:
    """What has become of events so far."""

    written: int = 0
    lost: int = 0
    """They are in the log only."""
    only_counted: int = 0
    """Refusals that were not told one by one."""


class AuditTrail:
    """Writes events of which nothing else is written."""

    def __init__(self, postgres: AsyncPostgres, service: str, refusals: RepeatedRefusals) -> None:
        self._postgres = postgres
        self._service = service
        self._refusals = refusals
        self.tally = Tally()
        self._counting: asyncio.TimerHandle | None = None
        self._waiting: list[tuple[dict[str, object], asyncio.Future[None]]] = []
        self._writer: asyncio.Task[None] | None = None

    @property
    def waiting(self) -> int:
        """How many events wait to be written."""
        return len(self._waiting)

    async def record(self, event: AuditEvent) -> None:
        """Write an event and return when it is kept, or cannot be: what it tells of has been decided already.

        What cannot be kept is logged instead. Who has waited for a second waits no longer; the event still does. Of
        refusals that strangers repeat, some are only counted and told together later.
        """
        if not self._refusals.tells(event, client_address.current_network()):
            self.tally.only_counted += 1
            self._count_on()
            return
        written = self._enqueue(_row(self._service, event))
        if written is None:
            return
        try:
            async with asyncio.timeout(_PATIENCE_SECONDS):
                await asyncio.shield(written)
        except TimeoutError:
            _log.warning("audit_is_slow", audit_event=event.kind.value)

    async def close(self) -> None:
        """Write what is waiting or was counted, as far as that can be done soon."""
        if self._counting is not None:
            self._counting.cancel()
        self._tell_counted(all_of_them=True)
        if self._writer is None:
            return
        try:
            async with asyncio.timeout(_CLOSING_SECONDS):
                await self._writer
        except TimeoutError:
            self._lose([row for row, _ in self._waiting], _ENDED)

    def _enqueue(self, row: dict[str, object]) -> asyncio.Future[None] | None:
        if len(self._waiting) >= _MOST_WAITING:
            self._lose([row], "too many are waiting")
            return None
        written: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((row, written))
        if self._writer is None or self._writer.done():
            # In no request's context: it goes on to write for others.
            self._writer = asyncio.create_task(self._write_all(), context=Context())
        return written

    def _count_on(self) -> None:
        if self._counting is None:
            self._counting = asyncio.get_running_loop().call_later(self._refusals.window_seconds, self._window_is_over)

    def _window_is_over(self) -> None:
        self._counting = None
        if not self._tell_counted():
            # A window that began a moment later is still open.
            self._count_on()

    def _tell_counted(self, *, all_of_them: bool = False) -> bool:
        """Tell what was counted, and whether nothing is being counted any more."""
        for repeated in self._refusals.over(all_of_them=all_of_them):
            row = _row(self._service, repeated.event())
            self._enqueue({**row, "source": repeated.network, "request_id": ""})
        return self._refusals.is_idle

    async def _write_all(self) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting[:_MOST_IN_A_BATCH], self._waiting[_MOST_IN_A_BATCH:]
            try:
                await self._write([row for row, _ in batch])
            finally:
                for _, written in batch:
                    if not written.done():
                        written.set_result(None)

    async def _write(self, rows: list[dict[str, object]]) -> None:
        try:
            await self._postgres.all(INSERT_EVENTS, {"audit_events": json.dumps(rows)})
            self.tally.written += len(rows)
        except (DataError, IntegrityError) as error:
            if len(rows) == 1:
                self._lose(rows, type(error).__name__)
                return
            # One of them cannot be kept, which is no reason to lose the others.
            for row in rows:
                await self._write([row])
        except (Failure, Error) as error:
            self._lose(rows, type(error).__name__)
        except asyncio.CancelledError:
            self._lose(rows, _ENDED)
            raise

    def _lose(self, rows: Sequence[dict[str, object]], reason: str) -> None:
        self.tally.lost += len(rows)
        _lost(rows, reason)


def _lost(rows: Iterable[dict[str, object]], reason: str) -> None:
    # The log is then the only place that has it.
    for row in rows:
        _log.error("audit_event_lost", reason=reason, lost=row)


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
