"""The server gives up what a service no longer waits for."""

import time
from collections.abc import AsyncIterator, Iterator

import psycopg
import pytest
from psycopg.errors import LockNotAvailable, QueryCanceled

from tallystick.runtime.failures import Unavailable
from tallystick.runtime.postgres import AsyncPostgres, SyncPostgres
from tests.support.databases import Database

ROLE = "tallystick_token"
# How long the service waits for checkout and statement together.
CALL_SECONDS = 5.0
WRITE = "INSERT INTO invalidations (kind, key) VALUES ('grant', 'late')"
SHOW = """SELECT current_setting('statement_timeout') AS statement, current_setting('lock_timeout') AS lock,
    current_setting('idle_in_transaction_session_timeout') AS idle, current_user AS role,
    current_setting('client_connection_check_interval') AS client"""


@pytest.fixture
async def postgres(database: Database) -> AsyncIterator[AsyncPostgres]:
    pool = AsyncPostgres(database.dsn(ROLE), name="token", size=2)
    await pool.open()
    yield pool
    await pool.close()


@pytest.fixture
def sync_postgres(database: Database) -> Iterator[SyncPostgres]:
    pool = SyncPostgres(database.dsn(ROLE), name="introspect", size=2)
    pool.open()
    yield pool
    pool.close()


async def test_a_write_that_waited_too_long_is_not_done_later(database: Database, postgres: AsyncPostgres) -> None:
    """What was answered with failure, as a lock was held, has no effect when the lock is free (GRPC-03)."""
    with psycopg.connect(database.dsn()) as other:
        other.execute("LOCK TABLE invalidations IN ACCESS EXCLUSIVE MODE")
        began = time.monotonic()
        with pytest.raises(Unavailable) as failed:
            await postgres.all(WRITE)
        assert time.monotonic() - began < CALL_SECONDS
        assert isinstance(failed.value.__cause__, LockNotAvailable)
        # Taken by the same transaction that holds the lock: nobody stands in line for it.
        waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'invalidations'::regclass"
        assert other.execute(waiting).fetchone() == (0,)
    assert await postgres.all("SELECT key FROM invalidations WHERE key = 'late'") == []


async def test_a_statement_that_runs_too_long_is_ended_by_the_server(postgres: AsyncPostgres) -> None:
    """The server cancels it before the service would, and the connection goes on."""
    with pytest.raises(Unavailable) as failed:
        await postgres.one("SELECT pg_sleep(20)")
    assert isinstance(failed.value.__cause__, QueryCanceled)
    assert await postgres.one("SELECT 1 AS one") == {"one": 1}


def test_a_lookup_that_waits_for_a_lock_is_ended_by_the_server(database: Database, sync_postgres: SyncPostgres) -> None:
    """The synchronous service too is told by the server, not by its own impatience."""
    with psycopg.connect(database.dsn()) as other:
        other.execute("LOCK TABLE clients IN ACCESS EXCLUSIVE MODE")
        with pytest.raises(Unavailable) as failed:
            sync_postgres.one("SELECT client_id FROM clients")
    assert isinstance(failed.value.__cause__, LockNotAvailable | QueryCanceled)


async def test_sessions_are_bounded_and_act_as_their_role(postgres: AsyncPostgres, sync_postgres: SyncPostgres) -> None:
    """Every session ends an idle transaction and notices a client that is gone; the role of the DSN stays."""
    common = {"idle": "5s", "client": "1s", "role": ROLE}
    assert await postgres.one(SHOW) == {**common, "statement": "2500ms", "lock": "2s"}
    assert sync_postgres.one(SHOW) == {**common, "statement": "2s", "lock": "2s"}
