"""The contract of `ChallengeUses`, on the fake and on Redis."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from redis.asyncio import Redis

from services.authorize.adapters.redis_challenge_uses import RedisChallengeUses
from services.authorize.ports import ChallengeUses
from tallystick.runtime.redis import AsyncRedis
from tallystick.runtime.redis_client import connect
from tests.fakes.challenge_uses import InMemoryChallengeUses
from tests.fakes.clock import StandingClock

ONE, OTHER = b"1" * 32, b"2" * 32


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator[Redis]:
    client = connect(redis_url)
    await client.flushdb()
    yield client
    await client.aclose()


@pytest.fixture(params=["fake", "redis"])
def uses(request: pytest.FixtureRequest, redis: Redis) -> ChallengeUses:
    return InMemoryChallengeUses() if request.param == "fake" else RedisChallengeUses(AsyncRedis(redis))


async def test_uses_are_counted_apart(uses: ChallengeUses) -> None:
    """Each challenge has a count of its own, from one (PKCE-07)."""
    assert [await uses.count(ONE, seconds=60) for _ in range(3)] == [1, 2, 3]
    assert await uses.count(OTHER, seconds=60) == 1


async def test_uses_at_once_are_all_counted(uses: ChallengeUses) -> None:
    """Of many at once each gets a number of its own, so one alone is the third (PKCE-07)."""
    assert sorted(await asyncio.gather(*(uses.count(ONE, seconds=60) for _ in range(50)))) == list(range(1, 51))


async def test_a_window_ends() -> None:
    """Once the window is over the count begins anew (PKCE-07)."""
    clock = StandingClock()
    uses = InMemoryChallengeUses(clock)
    counted = [await uses.count(ONE, seconds=60), await uses.count(ONE, seconds=60)]
    clock.advance(60)
    assert [*counted, await uses.count(ONE, seconds=60)] == [1, 2, 1]


async def test_redis_forgets_counts_by_itself(redis: Redis) -> None:
    """A window begins with its first use, no later one prolongs it, and it leaves nothing (PKCE-07, OPS-02)."""
    uses = RedisChallengeUses(AsyncRedis(redis))
    await uses.count(ONE, seconds=60)
    (key,) = [key async for key in redis.scan_iter()]
    await redis.expire(key, 30)
    await uses.count(ONE, seconds=60)
    assert 0 < await redis.ttl(key) <= 30
