"""The audit trail keeps what it is given, in its order and in few writes, and is no reason for anything to fail."""

import asyncio
import time
from collections.abc import AsyncIterator

import psycopg
import pytest
from prometheus_client import CollectorRegistry
from structlog.testing import capture_logs

from tallystick.runtime import client_address, request_id
from tallystick.runtime.audit_event import AuditEvent, EventKind, Outcome
from tallystick.runtime.audit_trail import INSERT_EVENTS, AuditTrail, event_values
from tallystick.runtime.metrics.audit import AuditTrailState
from tallystick.runtime.postgres import AsyncPostgres
from tallystick.runtime.repeated_refusals import RepeatedRefusals
from tests.support.databases import Database
from tests.support.stores import PostgresServer

PATIENCE_SECONDS = 1.0
# A lone surrogate in a name, which no JSON in PostgreSQL can hold; values are freed of them.
BAD = AuditEvent(EventKind.TOKEN_REFUSED, detail="bad", attributes={"\ud800": "x"})


@pytest.fixture
async def postgres(database: Database) -> AsyncIterator[AsyncPostgres]:
    """Authorize's connections."""
    with database.connect() as connection:
        connection.execute("DELETE FROM audit_events")
    pool = AsyncPostgres(database.dsn("tallystick_authorize"), name="authorize", size=3)
    await pool.open()
    yield pool
    await pool.close()


@pytest.fixture
async def trail(postgres: AsyncPostgres) -> AsyncIterator[AuditTrail]:
    """Authorize's trail."""
    made = AuditTrail(postgres, "authorize", RepeatedRefusals(time.monotonic, told=1000))
    yield made
    await made.close()


def event(number: int) -> AuditEvent:
    """Return one of many events."""
    return AuditEvent(EventKind.AUTHORIZATION_REFUSED, Outcome.REFUSED, detail=str(number))


def details(database: Database) -> list[str]:
    """Return the details of what was kept, in the order of their times."""
    with database.connect() as connection:
        rows = connection.execute("SELECT detail FROM audit_events ORDER BY occurred_at, event_id").fetchall()
    return [row["detail"] for row in rows]


async def test_an_event_is_kept_with_the_request_it_belongs_to(database: Database, trail: AuditTrail) -> None:
    """When recording returns the event is there, and says which request it was and where that came from (OPS-04)."""
    request_id.begin("request-0001")
    client_address.begin("192.0.2.7")
    await trail.record(
        AuditEvent(
            EventKind.SIGN_IN_REFUSED,
            Outcome.REFUSED,
            client_id="c\0\ud800",
            detail="x" * 600,
            attributes={"label": "a\0b"},
        )
    )
    with database.connect() as connection:
        [row] = connection.execute("SELECT * FROM audit_events").fetchall()
    assert (row["service"], row["event"], row["outcome"]) == ("authorize", "sign_in_refused", "refused")
    assert (row["source"], row["request_id"]) == ("192.0.2.7", "request-0001")
    assert (row["client_id"], len(row["detail"]), row["attributes"]) == ("c?", 500, {"label": "ab"})


async def test_what_comes_together_is_written_together_and_in_order(database: Database, trail: AuditTrail) -> None:
    """Five hundred events at once are four transactions at the most, and keep their order (OPS-04)."""
    await asyncio.gather(*(trail.record(event(number)) for number in range(500)))
    assert details(database) == [str(number) for number in range(500)]
    with database.connect() as connection:
        [row] = connection.execute("SELECT count(DISTINCT xmin::text) AS writes FROM audit_events").fetchall()
    assert row["writes"] <= 4


async def test_events_of_one_statement_keep_their_order(database: Database) -> None:
    """A cause and what came of it are told in this order, though one statement writes both (OPS-04)."""
    with database.connect() as connection:
        connection.execute("DELETE FROM audit_events")
        connection.execute(INSERT_EVENTS, event_values("token", *(event(number) for number in range(20))))
    assert details(database) == [str(number) for number in range(20)]


async def test_one_that_cannot_be_kept_takes_no_other_along(database: Database, trail: AuditTrail) -> None:
    """Of a batch only the bad event is lost, and the log has it (OPS-04)."""
    with capture_logs() as logs:
        await asyncio.gather(*(trail.record(BAD if number == 7 else event(number)) for number in range(20)))
        await trail.record(event(20))
    assert details(database) == [str(number) for number in range(21) if number != 7]
    [lost] = [entry for entry in logs if entry["event"] == "audit_event_lost"]
    assert lost["lost"]["detail"] == "bad"


async def test_a_table_that_is_locked_holds_nobody_up(database: Database, trail: AuditTrail) -> None:
    """Whoever records waits a second at the most; what cannot be written is in the log, what comes later is kept."""
    with capture_logs() as logs:
        with psycopg.connect(database.dsn()) as other:
            other.execute("LOCK TABLE audit_events IN ACCESS EXCLUSIVE MODE")
            began = time.monotonic()
            await asyncio.gather(*(trail.record(event(number)) for number in range(10)))
            assert time.monotonic() - began < PATIENCE_SECONDS + 0.5
            await trail.close()
        await trail.record(event(10))
    lost = [entry["lost"]["detail"] for entry in logs if entry["event"] == "audit_event_lost"]
    assert (lost, details(database)) == ([str(number) for number in range(10)], ["10"])


async def test_a_database_that_is_gone_holds_nobody_up(
    database: Database, postgres_server: PostgresServer, postgres: AsyncPostgres
) -> None:
    """Without Postgres recording fails in the log only, and ends with the service in bounded time (OPS-04)."""
    trail = AuditTrail(postgres, "authorize", RepeatedRefusals(time.monotonic, told=1000))
    with psycopg.connect(postgres_server.dsn("postgres"), autocommit=True) as server, capture_logs() as logs:
        server.execute(f"ALTER DATABASE {database.name} ALLOW_CONNECTIONS false")
        server.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [database.name])
        try:
            began = time.monotonic()
            await asyncio.gather(*(trail.record(event(number)) for number in range(300)))
            assert time.monotonic() - began < PATIENCE_SECONDS + 0.5
            await trail.close()
            assert time.monotonic() - began < 8
        finally:
            server.execute(f"ALTER DATABASE {database.name} ALLOW_CONNECTIONS true")
    assert len([entry for entry in logs if entry["event"] == "audit_event_lost"]) == 300


async def test_whoever_stops_waiting_loses_nothing(database: Database, trail: AuditTrail) -> None:
    """An event whose request was given up is kept all the same (OPS-04)."""
    recording = asyncio.create_task(trail.record(event(1)))
    await asyncio.sleep(0)
    recording.cancel()
    await asyncio.gather(recording, return_exceptions=True)
    await trail.close()
    assert details(database) == ["1"]


async def test_what_strangers_repeat_is_counted(database: Database, postgres: AsyncPostgres) -> None:
    """Of 500 refusals of a stranger few are told in full, and the rest by their number (OPS-04, GEN-13)."""
    trail = AuditTrail(postgres, "authorize", RepeatedRefusals(time.monotonic, told=3, window_seconds=0.05))
    await asyncio.gather(*(trail.record(event(number)) for number in range(500)))
    await asyncio.sleep(0.1)
    await trail.close()
    with database.connect() as connection:
        rows = connection.execute("SELECT attributes ->> 'times' AS times FROM audit_events ORDER BY occurred_at")
        times = [row["times"] for row in rows]
    assert times[:3] == [None] * 3
    assert sum(int(each) for each in times if each) == 500 - times.count(None)
    assert len(times) < 30


async def test_without_a_partition_for_today_the_log_has_it(database: Database, trail: AuditTrail) -> None:
    """A day that has no partition costs the trail its events and nobody else anything (OPS-04)."""
    with database.connect() as connection, capture_logs() as logs:
        [row] = connection.execute("SELECT floor(extract(epoch FROM now()) / 86400)::int AS day").fetchall()
        partition = f"partitions.audit_events_{row['day']}"
        connection.execute(f"ALTER TABLE audit_events DETACH PARTITION {partition}")
        try:
            await trail.record(event(1))
        finally:
            connection.execute(f"ALTER TABLE audit_events ATTACH PARTITION {partition} FOR VALUES IN ({row['day']})")
    assert [entry["reason"] for entry in logs if entry["event"] == "audit_event_lost"] == ["NoPartition"]
    assert details(database) == []


def told(registry: CollectorRegistry) -> dict[str, float]:
    """Return what Prometheus is told of a trail."""
    return {
        "".join(sample.labels.values()) or "waiting": sample.value
        for metric in registry.collect()
        for sample in metric.samples
    }


async def test_what_becomes_of_events_is_measured(postgres: AsyncPostgres) -> None:
    """Events that were written, that the log alone has, and that were only counted; and how many wait meanwhile."""
    trail, registry = AuditTrail(postgres, "authorize", RepeatedRefusals(time.monotonic, told=1)), CollectorRegistry()
    AuditTrailState(registry, trail)
    assert told(registry) == {"written": 0, "lost": 0, "only_counted": 0, "waiting": 0}
    recording = [asyncio.create_task(trail.record(AuditEvent(EventKind.CONSENT_GIVEN))) for _ in range(3)]
    # Each begins when the loop comes by for the first time.
    await asyncio.sleep(0)
    assert told(registry) == {"written": 0, "lost": 0, "only_counted": 0, "waiting": 3}
    await asyncio.gather(*recording)
    assert told(registry) == {"written": 3, "lost": 0, "only_counted": 0, "waiting": 0}
    client_address.begin("192.0.2.99")
    for number in range(3):
        await trail.record(event(number))
    assert (told(registry)["written"], told(registry)["only_counted"]) == (4, 2)
    await trail.record(BAD)
    assert told(registry) == {"written": 4, "lost": 1, "only_counted": 2, "waiting": 0}
    await trail.close()
