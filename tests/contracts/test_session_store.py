"""The contract of `SessionStore`, on the fake and on Redis."""

from collections.abc import AsyncIterator
from uuid import UUID

import pytest
from redis.asyncio import Redis

from services.authorize.adapters.redis_sessions import RedisSessions
from services.authorize.model import Session
from services.authorize.ports import SessionStore
from tallystick.runtime.redis import connect
from tests.fakes.authorize import InMemorySessions

ONE, OTHER = b"1" * 32, b"2" * 32
SESSION = Session(UUID(int=1), 3)


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator[Redis]:
    client = connect(redis_url)
    await client.flushdb()
    yield client
    await client.aclose()


@pytest.fixture(params=["fake", "redis"])
def sessions(request: pytest.FixtureRequest, redis: Redis) -> SessionStore:
    return InMemorySessions() if request.param == "fake" else RedisSessions(redis)


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
    await sessions.put(OTHER, Session(UUID(int=2), 0), seconds=60)
    await sessions.end(ONE)
    assert Session(UUID(int=2), 0) == await sessions.find(OTHER)


async def test_an_unknown_session_is_not_found(sessions: SessionStore) -> None:
    """What was never put is nobody's (UI-05)."""
    assert await sessions.find(ONE) is None


async def test_redis_forgets_a_session_by_itself(redis: Redis) -> None:
    """The lifetime is the key's (OPS-02)."""
    await RedisSessions(redis).put(ONE, SESSION, seconds=60)
    [key] = await redis.keys()
    assert 0 < await redis.pttl(key) <= 60_000


async def test_an_unreadable_session_is_not_found(redis: Redis) -> None:
    """What something else wrote there signs nobody in (GEN-13)."""
    store = RedisSessions(redis)
    await store.put(ONE, SESSION, seconds=60)
    [key] = await redis.keys()
    await redis.set(key, b'{"user_id": "bob", "user_epoch": 3}')
    assert await store.find(ONE) is None
