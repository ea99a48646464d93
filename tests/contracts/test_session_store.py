"""The contracts of `SessionStore` and `EndedSessions`, on the fakes, on Redis and on Postgres."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from uuid import UUID, uuid4

import pytest
from redis.asyncio import Redis

from services.authorize.adapters.postgres_ended_sessions import PostgresEndedSessions
from services.authorize.adapters.redis_sessions import RedisSessions
from services.authorize.model import Session, User
from services.authorize.ports import EndedSessions, SessionStore
from tallystick.runtime.audit_event import AuditEvent, EventKind
from tallystick.runtime.postgres import AsyncPostgres
from tallystick.runtime.redis import AsyncRedis
from tallystick.runtime.redis_client import connect
from tests.fakes.authorize import BOB, InMemoryUsers
from tests.fakes.sign_in import InMemoryEndedSessions, InMemorySessions
from tests.support.databases import Database

ONE, OTHER = b"1" * 32, b"2" * 32
SESSION = Session(UUID(int=1), 3, 2_000_000_000, 1_900_000_000)
OTHERS = Session(UUID(int=2), 0, 2_000_000_000, 1_900_000_000)

INSERT_USER = """
INSERT INTO users (user_id, username, password_hash, epoch)
VALUES (%(user_id)s, %(username)s, %(password_hash)s, %(epoch)s) ON CONFLICT DO NOTHING
"""
INSERT_EXPIRED = """
INSERT INTO ended_sessions (digest, expires_at)
SELECT sha256(number::text::bytea), clock_timestamp() - interval '1 second' FROM generate_series(1, %(count)s) AS number
"""
COUNT_EVENTS = "SELECT count(*) AS events FROM audit_events WHERE event = 'signed_out' AND user_id = %(user_id)s"


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator[Redis]:
    client = connect(redis_url)
    await client.flushdb()
    yield client
    await client.aclose()


@pytest.fixture(params=["fake", "redis"])
def sessions(request: pytest.FixtureRequest, redis: Redis) -> SessionStore:
    return InMemorySessions() if request.param == "fake" else RedisSessions(AsyncRedis(redis))


async def test_a_session_is_found_until_it_ends(sessions: SessionStore) -> None:
    """A session that has ended is found no more, and may end again (UI-05)."""
    await sessions.put(ONE, SESSION, seconds=60)
    assert await sessions.find(ONE) == SESSION
    for _ in range(2):
        await sessions.end(ONE)
        assert await sessions.find(ONE) is None


async def test_sessions_do_not_mix(sessions: SessionStore) -> None:
    """Ending one leaves the other alone (UI-05)."""
    await sessions.put(ONE, SESSION, seconds=60)
    await sessions.put(OTHER, OTHERS, seconds=60)
    await sessions.end(ONE)
    assert await sessions.find(OTHER) == OTHERS


async def test_an_unknown_session_is_not_found(sessions: SessionStore) -> None:
    """What was never put is nobody's (UI-05)."""
    assert await sessions.find(ONE) is None


async def test_what_is_renewed_replaces_what_was_there(sessions: SessionStore) -> None:
    """Use of a session is told by the session itself (UI-05)."""
    await sessions.put(ONE, SESSION, seconds=60)
    await sessions.renew(ONE, OTHERS, seconds=60)
    assert await sessions.find(ONE) == OTHERS


async def test_what_has_ended_cannot_be_renewed(sessions: SessionStore) -> None:
    """A page that was loading while its session ended does not bring it back (UI-05)."""
    await sessions.put(ONE, SESSION, seconds=60)
    await sessions.end(ONE)
    await sessions.renew(ONE, SESSION, seconds=60)
    assert await sessions.find(ONE) is None


async def test_redis_forgets_a_session_by_itself(redis: Redis) -> None:
    """The lifetime is the key's, when it is renewed too (OPS-02)."""
    store = RedisSessions(AsyncRedis(redis))
    await store.put(ONE, SESSION, seconds=60)
    [key] = await redis.keys()
    assert 0 < await redis.pttl(key) <= 60_000
    await store.renew(ONE, SESSION, seconds=90)
    assert 60_000 < await redis.pttl(key) <= 90_000


async def test_an_unreadable_session_is_not_found(redis: Redis) -> None:
    """What something else wrote there signs nobody in (GEN-13)."""
    store = RedisSessions(AsyncRedis(redis))
    await store.put(ONE, SESSION, seconds=60)
    [key] = await redis.keys()
    await redis.set(key, b'{"user_id": "bob", "user_epoch": 3, "expires_at": 9e9, "idle_expires_at": 9e9}')
    assert await store.find(ONE) is None


@dataclass(frozen=True, slots=True)
class Ends:
    """`EndedSessions`, a user that they know, and how many events were kept of that user."""

    store: EndedSessions
    user: User
    postgres: AsyncPostgres

    @property
    def event(self) -> AuditEvent:
        return AuditEvent(EventKind.SIGNED_OUT, user_id=self.user.user_id)

    async def events(self) -> int:
        if isinstance(self.store, InMemoryEndedSessions):
            return len(self.store.events)
        row = await self.postgres.one(COUNT_EVENTS, {"user_id": self.user.user_id})
        return 0 if row is None else int(row["events"])


@pytest.fixture
async def postgres(database: Database) -> AsyncIterator[AsyncPostgres]:
    store = AsyncPostgres(database.dsn("tallystick_authorize"), name="test", size=2)
    await store.open()
    yield store
    await store.close()


@pytest.fixture(params=["fake", "postgres"])
async def ends(request: pytest.FixtureRequest, postgres: AsyncPostgres) -> Ends:
    if request.param == "fake":
        return Ends(InMemoryEndedSessions(InMemoryUsers(BOB)), BOB, postgres)
    user = User(uuid4(), f"user-{uuid4()}", "$argon2id$", enabled=True, epoch=3)
    await postgres.all(
        INSERT_USER,
        {
            "user_id": user.user_id,
            "username": user.username,
            "password_hash": user.password_hash,
            "epoch": user.epoch,
        },
    )
    return Ends(PostgresEndedSessions(postgres, "authorize"), user, postgres)


async def test_a_session_has_its_user_until_it_ends(ends: Ends) -> None:
    """One statement says who it is and whether the session has ended, and other sessions go on (UI-05)."""
    one, other = uuid4().bytes * 2, uuid4().bytes * 2
    assert await ends.store.user_unless_ended(ends.user.user_id, session=one) == ends.user
    await ends.store.end(one, ends.event, seconds=60)
    assert await ends.store.user_unless_ended(ends.user.user_id, session=one) is None
    assert await ends.store.user_unless_ended(ends.user.user_id, session=other) == ends.user


async def test_a_user_who_is_gone_is_in_no_session(ends: Ends) -> None:
    """A deleted user is nobody (UI-05)."""
    assert await ends.store.user_unless_ended(uuid4(), session=ONE) is None


async def test_a_session_ends_once(ends: Ends) -> None:
    """What is repeated ends nothing and is told once; an end without an event is an end (OPS-04)."""
    one, other = uuid4().bytes * 2, uuid4().bytes * 2
    for _ in range(2):
        await ends.store.end(one, ends.event, seconds=60)
    await ends.store.end(other, None, seconds=60)
    assert await ends.events() == 1
    assert await ends.store.user_unless_ended(ends.user.user_id, session=other) is None


async def test_ends_that_nobody_needs_go_in_batches(postgres: AsyncPostgres, database: Database) -> None:
    """With each end that is written a hundred go that have expired, and none that has not (OPS-02)."""
    with database.connect() as connection:
        connection.execute("DELETE FROM ended_sessions")
        connection.execute(INSERT_EXPIRED, {"count": 150})
        left = []
        for octet in range(3):
            await PostgresEndedSessions(postgres, "authorize").end(bytes([octet]) * 32, None, seconds=60)
            [row] = connection.execute("SELECT count(*) AS kept FROM ended_sessions").fetchall()
            left.append(row["kept"])
    assert left == [51, 2, 3]
