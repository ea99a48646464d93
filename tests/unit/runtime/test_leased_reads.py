"""What the asynchronous services answer from memory, and what they read (`tallystick.runtime.lease.leased_reads`)."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from tallystick.runtime.failures import Unavailable
from tallystick.runtime.lease.leased_reads import LeasedReads, Log, Read
from tallystick.runtime.lease.view import POLICY, Change, Poll, View, after_poll, dropped

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
FIRST, SECOND = "00000001", "00000002"


class World:
    """A primary that answers, a log that is followed, and a clock that only tests move."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.view = View()
        self.position = 7
        self.rows: dict[str, str] = {"app": "enabled"}
        self.timelines = [FIRST]
        self.reads: list[bool] = []
        self.deposed = 0
        self.while_reading: Callable[[], None] = lambda: None
        self.memory = LeasedReads[str, str](
            self._read,
            Log(lambda: self.view, lambda: self.now, self._depose),
            subjects=lambda key: frozenset({("client", key), POLICY}),
            is_passing=lambda _, value: value == "disabled",
            room=2,
        )

    def poll(self, *changes: tuple[str, str], reached_end: bool = True) -> None:
        """Read the log, in which these changes stand."""
        after = self.view.position
        rows = tuple(Change(self.position + n, *change) for n, change in enumerate(changes, start=1))
        self.position += len(rows)
        poll = Poll(
            generation=self.view.generation,
            after=after,
            sent_at=self.now,
            changes=rows,
            reached_end=reached_end,
            stands=after >= 0,
            newest=self.position,
            timeline=self.timelines[0],
            now=NOON + timedelta(seconds=self.now),
            revocation_wait=1.0,
        )
        self.view = after_poll(self.view, poll)

    async def find(self, key: str = "app") -> str | None:
        """Ask for a value."""
        return (await self.memory.find(key)).found

    async def _read(self, key: str, *, confirmed: bool) -> Read[str]:
        self.reads.append(confirmed)
        found = self.rows.get(key)
        self.while_reading()
        timeline = self.timelines[0] if len(self.timelines) == 1 else self.timelines.pop(0)
        return Read(found, NOON + timedelta(seconds=self.now), timeline)

    async def _depose(self) -> None:
        self.deposed += 1


@pytest.fixture
def world() -> World:
    world = World()
    world.poll()
    return world


async def test_under_a_lease_a_record_is_read_once(world: World) -> None:
    """What was read is answered from memory, at Postgres's time."""
    assert (await world.find(), await world.find()) == ("enabled", "enabled")
    assert world.reads == [False]
    world.now += 0.5
    assert (await world.memory.find("app")).now == NOON + timedelta(seconds=world.now)


async def test_without_a_lease_every_question_is_a_confirmed_read(world: World) -> None:
    """A server that may have been deposed is asked to prove that it was not."""
    await world.find()
    world.now += 0.8
    assert (await world.find(), await world.find()) == ("enabled", "enabled")
    assert world.reads == [False, True, True]


async def test_before_the_log_was_read_nothing_is_remembered() -> None:
    """A record that was read at no position is never current."""
    world = World()
    await world.find()
    world.poll()
    await world.find()
    assert world.reads == [True, False]


@pytest.mark.parametrize("change", [("client", "app"), ("policy", "photos.read")])
async def test_a_change_means_read_again(world: World, change: tuple[str, str]) -> None:
    """After a change of the client or of policy the row itself is asked, and what it says then is remembered."""
    await world.find()
    world.rows["app"] = "changed"
    world.poll(change)
    assert (await world.find(), await world.find()) == ("changed", "changed")
    assert world.reads == [False, False]


@pytest.mark.parametrize("change", [("client", "other"), ("grant", "app"), ("user", "app")])
async def test_a_change_of_something_else_means_nothing(world: World, change: tuple[str, str]) -> None:
    """A record lives on while others change."""
    await world.find()
    world.poll(change)
    await world.find()
    assert world.reads == [False]


async def test_a_change_during_the_read_makes_it_be_read_again(world: World) -> None:
    """A record goes by what was known when its statement was sent, not when it came back."""
    world.while_reading = lambda: world.poll(("client", "app"))
    await world.find()
    world.while_reading = lambda: None
    await world.find()
    assert world.reads == [False, False]


async def test_a_read_that_began_before_everything_was_dropped_is_not_remembered(world: World) -> None:
    """After a gap in the log what was in flight counts for its own question only."""

    def drop() -> None:
        world.view = dropped(world.view)
        world.poll()

    world.while_reading = drop
    await world.find()
    world.while_reading = lambda: None
    await world.find()
    assert len(world.reads) == 2


async def test_what_is_not_there_is_read_each_time(world: World) -> None:
    """An unknown client may be registered the next moment, and nobody would tell."""
    assert await world.find("new") is None
    world.rows["new"] = "enabled"
    assert await world.find("new") == "enabled"


async def test_what_is_passing_is_read_each_time(world: World) -> None:
    """A disabled client can act as soon as it is enabled, which nobody waits for."""
    await world.find()
    world.rows["app"] = "disabled"
    world.poll(("client", "app"))
    assert await world.find() == "disabled"
    world.rows["app"] = "enabled"
    assert await world.find() == "enabled"


async def test_another_server_is_not_believed(world: World) -> None:
    """A read from another timeline than the log's is made again, by a server that proves that it is the primary."""
    world.timelines = [SECOND, FIRST]
    assert await world.find() == "enabled"
    assert (world.reads, world.deposed) == ([False, True], 1)


@pytest.mark.parametrize("leased", [True, False])
async def test_a_server_in_recovery_answers_nothing(world: World, leased: bool) -> None:  # noqa: FBT001 - a case
    """Who follows another server knows less than that one (fails closed)."""
    if not leased:
        world.now += 60
    world.timelines = ["recovery"]
    world.memory = LeasedReads[str, str](
        in_recovery,
        Log(lambda: world.view, lambda: world.now, world._depose),  # noqa: SLF001 - the world's own
        subjects=lambda _: frozenset(),
        is_passing=lambda *_: False,
        room=2,
    )
    with pytest.raises(Unavailable):
        await world.find()


async def in_recovery(_: str, *, confirmed: bool) -> Read[str]:
    del confirmed
    return Read("enabled", NOON, None)


async def test_a_record_of_a_server_that_was_deposed_is_not_answered_from(world: World) -> None:
    """Once the log is another server's, everything is read again."""
    await world.find()
    world.timelines = [SECOND]
    world.poll()
    await world.find()
    assert world.reads == [False, False]


async def test_memory_is_bounded(world: World) -> None:
    """Who was asked for least recently is forgotten first."""
    world.rows |= {"second": "enabled", "third": "enabled"}
    for key in ("app", "second", "third", "second", "third", "app"):
        await world.find(key)
    assert len(world.reads) == 4


async def test_a_limited_poll_leaves_the_lease_as_it_is(world: World) -> None:
    """Rows behind those that were read may say more."""
    world.now += 0.7
    world.poll(("client", "other"), reached_end=False)
    world.now += 0.2
    await world.find()
    assert world.reads == [True]


async def test_time_is_late_and_never_early(world: World) -> None:
    """Postgres's time counts on from when it was asked for, so that what has ended by it is never said to work."""
    await world.find()
    assert world.view.moment is not None
    world.view = replace(world.view, moment=replace(world.view.moment, asked_at=world.view.moment.asked_at - 0.1))
    assert (await world.memory.find("app")).now == NOON + timedelta(seconds=world.now + 0.1)
