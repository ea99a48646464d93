"""Reads that wait together are sent together: whom a read serves, how many there are, and who is told to come back."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from threading import BoundedSemaphore, Condition

import pytest

from services.introspect.batched_reads import Batch, BatchedReads, Places, Read
from tallystick.runtime.failures import Failure, TimedOut, Unavailable
from tallystick.runtime.lease.view import View

NOON = datetime(2026, 11, 1, 12, tzinfo=UTC)
FIRST, SECOND = "00000001", "00000002"
LEASED = View(generation=1, timeline=FIRST, position=5, floor=0, lease_end=1000.0)
PLACES = 6
PLACES_TO_CONFIRM = 3
PATIENCE_SECONDS = 10.0

Outcomes = Sequence[Read[str] | Failure]


@dataclass
class Sent:
    """One read that is in flight until it is answered."""

    keys: list[str]
    confirmed: bool
    answer: "Future[Batch[str, str]]" = field(default_factory=Future)

    def say(self, text: str, timeline: str | None = FIRST) -> None:
        """Answer every key with the same text."""
        self.answer.set_result(Batch(dict.fromkeys(self.keys, text), NOON, timeline))


class Postgres:
    """Takes reads, and answers when a test says so; a view and a clock that only tests move."""

    def __init__(self) -> None:
        self.view = LEASED
        self.now = 100.0
        self.step = 0.0
        self.deposed = 0
        self.sent: list[Sent] = []
        self._changed = Condition()
        self.places = Places(BoundedSemaphore(PLACES), BoundedSemaphore(PLACES_TO_CONFIRM))
        self.reads = BatchedReads[str, str](self._read, lambda: self.view, self._clock, self.places, self._depose)

    def _read(self, keys: Sequence[str], *, confirmed: bool) -> Batch[str, str]:
        sent = Sent(list(keys), confirmed)
        with self._changed:
            self.sent.append(sent)
            self._changed.notify_all()
        return sent.answer.result(PATIENCE_SECONDS)

    def _clock(self) -> float:
        self.now += self.step
        return self.now

    def _depose(self) -> None:
        self.deposed += 1

    def find(self, *keys: str, confirmed: bool = False) -> Outcomes:
        """Ask, and wait as long as somebody who asks does."""
        return self.reads.find(keys, until=self.now + PATIENCE_SECONDS, confirmed=confirmed)

    def read(self, number: int) -> Sent:
        """Wait for the read with this number, from 0."""
        with self._changed:
            assert self._changed.wait_for(lambda: len(self.sent) > number, PATIENCE_SECONDS)
        return self.sent[number]


@dataclass
class Desk:
    """Where several ask at the same time."""

    postgres: Postgres
    threads: ThreadPoolExecutor

    def ask(self, *keys: str, confirmed: bool = False) -> "Future[Outcomes]":
        """Ask, and go on; return once the question has its place and waits.

        Two that could be read at once are told apart only if the first one is being read when the second is asked.
        """
        waiting = self.postgres.reads.waiting
        sent = len(self.postgres.sent)
        asked = self.threads.submit(self.postgres.find, *keys, confirmed=confirmed)
        self._until(lambda: self.postgres.reads.waiting > waiting or len(self.postgres.sent) > sent or asked.done())
        return asked

    def occupied(self) -> list["Future[Outcomes]"]:
        """Let two reads be in flight, which is all there may be."""
        asked = [self.ask("first")]
        self.postgres.read(0)
        asked.append(self.ask("second"))
        self.postgres.read(1)
        return asked

    @staticmethod
    def _until(condition: Callable[[], bool]) -> None:
        changed = Condition()
        with changed:
            while not condition():
                changed.wait(0.001)


@pytest.fixture
def postgres() -> Postgres:
    return Postgres()


@pytest.fixture
def desk(postgres: Postgres) -> Iterator[Desk]:
    with ExitStack() as resources:
        threads = resources.enter_context(ThreadPoolExecutor(PLACES + PLACES_TO_CONFIRM + 2))
        postgres.reads.start()
        resources.callback(postgres.reads.close)
        # Whatever a test has left in flight ends before the reads do.
        resources.callback(lambda: [each.answer.cancel() for each in postgres.sent])
        yield Desk(postgres, threads)


def outcome(asked: "Future[Outcomes]") -> Read[str] | Failure:
    [only] = asked.result(PATIENCE_SECONDS)
    return only


def told(asked: "Future[Outcomes]") -> str | None:
    found = outcome(asked)
    assert isinstance(found, Read), found
    return found.found


def test_a_read_serves_only_who_asked_before_it_was_sent(postgres: Postgres, desk: Desk) -> None:
    """Who asks while a read is in flight is not told what that one says, but what the next one does (INTR-07)."""
    early = desk.ask("token")
    first = postgres.read(0)
    late = desk.ask("token")
    second = postgres.read(1)
    first.say("active")
    assert told(early) == "active"
    assert not late.done()
    second.say("over")
    assert told(late) == "over"


def test_at_most_two_reads_are_in_flight(postgres: Postgres, desk: Desk) -> None:
    """Whatever is asked meanwhile goes together in the next one, each key once."""
    first, second = desk.occupied()
    waiting = [desk.ask("b"), desk.ask("a", "b"), desk.ask("c")]
    assert len(postgres.sent) == 2
    postgres.read(0).say("one")
    third = postgres.read(2)
    assert (third.keys, len(postgres.sent)) == (["b", "a", "c"], 3)
    postgres.read(1).say("two")
    third.say("three")
    assert (told(first), told(second)) == ("one", "two")
    assert [len(each.result(PATIENCE_SECONDS)) for each in waiting] == [1, 2, 1]


def test_what_is_not_there_is_told_as_such(postgres: Postgres, desk: Desk) -> None:
    """Nothing under a key is an answer, with the moment of the database."""
    asked = desk.ask("unknown")
    postgres.read(0).answer.set_result(Batch({}, NOON, FIRST))
    found = outcome(asked)
    assert isinstance(found, Read)
    assert (found.found, found.moment.time, found.timeline) == (None, NOON, FIRST)


def test_nobody_waits_beyond_the_places(postgres: Postgres, desk: Desk) -> None:
    """Whoever finds no place is told so at once, and who has one is answered."""
    waiting = [*desk.occupied(), *(desk.ask("more") for _ in range(PLACES - 2))]
    with pytest.raises(Unavailable):
        postgres.find("one too many")
    for number in range(3):
        postgres.read(number).say("well")
    assert [told(each) for each in waiting] == ["well"] * PLACES
    again = desk.ask("now there is one")
    postgres.read(3).say("well")
    assert told(again) == "well"


@pytest.mark.parametrize(
    ("view", "wish", "confirmed"),
    [
        (LEASED, False, False),
        (LEASED, True, True),
        (replace(LEASED, lease_end=100.0), False, True),
        (View(), False, True),
    ],
    ids=["leased", "wished", "the lease has ended", "never leased"],
)
def test_a_read_is_confirmed_unless_a_lease_vouches_for_it(
    postgres: Postgres, desk: Desk, view: View, *, wish: bool, confirmed: bool
) -> None:
    """Without a lease nobody knows that this is the primary yet, so the read waits for the standby (promise 3)."""
    postgres.view = view
    asked = desk.ask("token", confirmed=wish)
    sent = postgres.read(0)
    assert sent.confirmed is confirmed
    sent.say("active")
    assert told(asked) == "active"


def test_a_wish_holds_nobody_else_up(postgres: Postgres, desk: Desk) -> None:
    """While the standby is away a confirmed read may take long, and plain ones go on beside it (promise 4)."""
    wished = [desk.ask("a", confirmed=True)]
    slow = postgres.read(0)
    wished += [desk.ask("b", confirmed=True), desk.ask("c", confirmed=True)]
    for number in (1, 2, 3):
        plain = desk.ask("a")
        sent = postgres.read(number)
        assert (sent.keys, sent.confirmed) == (["a"], False)
        sent.say("at once")
        assert told(plain) == "at once"
    slow.say("late")
    last = postgres.read(4)
    assert (last.keys, last.confirmed) == (["b", "c"], True)
    last.say("later")
    assert [told(each) for each in wished] == ["late", "later", "later"]


def test_a_confirmed_read_that_fails_refuses_no_plain_one(postgres: Postgres, desk: Desk) -> None:
    """That the standby cannot be reached is no reason to keep anybody from asking the primary (promise 4)."""
    wished = desk.ask("a", confirmed=True)
    postgres.read(0).answer.set_exception(TimedOut("the standby is away"))
    assert isinstance(outcome(wished), TimedOut)
    with pytest.raises(Unavailable):
        postgres.find("a", confirmed=True)
    plain = desk.ask("a")
    postgres.read(1).say("active")
    assert told(plain) == "active"


def test_who_asks_much_holds_nobody_up(postgres: Postgres, desk: Desk) -> None:
    """A single question that comes after a large batch is read with the first part of it, not after the last."""
    occupied = desk.occupied()
    much = desk.ask(*(f"many {number}" for number in range(1000)))
    little = desk.ask("one")
    postgres.read(0).say("first")
    third = postgres.read(2)
    assert len(third.keys) == 256
    assert "one" in third.keys
    third.say("well")
    assert told(little) == "well"
    postgres.read(1).say("second")
    for number in range(3, 6):
        postgres.read(number).say("well")
    assert len(much.result(PATIENCE_SECONDS)) == 1000
    assert [told(each) for each in occupied] == ["first", "second"]


def test_confirmed_reads_take_no_plain_places(postgres: Postgres, desk: Desk) -> None:
    """However many wait for the standby, as many others may ask as ever, and the other way round."""
    wished = [desk.ask("a", confirmed=True)]
    postgres.read(0)
    wished += [desk.ask("b", confirmed=True) for _ in range(PLACES_TO_CONFIRM - 1)]
    with pytest.raises(Unavailable):
        postgres.find("one too many", confirmed=True)
    plain = []
    for number in (1, 2):
        plain.append(desk.ask("b"))
        postgres.read(number)
    plain += [desk.ask("b") for _ in range(PLACES - 2)]
    with pytest.raises(Unavailable):
        postgres.find("one too many")
    assert not any(each.done() for each in [*wished, *plain])


def test_a_plain_read_of_another_timeline_does_not_count(postgres: Postgres, desk: Desk) -> None:
    """A connection that leads to a deposed primary is replaced, and the read repeated, confirmed (promise 3)."""
    postgres.view = replace(LEASED, timeline=SECOND)
    asked = desk.ask("token")
    first = postgres.read(0)
    postgres.view = replace(LEASED, timeline=SECOND, position=9)
    first.say("active", FIRST)
    repeated = postgres.read(1)
    assert (first.confirmed, repeated.confirmed, postgres.deposed) == (False, True, 1)
    repeated.say("over", SECOND)
    found = outcome(asked)
    assert isinstance(found, Read)
    assert (found.found, found.timeline, found.sent.position) == ("over", SECOND, 9)


@pytest.mark.parametrize("lease", [LEASED, View()], ids=["leased", "not"])
def test_a_server_in_recovery_answers_nothing(postgres: Postgres, desk: Desk, lease: View) -> None:
    """A standby may be behind: what it says is not told, though it is asked twice."""
    postgres.view = lease
    asked = desk.ask("token")
    for number in range(2):
        postgres.read(number).say("active", None)
    assert isinstance(outcome(asked), Unavailable)


def test_a_record_is_as_old_as_the_read(postgres: Postgres, desk: Desk) -> None:
    """What has become known of the log since a read was sent does not make its answer newer (INTR-07)."""
    asked = desk.ask("token")
    sent = postgres.read(0)
    postgres.view, postgres.now = replace(LEASED, position=7), 103.0
    sent.say("active")
    found = outcome(asked)
    assert isinstance(found, Read)
    assert (found.sent.position, found.sent.at) == (5, 100.0)


@pytest.mark.parametrize("error", [Unavailable("away"), ValueError("a mistake of ours")])
def test_a_read_that_fails_fails_who_waited_for_it(postgres: Postgres, desk: Desk, error: Exception) -> None:
    """Nobody else is told so, and later questions are read again (promise 4)."""
    first, second = desk.occupied()
    postgres.read(1).answer.set_exception(error)
    assert isinstance(outcome(second), Unavailable)
    postgres.read(0).say("active")
    assert told(first) == "active"
    again = desk.ask("later")
    postgres.read(2).say("active")
    assert told(again) == "active"


def test_after_a_failure_one_tries_for_all(postgres: Postgres, desk: Desk) -> None:
    """While the database is away nobody waits for it but, from time to time, one (promise 4)."""
    failed = desk.ask("token")
    postgres.read(0).answer.set_exception(Unavailable("away"))
    assert isinstance(outcome(failed), Unavailable)
    with pytest.raises(Unavailable):
        postgres.find("too early")
    postgres.now += 0.5
    tries = desk.ask("in time")
    with pytest.raises(Unavailable):
        postgres.find("somebody tries already")
    postgres.read(1).say("active")
    assert told(tries) == "active"
    after = desk.ask("after")
    postgres.read(2).say("active")
    assert told(after) == "active"
    assert [each.keys for each in postgres.sent] == [["token"], ["in time"], ["after"]]


def test_who_gave_up_is_not_read_for(postgres: Postgres, desk: Desk) -> None:
    """A question whose asker has left costs nothing more, and its answer is no verdict (promise 4)."""
    asked = desk.occupied()
    postgres.step = 10.0
    [given_up] = postgres.find("nobody waits for this")
    assert isinstance(given_up, Unavailable)
    postgres.step = 0.0
    last = desk.ask("last")
    for number in range(2):
        postgres.read(number).say("well")
    assert [told(each) for each in asked] == ["well", "well"]
    postgres.read(2).say("well")
    assert told(last) == "well"
    assert [each.keys for each in postgres.sent] == [["first"], ["second"], ["last"]]


def test_the_end_comes_even_if_somebody_gave_up(postgres: Postgres, desk: Desk) -> None:
    """A question that nobody waits for any more does not hinder the end."""
    desk.occupied()
    postgres.step = 10.0
    postgres.find("nobody waits for this")
    closing = desk.threads.submit(postgres.reads.close)
    for number in range(2):
        postgres.read(number).say("well")
    closing.result(PATIENCE_SECONDS)


def test_what_waits_at_the_end_is_told(postgres: Postgres, desk: Desk) -> None:
    """When the service ends what is in flight is finished, what waits is refused, and nothing more is taken."""
    asked, waiting = desk.occupied(), desk.ask("waits")
    closing = desk.threads.submit(postgres.reads.close)
    desk._until(lambda: postgres.reads._plain._closed)  # noqa: SLF001 - nothing else tells that the end has begun
    for number in range(2):
        postgres.read(number).say("well")
    closing.result(PATIENCE_SECONDS)
    assert [told(each) for each in asked] == ["well", "well"]
    assert isinstance(outcome(waiting), Unavailable)
    with pytest.raises(Unavailable):
        postgres.find("too late")
