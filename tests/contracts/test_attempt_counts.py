"""The contracts of `AttemptCounts` and `KnownPlaces`, on the fakes and on Redis."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from redis.asyncio import Redis

from services.authorize.adapters.redis_attempts import RedisAttempts
from services.authorize.adapters.redis_known_places import RedisKnownPlaces
from services.authorize.known_device import KnownDevices
from services.authorize.model import AttemptCounter, ExhaustedCounter, Place
from services.authorize.ports import AttemptCounts, KnownPlaces
from services.authorize.sign_in import Credentials, SignIn
from services.authorize.sign_in_throttle import SignInThrottle, TooManyAttempts
from tallystick.runtime.redis import AsyncRedis
from tallystick.runtime.redis_client import connect
from tests.fakes.audit import FakeAudit
from tests.fakes.authorize import BOB, Countdown, InMemoryUsers
from tests.fakes.clock import StandingClock
from tests.fakes.sign_in import InMemoryAttempts, InMemoryKnownPlaces

NARROW = AttemptCounter("narrow", b"n" * 32, 2)
WIDE = AttemptCounter("wide", b"w" * 32, 3)


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator[Redis]:
    client = connect(redis_url)
    await client.flushdb()
    yield client
    await client.aclose()


@pytest.fixture(params=["fake", "redis"])
def counts(request: pytest.FixtureRequest, redis: Redis) -> AttemptCounts:
    return InMemoryAttempts(StandingClock()) if request.param == "fake" else RedisAttempts(AsyncRedis(redis))


@pytest.fixture(params=["fake", "redis"])
def places(request: pytest.FixtureRequest, redis: Redis) -> KnownPlaces:
    return InMemoryKnownPlaces() if request.param == "fake" else RedisKnownPlaces(AsyncRedis(redis))


async def test_a_limit_is_reached_and_not_passed(counts: AttemptCounts) -> None:
    """What is over the limit is told how long to wait, at most the whole window (GEN-09)."""
    assert [await counts.add([NARROW], seconds=60) for _ in range(2)] == [None, None]
    for _ in range(3):
        exhausted = await counts.add([NARROW], seconds=60)
        assert exhausted is not None
        assert (exhausted.counter, 0 < exhausted.wait_seconds <= 60) == (NARROW, True)


async def test_an_attempt_counts_by_all_or_by_none(counts: AttemptCounts) -> None:
    """What one counter refuses is not counted by another (GEN-09)."""
    assert await counts.add([NARROW], seconds=60) is None
    assert await counts.add([NARROW, WIDE], seconds=60) is None
    assert await counts.add([NARROW, WIDE], seconds=60) is not None
    assert [await counts.add([WIDE], seconds=60) for _ in range(2)] == [None, None]
    assert isinstance(await counts.add([WIDE], seconds=60), ExhaustedCounter)


async def test_the_longest_wait_is_told(counts: AttemptCounts) -> None:
    """Whoever waits as long as told is not sent away for another reason that was known (GEN-09)."""
    for _ in range(2):
        await counts.add([NARROW], seconds=30)
    for _ in range(3):
        await counts.add([WIDE], seconds=60)
    for counters in ([NARROW, WIDE], [WIDE, NARROW]):
        exhausted = await counts.add(counters, seconds=60)
        assert exhausted is not None
        assert (exhausted.counter, 30 < exhausted.wait_seconds <= 60) == (WIDE, True)


async def test_what_is_taken_back_does_not_count(counts: AttemptCounts) -> None:
    """A right password costs nothing, however often (GEN-09)."""
    for _ in range(10):
        assert await counts.add([NARROW, WIDE], seconds=60) is None
        await counts.take_back([NARROW, WIDE])
    await counts.take_back([NARROW, WIDE])
    assert [await counts.add([NARROW], seconds=60) is None for _ in range(3)] == [True, True, False]


async def test_counters_do_not_mix(counts: AttemptCounts) -> None:
    """Whose limit is reached, theirs it is (GEN-09)."""
    for _ in range(3):
        await counts.add([NARROW], seconds=60)
    other = AttemptCounter("narrow", b"o" * 32, 2)
    assert await counts.add([other], seconds=60) is None


async def test_of_many_at_once_no_more_pass(counts: AttemptCounts) -> None:
    """Attempts in parallel get no further than others (GEN-09)."""
    answers = await asyncio.gather(*(counts.add([NARROW, WIDE], seconds=60) for _ in range(100)))
    assert answers.count(None) == NARROW.limit


async def test_a_window_ends() -> None:
    """Once the window is over everything begins anew, however many were refused meanwhile (GEN-09)."""
    clock = StandingClock()
    counts = InMemoryAttempts(clock)
    for _ in range(9):
        await counts.add([NARROW], seconds=60)
    clock.advance(60)
    assert await counts.add([NARROW], seconds=60) is None


async def test_redis_forgets_counters_by_itself(redis: Redis) -> None:
    """A window begins with its first attempt, no later one prolongs it, and it leaves nothing (GEN-09, OPS-02)."""
    counts = RedisAttempts(AsyncRedis(redis))
    for seconds in (60, 600, 600):
        await counts.add([NARROW], seconds=seconds)
    [key] = await redis.keys()
    assert 0 < await redis.pttl(key) <= 60_000
    for _ in range(2):
        await counts.take_back([NARROW])
    assert await redis.keys() == []


async def test_keys_of_a_script_stay_together(redis: Redis) -> None:
    """A Redis Cluster runs a script on one node, so its keys share a hash tag (GEN-09)."""
    await RedisAttempts(AsyncRedis(redis)).add([NARROW, WIDE], seconds=60)
    tags = {str(key).split("{")[1].split("}")[0] for key in await redis.keys()}
    assert tags == {"sign-in"}


async def test_a_script_survives_a_restart_of_redis(redis: Redis) -> None:
    """What Redis has forgotten is loaded anew (GEN-09)."""
    counts = RedisAttempts(AsyncRedis(redis))
    await counts.add([NARROW], seconds=60)
    await redis.script_flush()
    assert await counts.add([NARROW], seconds=60) is None
    assert await counts.add([NARROW], seconds=60) is not None


class CountedPasswords:
    """`Passwords` of which none is right, and that take their time; counts how many were looked at."""

    def __init__(self) -> None:
        self.looked_at = 0

    async def hash(self, password: str) -> str:
        return password

    async def verify(self, hashed: str | None, password: str) -> bool:
        del hashed, password
        self.looked_at += 1
        await asyncio.sleep(0.01)
        return False


@pytest.mark.parametrize("username", [BOB.username, "nobody"])
async def test_a_hundred_guesses_at_once_over_two_replicas(redis: Redis, redis_url: str, username: str) -> None:
    """Of 100 guesses in parallel five are looked at, whether there is such a user or not (GEN-09, UI-08)."""
    other = connect(redis_url)
    passwords, audit = CountedPasswords(), FakeAudit()
    replicas = [
        SignIn(
            InMemoryUsers(BOB),
            passwords,
            SignInThrottle(RedisAttempts(AsyncRedis(client)), failures_per_source=50),
            KnownDevices(RedisKnownPlaces(AsyncRedis(client)), Countdown()),
            audit,
        )
        for client in (redis, other)
    ]
    guesses = [Credentials(username, f"guess-{number}", Place("", "192.0.2.1")) for number in range(100)]
    answers = await asyncio.gather(
        *(replicas[number % 2].authenticate(guess) for number, guess in enumerate(guesses)), return_exceptions=True
    )
    await other.aclose()
    assert (passwords.looked_at, answers.count(None)) == (5, 5)
    assert sum(isinstance(answer, TooManyAttempts) for answer in answers) == 95
    assert len(audit.events) == 100


async def test_a_place_is_known_by_its_last_sign_in(places: KnownPlaces) -> None:
    """A later epoch replaces an earlier one, and other places stay unknown (GEN-09)."""
    for epoch in (3, 4):
        await places.remember(b"1" * 32, epoch, seconds=60)
        assert await places.epoch(b"1" * 32) == epoch
    assert await places.epoch(b"2" * 32) is None


async def test_redis_forgets_places_by_itself(redis: Redis) -> None:
    """A place that nobody signs in from is forgotten, and what cannot be read is no place (OPS-02)."""
    places = RedisKnownPlaces(AsyncRedis(redis))
    await places.remember(b"1" * 32, 3, seconds=60)
    [key] = await redis.keys()
    assert 0 < await redis.pttl(key) <= 60_000
    await redis.set(key, b"three")
    assert await places.epoch(b"1" * 32) is None
