"""The follower of the log that authorize and token have, over a real log."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager

import pytest

from tallystick.boot_clock import boot_seconds
from tallystick.runtime.lease.async_follower import AsyncFollower
from tallystick.runtime.lease.log import MOST_ROWS
from tallystick.runtime.lease.view import POLICY, View
from tests.support.databases import Database
from tests.support.stores import PostgresServer

ROLE = "tallystick_token"
R = 1.0
PATIENCE_SECONDS = 10.0

INVALIDATE = "INSERT INTO invalidations (kind, key) VALUES (%(kind)s, %(key)s)"
INVALIDATE_MANY = "INSERT INTO invalidations (kind, key) SELECT 'grant', n::text FROM generate_series(1, %(rows)s) AS n"
FORGET_ALL_BUT_THE_NEWEST = """
DELETE FROM invalidations WHERE position < (SELECT max(position) FROM invalidations)
"""
TIMELINE = "SELECT lpad(to_hex(timeline_id), 8, '0') AS timeline FROM pg_control_checkpoint()"
NEWEST = "SELECT max(position) AS newest FROM invalidations"


@pytest.fixture(autouse=True)
def terms(database: Database) -> None:
    """Leases that last a while."""
    database.set_revocation_wait(int(R * 1000))


@asynccontextmanager
async def following(database: Database) -> AsyncIterator[AsyncFollower]:
    """Give a follower that has a lease."""
    async with AsyncFollower(database.dsn(ROLE), name="test") as follower:
        await until(lambda: is_leased(follower))
        yield follower


def is_leased(follower: AsyncFollower) -> bool:
    view = follower.view
    return view.lease_left(boot_seconds()) > 0


async def until(true: Callable[[], bool]) -> None:
    """Return once something is true."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not true():  # noqa: ASYNC110 - nobody tells of a poll
            await asyncio.sleep(0.005)


def execute(database: Database, statement: str, **values: object) -> None:
    with database.connect() as owner:
        owner.execute(statement, values)


def read(database: Database, statement: str) -> object:
    with database.connect() as owner:
        [row] = owner.execute(statement).fetchall()
    return next(iter(row.values()))


async def test_it_begins_at_the_newest_row(database: Database) -> None:
    """The first poll gives position, floor, Postgres's timeline and time, and a lease of less than R."""
    before = boot_seconds()
    async with following(database) as follower:
        view = follower.view
        assert view.position == view.floor == read(database, NEWEST)
        assert view.timeline == read(database, TIMELINE)
        assert view.moment is not None
        assert before < view.moment.asked_at < view.lease_end <= boot_seconds() + 0.8 * R


async def test_what_is_changed_is_seen_and_the_lease_goes_on(database: Database) -> None:
    """A row of the log is applied within two polls, of policy under one name, and leases follow one another."""
    async with following(database) as follower:
        first = follower.view
        execute(database, INVALIDATE, kind="client", key="app")
        execute(database, INVALIDATE, kind="policy", key="photos.read")
        await until(lambda: POLICY in follower.view.changed)
        view = follower.view
        assert first.floor < view.changed["client", "app"] < view.changed[POLICY] == view.position
        assert view.generation == first.generation
        await until(lambda: follower.view.lease_end > first.lease_end + R)


async def test_more_rows_than_a_poll_reads(database: Database) -> None:
    """What does not fit into one poll comes with the next ones, without a gap."""
    async with following(database) as follower:
        generation = follower.view.generation
        rows = 2 * MOST_ROWS + 500
        execute(database, INVALIDATE_MANY, rows=rows)
        newest = read(database, NEWEST)
        await until(lambda: follower.view.position == newest)
        assert sum(kind == "grant" for kind, _ in follower.view.changed) == rows
        assert follower.view.generation == generation


async def test_it_begins_at_what_can_be_seen(database: Database) -> None:
    """A row whose position is drawn and that is committed after the start is not missed."""
    with database.connect() as writer:
        async with AsyncExitStack() as stack:
            with writer.transaction():
                writer.execute(INVALIDATE, {"kind": "user", "key": "late"})
                follower = await stack.enter_async_context(following(database))
                assert ("user", "late") not in follower.view.changed
            await until(lambda: ("user", "late") in follower.view.changed)


async def test_a_row_that_commits_while_it_is_followed(database: Database) -> None:
    """Position order is visibility order, so nothing is passed by."""
    async with following(database) as follower:
        with database.connect() as writer, writer.transaction():
            writer.execute(INVALIDATE, {"kind": "user", "key": "slow"})
            end = follower.view.lease_end
            await until(lambda: follower.view.lease_end > end)
            assert ("user", "slow") not in follower.view.changed
        await until(lambda: ("user", "slow") in follower.view.changed)


async def test_a_log_that_was_pruned_beyond_it_is_begun_anew(database: Database) -> None:
    """When the row at its position is gone, others may be that it never read: everything is dropped."""
    async with following(database) as follower:
        generation = follower.view.generation
        with database.connect() as owner, owner.transaction():
            owner.execute(INVALIDATE, {"kind": "grant", "key": "never read"})
            owner.execute(INVALIDATE, {"kind": "grant", "key": "the newest"})
            owner.execute(FORGET_ALL_BUT_THE_NEWEST)
        await until(lambda: follower.view.generation > generation)
        view = follower.view
        assert (view.floor, dict(view.changed)) == (view.position, {})
        await until(lambda: is_leased(follower))


async def test_pruning_behind_it_is_no_gap(database: Database) -> None:
    """Rows that it has read may go."""
    execute(database, INVALIDATE_MANY, rows=3)
    async with following(database) as follower:
        first = follower.view
        execute(database, FORGET_ALL_BUT_THE_NEWEST)
        await until(lambda: follower.view.lease_end > first.lease_end)
        assert follower.view.generation == first.generation


async def test_a_kind_that_it_does_not_know_drops_everything(database: Database) -> None:
    """A version that is to come may write what this one cannot apply."""
    execute(database, "ALTER TABLE invalidations DROP CONSTRAINT invalidations_kind_check")
    async with following(database) as follower:
        generation = follower.view.generation
        execute(database, INVALIDATE, kind="signing_key", key="k1")
        await until(lambda: follower.view.generation > generation)
        assert follower.view.position == follower.view.floor


async def test_without_terms_there_is_no_lease(database: Database) -> None:
    """With R = 0 the log is followed and nothing may be answered from memory."""
    database.set_revocation_wait(0)
    async with AsyncFollower(database.dsn(ROLE), name="test") as follower:
        await until(lambda: follower.view.moment is not None)
        assert not is_leased(follower)
        execute(database, INVALIDATE, kind="client", key="app")
        await until(lambda: ("client", "app") in follower.view.changed)
        assert not is_leased(follower)


async def test_an_outage_ends_the_lease_and_no_more(own_database: Database, own_postgres: PostgresServer) -> None:
    """While Postgres hangs or is gone the lease runs out; when it is back, so is the lease, and all that was known."""
    async with following(own_database) as follower:
        view = follower.view
        own_postgres.pause()
        await until(lambda: not is_leased(follower))
        own_postgres.resume()
        await until(lambda: is_leased(follower))
        execute(own_database, INVALIDATE, kind="client", key="after the pause")
        await until(lambda: ("client", "after the pause") in follower.view.changed)
        await asyncio.to_thread(own_postgres.kill)
        await until(lambda: not is_leased(follower))
        await asyncio.to_thread(own_postgres.restart)
        execute(own_database, INVALIDATE, kind="client", key="after the end")
        await until(lambda: is_leased(follower))
        await until(lambda: ("client", "after the end") in follower.view.changed)
        assert follower.view.generation == view.generation
        assert ("client", "after the pause") in follower.view.changed


async def test_it_ends_at_once_while_postgres_hangs(own_database: Database, own_postgres: PostgresServer) -> None:
    """Nobody waits for a server that says nothing."""
    async with following(own_database) as follower:
        view: View = follower.view
        own_postgres.pause()
        await until(lambda: not is_leased(follower))
        assert follower.view.generation == view.generation
        began = boot_seconds()
    assert boot_seconds() - began < 0.5
    own_postgres.resume()
