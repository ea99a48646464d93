"""`session`: for how long it is believed who is there."""

from dataclasses import replace

import pytest

from services.authorize.errors import ShownHere
from services.authorize.model import User
from services.authorize.pages.error_kind import ErrorKind
from services.authorize.session import Sessions
from tallystick.oauth2.opaque_token import digest
from tallystick.runtime.audit_event import AuditEvent, EventKind
from tallystick.runtime.failure_throttle import FailureThrottle
from tallystick.runtime.failures import Unavailable
from tests.fakes.audit import FakeAudit
from tests.fakes.authorize import BOB, Countdown, InMemoryUsers
from tests.fakes.clock import StandingClock
from tests.fakes.sign_in import InMemoryEndedSessions, InMemorySessions

LIFETIME, IDLE = 1000, 100
NETWORK, UNKNOWN, WINDOW = "192.0.2.1", 3, 300
ACTOR = f"user:{BOB.user_id}"


class Desk:
    """Sessions over stores in memory."""

    def __init__(self, *, idle_seconds: int = IDLE) -> None:
        self.store, self.users, self.audit = InMemorySessions(), InMemoryUsers(BOB), FakeAudit()
        self.ended, self.clock = InMemoryEndedSessions(self.users), StandingClock()

        def now() -> float:
            return self.clock.now().timestamp()

        self.sessions = Sessions(
            self.store,
            self.ended,
            self.audit,
            Countdown(),
            now,
            FailureThrottle(now, per_source=UNKNOWN, per_client=UNKNOWN, window_seconds=WINDOW),
            lifetime_seconds=LIFETIME,
            idle_seconds=idle_seconds,
        )

    async def begin(self, *, previous: str = "", user: User = BOB) -> str:
        """Sign somebody in."""
        return await self.sessions.begin(user, previous=previous, client_id="client")

    async def user(self, cookie: str) -> User | None:
        """Return who is signed in."""
        return await self.sessions.user(cookie)

    async def end(self, cookie: str, *, network: str = NETWORK) -> None:
        """Sign somebody out."""
        await self.sessions.end(cookie, network=network)


async def test_a_session_tells_who_signed_in() -> None:
    """The store keeps a digest of the cookie's value and not the value, and the audit tells of it (GEN-11, OPS-04)."""
    desk = Desk()
    cookie = await desk.begin()
    assert await desk.user(cookie) == BOB
    assert cookie not in repr(desk.store.kept)
    assert desk.audit.events == [AuditEvent(EventKind.SIGNED_IN, actor=ACTOR, user_id=BOB.user_id, client_id="client")]


async def test_signing_in_ends_the_session_before() -> None:
    """A session that somebody else may have planted is of no use after the sign-in, for good (UI-05)."""
    desk = Desk()
    planted = await desk.begin()
    old = dict(desk.store.kept)
    cookie = await desk.begin(previous=planted)
    desk.store.kept.update(old)
    assert (cookie != planted, await desk.user(planted), await desk.user(cookie)) == (True, None, BOB)
    [event] = desk.ended.events
    assert (event.kind, event.detail) == (EventKind.SIGNED_OUT, "replaced by another sign-in")


@pytest.mark.parametrize("cookie", ["", "x", "x" * 43])
async def test_an_unknown_cookie_is_nobody(cookie: str) -> None:
    """What we have not given out tells nothing (UI-05)."""
    assert await Desk().user(cookie) is None


@pytest.mark.parametrize("changed", [replace(BOB, enabled=False), replace(BOB, epoch=BOB.epoch + 1), None])
async def test_a_session_ends_with_what_it_stands_on(changed: User | None) -> None:
    """A user who was disabled, given a new password, revoked or deleted is signed in nowhere (UI-05, REFR-07)."""
    desk = Desk()
    cookie = await desk.begin()
    desk.users.users = {} if changed is None else {changed.user_id: changed}
    assert await desk.user(cookie) is None


async def test_a_session_that_is_used_lasts_its_lifetime() -> None:
    """However often it is used, it ends when it must (UI-05)."""
    desk = Desk()
    cookie = await desk.begin()
    found = []
    for _ in range(11):
        desk.clock.advance(IDLE - 1)
        found.append(await desk.user(cookie))
    assert found == [BOB] * 10 + [None]


@pytest.mark.parametrize(("seconds", "user"), [(IDLE - 1, BOB), (IDLE, None)])
async def test_a_session_that_is_not_used_ends_earlier(seconds: int, user: User | None) -> None:
    """A browser that was left alone is signed out (UI-05)."""
    desk = Desk()
    cookie = await desk.begin()
    desk.clock.advance(seconds)
    assert await desk.user(cookie) == user


async def test_an_idle_time_beyond_the_lifetime_means_nothing() -> None:
    """The shorter of the two counts (UI-05)."""
    desk = Desk(idle_seconds=LIFETIME * 2)
    cookie = await desk.begin()
    desk.clock.advance(LIFETIME)
    assert await desk.user(cookie) is None


async def test_a_store_that_goes_back_in_time_prolongs_nothing() -> None:
    """A session that Redis brings back has the times that it had, whatever Redis thinks of its keys (UI-05)."""
    desk = Desk()
    cookie = await desk.begin()
    old = dict(desk.store.kept)
    desk.clock.advance(IDLE - 1)
    assert await desk.user(cookie) == BOB
    desk.store.kept.update(old)
    desk.clock.advance(1)
    assert await desk.user(cookie) is None


async def test_signing_out_is_for_good() -> None:
    """A session that has ended stays so when Redis brings it back, until it would have expired (UI-05)."""
    desk = Desk()
    cookie = await desk.begin()
    old = dict(desk.store.kept)
    desk.clock.advance(50)
    await desk.end(cookie)
    assert desk.store.kept == {}
    desk.store.kept.update(old)
    assert await desk.user(cookie) is None
    assert desk.ended.ended == {digest(cookie): LIFETIME - 50}
    assert desk.ended.events == [AuditEvent(EventKind.SIGNED_OUT, actor=ACTOR, user_id=BOB.user_id)]


async def test_signing_out_works_while_redis_is_away() -> None:
    """What Redis brings back later is refused by Postgres alone (UI-05)."""
    desk = Desk()
    cookie = await desk.begin()
    desk.store.is_away = True
    await desk.end(cookie)
    desk.store.is_away = False
    assert await desk.user(cookie) is None
    assert desk.ended.ended == {digest(cookie): LIFETIME}


async def test_a_session_that_redis_has_lost_can_end() -> None:
    """Redis may lose a session, and bring it back after its user has signed out: it is over (UI-05)."""
    desk = Desk()
    cookie = await desk.begin()
    old = dict(desk.store.kept)
    desk.store.kept.clear()
    await desk.end(cookie)
    desk.store.kept.update(old)
    assert await desk.user(cookie) is None


@pytest.mark.parametrize("seconds", [IDLE, LIFETIME, LIFETIME + 1])
async def test_the_end_of_what_was_over_is_no_event(seconds: int) -> None:
    """Nobody was signed in any more, so nobody signed out (OPS-04)."""
    desk = Desk()
    cookie = await desk.begin()
    desk.clock.advance(seconds)
    await desk.end(cookie)
    assert desk.ended.events == []


async def test_strangers_end_no_more_than_a_few_sessions_that_nobody_had() -> None:
    """What one network makes up is written down a few times in each window; others sign out all the same (UI-05)."""
    desk = Desk(idle_seconds=LIFETIME)
    cookie = await desk.begin()
    for number in range(UNKNOWN):
        await desk.end(f"made-up-{number}")
    for number in range(100):
        with pytest.raises(ShownHere) as refusal:
            await desk.end(f"made-up-too-{number}")
        assert refusal.value.kind is ErrorKind.UNAVAILABLE
    assert len(desk.ended.ended) == UNKNOWN
    await desk.end("made-up-elsewhere", network="192.0.2.2")
    await desk.end(cookie)
    assert len(desk.ended.ended) == UNKNOWN + 2
    desk.clock.advance(WINDOW)
    await desk.end("made-up-later")
    assert len(desk.ended.ended) == UNKNOWN + 3


async def test_strangers_end_no_more_while_redis_is_away() -> None:
    """The limit does not depend on Redis, nor does signing in on the limit (UI-05)."""
    desk = Desk()
    desk.store.is_away = True
    for number in range(UNKNOWN):
        await desk.end(f"made-up-{number}")
    with pytest.raises(ShownHere):
        await desk.end("made-up-too")
    desk.store.is_away = False
    await desk.begin(previous="lost-by-redis")
    assert digest("lost-by-redis") in desk.ended.ended


async def test_a_store_that_fails_is_not_a_no() -> None:
    """Without Redis it is not known who is signed in (AUTHZ-13)."""
    desk = Desk()
    cookie = await desk.begin()
    desk.store.is_away = True
    with pytest.raises(Unavailable):
        await desk.user(cookie)
