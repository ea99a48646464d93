"""Partitions on real Postgres: they come and go beside readers and writers (design, section 7)."""

import asyncio
import secrets
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo
from psycopg.errors import CheckViolation, InsufficientPrivilege

from services.token.adapters.postgres_partitions import PostgresPartitions
from services.token.adapters.postgres_tokens import PostgresAccessTokens
from services.token.model import AccessTokenRecord
from services.token.partition_plan import ACCESS_TOKENS, audit_events
from services.token.partitions import PartitionKeeper, maintain
from tallystick.runtime.audit_event import AuditEvent, EventKind
from tallystick.runtime.failures import Unavailable
from tallystick.runtime.postgres import AsyncPostgres
from tests.support.databases import Database


@pytest.fixture
async def postgres(database: Database) -> AsyncIterator[AsyncPostgres]:
    postgres = AsyncPostgres(database.dsn("tallystick_token"), name="token", size=5)
    await postgres.open()
    yield postgres
    await postgres.close()


@pytest.fixture
def partitions(postgres: AsyncPostgres, database: Database) -> PostgresPartitions:
    return PostgresPartitions(postgres, database.dsn("tallystick_partitions"), ACCESS_TOKENS)


@pytest.fixture
def days(postgres: AsyncPostgres, database: Database) -> PostgresPartitions:
    return PostgresPartitions(postgres, database.dsn("tallystick_partitions"), audit_events(90))


@pytest.fixture
async def keeper(partitions: PostgresPartitions, days: PostgresPartitions) -> PartitionKeeper:
    keeper = keeper_of(partitions, days)
    await keeper.prepare()
    return keeper


@pytest.fixture
def tokens(postgres: AsyncPostgres) -> PostgresAccessTokens:
    return PostgresAccessTokens(postgres)


EVENT = AuditEvent(EventKind.TOKEN_ISSUED)


def keeper_of(*stores: PostgresPartitions) -> PartitionKeeper:
    """Return one replica's keeper."""
    return PartitionKeeper(*stores, interval_seconds=3600, start_seconds=20)


def token_of(hour: int) -> AccessTokenRecord:
    """Return a token that expires in an hour of the count since 1970."""
    expires_at = datetime.fromtimestamp(hour * 3600 + 1800, UTC)
    return AccessTokenRecord(
        bucket=hour,
        digest=secrets.token_bytes(32),
        grant_id=None,
        client_id="client",
        client_epoch=0,
        scopes=("photos.read",),
        audience="https://photos.example",
        issued_at=expires_at - timedelta(minutes=10),
        expires_at=expires_at,
    )


async def test_a_fresh_database_gets_what_it_needs(
    keeper: PartitionKeeper, partitions: PostgresPartitions, tokens: PostgresAccessTokens, database: Database
) -> None:
    """After the start there is a partition for every hour, token may write each, and introspect may read them."""
    del keeper
    found = await partitions.found()
    assert found.suffices
    assert found.missing == ()
    kept = [token_of(hour) for hour in sorted(found.attached)]
    for token in kept:
        await tokens.keep(token, EVENT)
    with database.connect("tallystick_introspect") as connection:
        seen = {row["digest"] for row in connection.execute("SELECT digest FROM access_tokens").fetchall()}
    assert {token.digest for token in kept} <= seen


async def test_a_partition_is_searched_by_its_index(keeper: PartitionKeeper, database: Database) -> None:
    """A lookup reads one index of one partition, whatever the number of partitions."""
    del keeper
    with database.connect("tallystick_introspect") as connection:
        connection.execute("SET enable_seqscan = off")
        lookup = "EXPLAIN SELECT client_id FROM access_tokens WHERE digest = '\\x00' AND bucket = %s"
        [hour] = connection.execute("SELECT floor(extract(epoch FROM now()) / 3600)::int AS hour").fetchall()
        plan = [row["QUERY PLAN"] for row in connection.execute(lookup, (hour["hour"],)).fetchall()]
    assert len([line for line in plan if "access_tokens_" in line]) == 1
    assert "Index Scan" in plan[0]


@pytest.mark.parametrize("hours", [-2, 30])
async def test_a_token_without_partition_is_no_token(
    keeper: PartitionKeeper, partitions: PostgresPartitions, tokens: PostgresAccessTokens, hours: int
) -> None:
    """What cannot be kept is not issued, and the client may ask again (promise 4)."""
    del keeper
    with pytest.raises(Unavailable):
        await tokens.keep(token_of((await partitions.found()).present + hours), EVENT)


async def test_a_token_in_the_wrong_partition_is_refused(
    keeper: PartitionKeeper, partitions: PostgresPartitions, tokens: PostgresAccessTokens
) -> None:
    """A bucket that is not the hour of the expiry is a mistake of ours, and not taken for a missing partition."""
    del keeper
    token = token_of((await partitions.found()).present)
    with pytest.raises(CheckViolation, match="access_tokens_bucket_check"):
        await tokens.keep(replace(token, bucket=token.bucket + 1), EVENT)


async def test_what_is_past_leaves_whole(
    keeper: PartitionKeeper, partitions: PostgresPartitions, tokens: PostgresAccessTokens
) -> None:
    """Partitions of two hours ago and older are dropped with what is in them; that of the last hour stays."""
    del keeper
    hour = (await partitions.found()).present
    async with partitions.session() as session:
        assert session is not None
        for past in (hour - 40, hour - 2, hour - 1):
            await session.create(past)
    await tokens.keep(token_of(hour - 2), EVENT)
    await tokens.keep(token_of(hour - 1), EVENT)
    await maintain(partitions)
    found = await partitions.found()
    assert min(found.attached) == hour - 1
    assert (found.half_detached, found.detached) == (frozenset(), frozenset())


async def test_days_of_the_audit_leave_whole(
    keeper: PartitionKeeper, days: PostgresPartitions, database: Database
) -> None:
    """Days over ninety days ago are dropped with what is in them, and that of ninety days ago stays."""
    del keeper
    today = (await days.found()).present
    async with days.session() as session:
        assert session is not None
        for past in (today - 400, today - 91, today - 90):
            await session.create(past)
    add = "INSERT INTO audit_events (day, event_id, occurred_at, service, event, outcome) VALUES"
    row = "(%(day)s, gen_random_uuid(), to_timestamp(%(day)s * 86400 + 5), 'token', 'token_issued', 'success')"
    with database.connect("tallystick_token") as connection:
        for past in (today - 91, today - 90):
            connection.execute(sql.SQL(f"{add} {row}"), {"day": past})
    await maintain(days)
    found = await days.found()
    assert (min(found.attached), found.missing) == (today - 90, ())
    assert (found.half_detached, found.detached) == (frozenset(), frozenset())
    with database.connect("tallystick_authorize") as connection:
        kept = connection.execute("SELECT count(*) AS events FROM audit_events WHERE day < %s", (today,)).fetchone()
    assert kept == {"events": 1}


async def test_the_days_that_a_migration_makes_are_kept_on(days: PostgresPartitions) -> None:
    """What the migration has made is found by the keeper, and goes on from there."""
    await maintain(days)
    found = await days.found()
    assert found.attached >= set(range(found.present, found.present + 9))


async def test_parallel_keepers_do_not_disturb_each_other(
    keeper: PartitionKeeper, partitions: PostgresPartitions
) -> None:
    """When several replicas look after the partitions at once, one works and all are content."""
    del keeper
    async with partitions.session() as session:
        assert session is not None
        found = await session.found()
        for hour in (max(found.attached), found.present - 9):
            if hour not in found.attached:
                await session.create(hour)
            await session.detach(hour)
            await session.drop(hour)
    keepers = [keeper_of(partitions) for _ in range(4)]
    await asyncio.gather(*(maintain(partitions) for _ in keepers))
    await asyncio.gather(*(each.prepare() for each in keepers))
    assert (await partitions.found()).missing == ()


async def test_one_replica_has_the_right_at_a_time(keeper: PartitionKeeper, partitions: PostgresPartitions) -> None:
    """While one session has the right another gets none, and the right ends with the session."""
    del keeper
    async with partitions.session() as first, partitions.session() as second:
        assert first is not None
        assert second is None
    async with partitions.session() as third:
        assert third is not None


async def test_a_slow_reader_holds_nobody_up(
    keeper: PartitionKeeper, partitions: PostgresPartitions, tokens: PostgresAccessTokens, database: Database
) -> None:
    """Beside a transaction that read all, partitions are made, tokens kept, and a stuck detachment is resumed."""
    del keeper
    hour = (await partitions.found()).present
    async with partitions.session() as session:
        assert session is not None
        await session.create(hour - 3)
    with database.connect() as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM access_tokens")
        with pytest.raises(Unavailable):
            await maintain(partitions)
        assert (await partitions.found()).half_detached == {hour - 3}
        async with asyncio.timeout(1), partitions.session() as session:
            assert session is not None
            await session.create(hour + 60)
        async with asyncio.timeout(1):
            await tokens.keep(token_of(hour), EVENT)
            await tokens.keep(token_of(hour + 60), EVENT)
        reader.execute("ROLLBACK")
    await maintain(partitions)
    found = await partitions.found()
    assert hour - 3 not in found.attached | found.half_detached | found.detached


@pytest.mark.parametrize("role", ["tallystick_token", "tallystick_introspect", "tallystick_authorize"])
async def test_no_other_role_changes_partitions(database: Database, role: str) -> None:
    """The services' own roles own no table: they can neither make a partition nor drop one."""
    with database.connect(role) as connection:
        for statement in ("CREATE TABLE access_tokens_1 (LIKE access_tokens)", "DROP TABLE access_tokens"):
            with pytest.raises(InsufficientPrivilege):
                connection.execute(statement)


async def test_a_session_that_cannot_be_had_is_unavailable(postgres: AsyncPostgres) -> None:
    """A partition DSN that leads nowhere costs a warning, not the service."""
    nowhere = PostgresPartitions(postgres, "postgresql://nobody@127.0.0.1:1/nothing?connect_timeout=1", ACCESS_TOKENS)
    with pytest.raises(Unavailable):
        await maintain(nowhere)


async def test_a_session_without_the_right_is_closed(postgres: AsyncPostgres, database: Database) -> None:
    """A login that is no member of the role leaves no connection behind, however often it is tried."""
    login = f"stranger_{secrets.token_hex(4)}"
    find = "SELECT pid FROM pg_stat_activity WHERE usename = %s"
    with database.connect() as owner:
        owner.execute(sql.SQL("CREATE ROLE {} LOGIN PASSWORD 'stranger'").format(sql.Identifier(login)))
        try:
            dsn = make_conninfo(database.dsn(), user=login, password="stranger")
            # The error that is caught holds on to what its frames refer to, so nothing but closing can end the session.
            with pytest.raises(Unavailable) as caught:
                await maintain(PostgresPartitions(postgres, dsn, ACCESS_TOKENS))
            until = time.monotonic() + 5
            while owner.execute(find, (login,)).fetchall():
                assert time.monotonic() < until, "the session was left open"
            assert isinstance(caught.value.__cause__, InsufficientPrivilege)
        finally:
            owner.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(login)))
