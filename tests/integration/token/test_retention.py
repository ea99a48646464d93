"""What is kept for a while only, on real Postgres: what is marked, what is deleted, and whom that does not disturb."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from typing import LiteralString
from uuid import UUID

import psycopg
import pytest
from psycopg.rows import DictRow

from services.token.adapters.postgres_retention import PostgresRetention
from services.token.retention import Retention
from tallystick.runtime.postgres import AsyncPostgres
from tests.integration.introspect.rows import GrantRow, Rows
from tests.support.databases import Database

# Make everything about a grant older.
AGE: LiteralString = """
UPDATE grants SET created_at = created_at - %(by)s::interval, refreshed_at = refreshed_at - %(by)s::interval,
    refresh_idle_expires_at = refresh_idle_expires_at - %(by)s::interval,
    refresh_expires_at = refresh_expires_at - %(by)s::interval
WHERE grant_id = %(grant_id)s
"""
# Take a grant's refresh family away.
WITHOUT_REFRESH: LiteralString = """
UPDATE grants SET refresh_generation = NULL, refresh_digest = NULL, refresh_idle_expires_at = NULL,
    refresh_expires_at = NULL
WHERE grant_id = %(grant_id)s
"""
ADD_ENDED: LiteralString = """
INSERT INTO grants (grant_id, code_id, code_digest, redemption_id, client_id, user_id, scopes, redirect_uri,
    redirect_uri_sent, client_epoch, user_epoch, consent_epoch, ended_at, end_reason)
SELECT gen_random_uuid(), 'old ' || n, sha256('c'), gen_random_uuid(), 'c', gen_random_uuid(), '{}', 'u', true, 0, 0, 0,
    clock_timestamp() - %(age)s::interval, 'expired'
FROM generate_series(1, %(count)s) AS n
"""
ADD_LOG: LiteralString = """
INSERT INTO invalidations (kind, key, created_at)
SELECT 'grant', 'k', clock_timestamp() - %(age)s::interval FROM generate_series(1, %(count)s)
"""


@pytest.fixture
def owner(database: Database) -> Iterator[psycopg.Connection[DictRow]]:
    with database.connect() as connection:
        yield connection
        connection.execute("TRUNCATE grants, invalidations")


@pytest.fixture
def rows(owner: psycopg.Connection[DictRow]) -> Rows:
    return Rows(owner)


@pytest.fixture
async def store(database: Database) -> AsyncIterator[PostgresRetention]:
    postgres = AsyncPostgres(database.dsn("tallystick_token"), name="token", size=5)
    await postgres.open()
    yield PostgresRetention(postgres)
    await postgres.close()


def grant(rows: Rows) -> GrantRow:
    """Return a fresh grant with everything behind it."""
    return rows.grant(rows.client("photos.read"), "photos.read")


def end_of(owner: psycopg.Connection[DictRow], of: GrantRow) -> str | None:
    """Return why a grant ended; None while it lives."""
    found = owner.execute("SELECT end_reason FROM grants WHERE grant_id = %s", (of.grant_id,)).fetchone()
    assert found is not None
    reason: str | None = found["end_reason"]
    return reason


async def tidied(store: PostgresRetention) -> None:
    """Go once through everything."""
    await Retention(store, interval_seconds=3600).round()


GONE: dict[str, LiteralString] = {
    "the client is deleted": "DELETE FROM clients WHERE client_id = %(client_id)s",
    "the client's tokens are revoked": "UPDATE clients SET epoch = epoch + 1 WHERE client_id = %(client_id)s",
    "the user is deleted": "DELETE FROM users WHERE user_id = %(user_id)s",
    "the user has another password": "UPDATE users SET epoch = epoch + 1 WHERE user_id = %(user_id)s",
    "the consent is withdrawn": "UPDATE consents SET epoch = epoch + 1 WHERE user_id = %(user_id)s",
    "the consent is gone": "DELETE FROM consents WHERE user_id = %(user_id)s",
}


@pytest.mark.parametrize("case", GONE)
async def test_what_can_never_live_again_is_withdrawn(
    store: PostgresRetention, rows: Rows, owner: psycopg.Connection[DictRow], case: str
) -> None:
    """A grant whose client, user or consent is gone or of another epoch ends, and the audit says why (REFR-07)."""
    dead, alive = grant(rows), grant(rows)
    rows.execute(GONE[case], client_id=dead.client.client_id, user_id=dead.user.user_id)
    await tidied(store)
    assert (end_of(owner, dead), end_of(owner, alive)) == ("withdrawn", None)
    told = "SELECT event, outcome, client_id, user_id, attributes FROM audit_events WHERE grant_id = %s"
    assert owner.execute(told, (dead.grant_id,)).fetchall() == [
        {
            "event": "grant_ended",
            "outcome": "success",
            "client_id": dead.client.client_id,
            "user_id": dead.user.user_id,
            "attributes": {"end_reason": "withdrawn"},
        }
    ]


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE clients SET enabled = false WHERE client_id = %(client_id)s",
        "UPDATE users SET enabled = false WHERE user_id = %(user_id)s",
        "UPDATE clients SET grant_types = '{authorization_code}' WHERE client_id = %(client_id)s",
        "DELETE FROM client_scopes WHERE client_id = %(client_id)s",
    ],
)
async def test_what_may_come_back_is_left(
    store: PostgresRetention, rows: Rows, owner: psycopg.Connection[DictRow], statement: LiteralString
) -> None:
    """What an operator can turn on again ends nothing for good."""
    sleeping = grant(rows)
    rows.execute(statement, client_id=sleeping.client.client_id, user_id=sleeping.user.user_id)
    await tidied(store)
    assert end_of(owner, sleeping) is None


@pytest.mark.parametrize(
    ("statement", "age", "reason"),
    [
        (None, timedelta(days=15), "expired"),
        (None, timedelta(days=13), None),
        (WITHOUT_REFRESH, timedelta(hours=25, minutes=1), "expired"),
        (WITHOUT_REFRESH, timedelta(hours=24, minutes=59), None),
        ("UPDATE grants SET refresh_limit_left = 0 WHERE grant_id = %(grant_id)s", timedelta(hours=26), "expired"),
        ("UPDATE grants SET refresh_limit_left = 0 WHERE grant_id = %(grant_id)s", timedelta(hours=24), None),
        ("UPDATE grants SET refresh_limit_left = 1 WHERE grant_id = %(grant_id)s", timedelta(hours=26), None),
    ],
)
async def test_what_can_do_nothing_any_more_is_expired(
    store: PostgresRetention,
    rows: Rows,
    owner: psycopg.Connection[DictRow],
    statement: LiteralString | None,
    age: timedelta,
    reason: str | None,
) -> None:
    """A grant ends when nothing of it works and it can be refreshed no more, and not an hour earlier (REFR-06)."""
    old = grant(rows)
    if statement is not None:
        rows.execute(statement, grant_id=old.grant_id)
    rows.execute(AGE, grant_id=old.grant_id, by=age)
    await tidied(store)
    assert end_of(owner, old) == reason


@pytest.mark.parametrize(("minutes", "reason"), [(61, "expired"), (59, None)])
async def test_what_was_kept_of_the_last_access_token_counts(
    store: PostgresRetention, rows: Rows, owner: psycopg.Connection[DictRow], minutes: int, reason: str | None
) -> None:
    """A grant without refresh ends an hour after its access token, which need not have lasted a day (REFR-06)."""
    old = grant(rows)
    rows.execute(WITHOUT_REFRESH, grant_id=old.grant_id)
    rows.execute(
        "UPDATE grants SET access_expires_at = clock_timestamp() - %(by)s::interval WHERE grant_id = %(grant_id)s",
        grant_id=old.grant_id,
        by=timedelta(minutes=minutes),
    )
    await tidied(store)
    assert end_of(owner, old) == reason


async def test_a_late_refresh_counts(store: PostgresRetention, rows: Rows, owner: psycopg.Connection[DictRow]) -> None:
    """A grant beyond its absolute lifetime is kept as long as an access token of its last refresh may live."""
    old = grant(rows)
    rows.execute(AGE, grant_id=old.grant_id, by=timedelta(days=31))
    rows.execute(
        "UPDATE grants SET refreshed_at = now() - interval '24 hours' WHERE grant_id = %(grant_id)s",
        grant_id=old.grant_id,
    )
    await tidied(store)
    assert end_of(owner, old) is None


async def test_who_refreshes_meanwhile_is_not_disturbed(
    store: PostgresRetention, rows: Rows, owner: psycopg.Connection[DictRow], database: Database
) -> None:
    """A row that a writer holds is not waited for, and what the writer made of it is what counts."""
    old = grant(rows)
    rows.execute(AGE, grant_id=old.grant_id, by=timedelta(days=15))
    with database.connect() as writer:
        writer.execute("BEGIN")
        writer.execute(
            "UPDATE grants SET refreshed_at = now(), refresh_idle_expires_at = now() + interval '1 day'"
            " WHERE grant_id = %s",
            (old.grant_id,),
        )
        async with asyncio.timeout(1):
            await tidied(store)
        writer.execute("COMMIT")
    await tidied(store)
    assert end_of(owner, old) is None


async def test_an_end_keeps_its_time_and_reason(
    store: PostgresRetention, rows: Rows, owner: psycopg.Connection[DictRow]
) -> None:
    """A grant that ended is not ended again."""
    ended = grant(rows)
    rows.execute(
        "UPDATE grants SET ended_at = '2026-11-01', end_reason = 'refresh_reused' WHERE grant_id = %(grant_id)s",
        grant_id=ended.grant_id,
    )
    rows.execute("DELETE FROM clients WHERE client_id = %(client_id)s", client_id=ended.client.client_id)
    await store.end_dead(None)
    assert end_of(owner, ended) == "refresh_reused"


async def test_the_walk_goes_on_where_it_stopped(
    store: PostgresRetention, rows: Rows, owner: psycopg.Connection[DictRow]
) -> None:
    """Grants are looked at in the order of their ids, each once, and then there are none left."""
    grants = sorted(grant(rows).grant_id for _ in range(3))
    assert await store.end_dead(None) == grants[-1]
    assert await store.end_dead(grants[0]) == grants[-1]
    assert await store.end_dead(grants[-1]) is None
    owner.execute("TRUNCATE grants")
    assert await store.end_dead(None) is None


async def test_long_ended_grants_are_deleted_in_batches(
    store: PostgresRetention, rows: Rows, owner: psycopg.Connection[DictRow]
) -> None:
    """What ended more than thirty days ago leaves, a thousand at a time; what ended later, or not at all, stays."""
    alive = grant(rows)
    rows.execute(ADD_ENDED, age=timedelta(days=30, minutes=1), count=1200)
    owner.execute("UPDATE grants SET code_id = 'other ' || code_id")
    rows.execute(ADD_ENDED, age=timedelta(days=29), count=3)
    assert [await store.delete_ended() for _ in range(3)] == [1000, 200, 0]
    left = owner.execute("SELECT count(*) AS grants, count(ended_at) AS ended FROM grants").fetchone()
    assert left == {"grants": 4, "ended": 3}
    assert end_of(owner, alive) is None


async def test_the_log_forgets_all_but_its_newest_row(
    store: PostgresRetention, rows: Rows, owner: psycopg.Connection[DictRow]
) -> None:
    """Rows of the log older than a day leave, and the newest stays, however old it is."""
    rows.execute(ADD_LOG, age=timedelta(hours=25), count=1200)
    newest = owner.execute("SELECT max(position) AS position FROM invalidations").fetchone()
    assert [await store.forget_invalidations() for _ in range(3)] == [1000, 199, 0]
    assert owner.execute("SELECT position FROM invalidations").fetchall() == [newest]
    rows.execute(ADD_LOG, age=timedelta(hours=23), count=2)
    assert [await store.forget_invalidations() for _ in range(2)] == [1, 0]


async def test_the_log_is_forgotten_from_its_beginning(
    store: PostgresRetention, rows: Rows, owner: psycopg.Connection[DictRow]
) -> None:
    """A row that is kept keeps all behind it, or whoever has read as far as that row would miss one."""
    rows.execute(ADD_LOG, age=timedelta(hours=25), count=3)
    rows.execute(ADD_LOG, age=timedelta(hours=23), count=1)
    rows.execute(ADD_LOG, age=timedelta(hours=25), count=3)
    assert [await store.forget_invalidations() for _ in range(2)] == [3, 0]
    left = owner.execute("SELECT created_at FROM invalidations ORDER BY position").fetchall()
    assert len(left) == 4
    assert left[0] == max(left, key=lambda row: row["created_at"])


async def test_one_replica_works_at_a_time(
    store: PostgresRetention, rows: Rows, owner: psycopg.Connection[DictRow], database: Database
) -> None:
    """While another replica has its turn nothing is done, nobody waits, and the walk stays where it is."""
    dead = grant(rows)
    rows.execute("DELETE FROM clients WHERE client_id = %(client_id)s", client_id=dead.client.client_id)
    rows.execute(ADD_ENDED, age=timedelta(days=31), count=3)
    rows.execute(ADD_LOG, age=timedelta(days=2), count=3)
    with database.connect("tallystick_token") as other:
        other.execute("BEGIN")
        other.execute("SELECT pg_advisory_xact_lock(7453886204)")
        async with asyncio.timeout(1):
            done = (await store.end_dead(None), await store.delete_ended(), await store.forget_invalidations())
            assert await store.end_dead(dead.grant_id) == dead.grant_id
        other.execute("ROLLBACK")
    assert done == (None, 0, 0)
    assert end_of(owner, dead) is None
    await tidied(store)
    assert end_of(owner, dead) == "withdrawn"


async def test_replicas_at_once_end_each_grant_once(
    store: PostgresRetention, rows: Rows, owner: psycopg.Connection[DictRow]
) -> None:
    """Several replicas that tidy up together neither fail nor tell anything twice."""
    dead = [grant(rows) for _ in range(20)]
    owner.execute("UPDATE consents SET epoch = epoch + 1")
    await asyncio.gather(*(tidied(store) for _ in range(5)))
    await tidied(store)
    ids: list[UUID] = [each.grant_id for each in dead]
    told = "SELECT count(*) AS events, count(DISTINCT grant_id) AS grants FROM audit_events WHERE grant_id = ANY (%s)"
    assert owner.execute(told, (ids,)).fetchone() == {"events": 20, "grants": 20}
