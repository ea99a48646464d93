"""The contract of `CodeStore`, on the fake and on Redis."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from redis.asyncio import Redis

from services.authorize.adapters.redis_codes import RedisCodes
from services.authorize.ports import CodeStore
from tallystick.oauth2.authorization_code import new_authorization_code
from tallystick.runtime.redis import AsyncRedis
from tallystick.runtime.redis_client import connect
from tests.fakes.authorize import CODE, issued_code
from tests.fakes.clock import StandingClock
from tests.fakes.code_store import InMemoryCodes


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator[Redis]:
    client = connect(redis_url)
    await client.flushdb()
    yield client
    await client.aclose()


@pytest.fixture(params=["fake", "redis"])
def codes(request: pytest.FixtureRequest, redis: Redis) -> CodeStore:
    return InMemoryCodes(StandingClock()) if request.param == "fake" else RedisCodes(AsyncRedis(redis))


async def test_what_was_put_is_found(codes: CodeStore) -> None:
    """A code stands for what it was issued for (RESP-05)."""
    await codes.put(issued_code(), seconds=60)
    assert issued_code() == await codes.find(CODE.code_id)


async def test_a_code_without_challenge_is_found(codes: CodeStore) -> None:
    """What is absent comes back absent (PKCE-03)."""
    issued = replace(issued_code(), code_challenge=None, redirect_uri_sent=False)
    await codes.put(issued, seconds=60)
    assert issued == await codes.find(CODE.code_id)


@pytest.mark.parametrize("code_id", ["", "*", "x" * 22, CODE.code_id[:-1], CODE.code_id.lower()])
async def test_what_was_not_put_is_not_found(codes: CodeStore, code_id: str) -> None:
    """Another id finds nothing (TOK-02)."""
    await codes.put(issued_code(), seconds=60)
    assert await codes.find(code_id) is None


async def test_everybody_finds_the_same(codes: CodeStore) -> None:
    """Finding spends nothing: parallel presentations all get the answer, grant id included (TOK-07)."""
    await codes.put(issued_code(), seconds=60)
    found = await asyncio.gather(*(codes.find(CODE.code_id) for _ in range(100)))
    assert [issued_code()] * 100 == found


async def test_codes_do_not_mix(codes: CodeStore) -> None:
    """Each code finds its own (TOK-03)."""
    others = [new_authorization_code(bytes([n]) * 16, b"s" * 32) for n in range(20)]
    issued = [issued_code(code) for code in others]
    await asyncio.gather(*(codes.put(each, seconds=60) for each in issued))
    assert issued == await asyncio.gather(*(codes.find(code.code_id) for code in others))


async def test_redis_forgets_a_code_by_itself(redis: Redis) -> None:
    """The lifetime is the key's, so that nothing is left of what nobody redeems (RESP-04, OPS-02)."""
    await RedisCodes(AsyncRedis(redis)).put(issued_code(), seconds=60)
    [key] = await redis.keys()
    assert 0 < await redis.pttl(key) <= 60_000


async def test_redis_holds_no_code(redis: Redis) -> None:
    """Whoever reads Redis can redeem nothing (GEN-11)."""
    await RedisCodes(AsyncRedis(redis)).put(issued_code(), seconds=60)
    [key] = await redis.keys()
    assert CODE.text.partition(".")[2] not in f"{key!r} {await redis.get(key)!r}"


@pytest.mark.parametrize("value", [b"", b"{", b'{"code_id": 1}', b"\xff\xfe"])
async def test_an_unreadable_code_is_not_found(redis: Redis, value: bytes) -> None:
    """What something else wrote there is no code (GEN-13)."""
    store = RedisCodes(AsyncRedis(redis))
    await store.put(issued_code(), seconds=60)
    [key] = await redis.keys()
    await redis.set(key, value)
    assert await store.find(CODE.code_id) is None
