"""The contract of `InteractionStore`, on the fake and on Redis."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from redis.asyncio import Redis

from services.authorize.adapters.redis_interactions import RedisInteractions
from services.authorize.ports import InteractionStore
from services.authorize.request import Interaction
from tallystick.runtime.redis import AsyncRedis
from tallystick.runtime.redis_client import connect
from tests.fakes.authorize import REQUEST, InMemoryInteractions

ONE, OTHER = b"1" * 32, b"2" * 32
INTERACTION = Interaction(REQUEST, browser_digest=b"\x00\xff" * 16)


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator[Redis]:
    client = connect(redis_url)
    await client.flushdb()
    yield client
    await client.aclose()


@pytest.fixture(params=["fake", "redis"])
def interactions(request: pytest.FixtureRequest, redis: Redis) -> InteractionStore:
    return InMemoryInteractions() if request.param == "fake" else RedisInteractions(AsyncRedis(redis))


async def test_finding_changes_nothing(interactions: InteractionStore) -> None:
    """An interaction is found as often as anybody looks (AUTHZ-18)."""
    await interactions.put(ONE, INTERACTION, seconds=60)
    assert [await interactions.find(ONE) for _ in range(3)] == [INTERACTION] * 3


async def test_any_state_is_kept(interactions: InteractionStore) -> None:
    """A state comes back to the last character (AUTHZ-09)."""
    interaction = replace(INTERACTION, request=replace(REQUEST, state="\t\"\\'<&\u2028🐎" * 500))
    await interactions.put(ONE, interaction, seconds=60)
    assert interaction == await interactions.find(ONE)


async def test_one_of_many_consumes(interactions: InteractionStore) -> None:
    """Of all who answer at once exactly one is told that it was the one (UI-09)."""
    await interactions.put(ONE, INTERACTION, seconds=60)
    outcomes = await asyncio.gather(*(interactions.consume(ONE) for _ in range(100)))
    assert outcomes.count(True) == 1
    assert await interactions.find(ONE) is None
    assert not await interactions.consume(ONE)


async def test_what_is_not_there_cannot_be_consumed(interactions: InteractionStore) -> None:
    """An interaction that never was, or has expired, has no winner (AUTHZ-18)."""
    assert not await interactions.consume(ONE)
    assert await interactions.find(ONE) is None


async def test_interactions_do_not_mix(interactions: InteractionStore) -> None:
    """Answering one leaves the other tab's alone (AUTHZ-18)."""
    await interactions.put(ONE, INTERACTION, seconds=60)
    other = replace(INTERACTION, request=replace(REQUEST, state=None, scopes=("photos.read",)))
    await interactions.put(OTHER, other, seconds=60)
    assert await interactions.consume(ONE)
    assert other == await interactions.find(OTHER)


async def test_one_of_many_replicas_consumes(redis_url: str, redis: Redis) -> None:
    """Over connections of their own, as replicas have, exactly one wins in every round (UI-09)."""
    replicas = [connect(redis_url) for _ in range(4)]
    stores = [RedisInteractions(AsyncRedis(replica)) for replica in replicas]
    try:
        for _ in range(25):
            await RedisInteractions(AsyncRedis(redis)).put(ONE, INTERACTION, seconds=60)
            outcomes = await asyncio.gather(*(store.consume(ONE) for store in stores * 3))
            assert outcomes.count(True) == 1
    finally:
        for replica in replicas:
            await replica.aclose()


async def test_redis_forgets_an_interaction_by_itself(redis: Redis) -> None:
    """Abandoned requests leave nothing behind (OPS-02)."""
    await RedisInteractions(AsyncRedis(redis)).put(ONE, INTERACTION, seconds=60)
    [key] = await redis.keys()
    assert 0 < await redis.pttl(key) <= 60_000


async def test_an_unreadable_interaction_is_not_found(redis: Redis) -> None:
    """What something else wrote there is no interaction (GEN-13)."""
    store = RedisInteractions(AsyncRedis(redis))
    await store.put(ONE, INTERACTION, seconds=60)
    [key] = await redis.keys()
    await redis.set(key, b'{"request": {}}')
    assert await store.find(ONE) is None
