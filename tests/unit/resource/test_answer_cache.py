"""The cache by itself: a clock that stands until it is moved, and whatever order things happen in."""

from dataclasses import dataclass
from itertools import count

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tallystick.boot_clock import boot_seconds
from tallystick.resource import LEASED, READ_AGAIN, Freshness, Introspection, accept_staleness
from tallystick.resource.answer_cache import AnswerCache, key_of
from tests.unit.resource.conftest import BootClock

KEY = key_of(b"token")
LIVE = Introspection(active=True, username="bob", valid_for=1.0)


def test_an_answer_holds_from_its_sending() -> None:
    """It is good until the moment of sending plus valid_for, and not one moment longer."""
    clock = BootClock()
    cache = AnswerCache[Introspection](10, clock)
    sent = cache.now()
    clock.advance(0.75)
    cache.keep(KEY, LIVE, sent=sent, freshness=LEASED)
    found = cache.find(KEY, LEASED)
    assert found is not None
    assert (found.username, found.valid_for) == ("bob", 0.25)
    clock.advance(0.25)
    assert cache.find(KEY, LEASED) is None


def test_what_came_too_late_is_of_no_use() -> None:
    """An answer that took longer than it holds is never reused."""
    clock = BootClock()
    cache = AnswerCache[Introspection](10, clock)
    sent = cache.now()
    clock.advance(1.0)
    assert cache.keep(KEY, LIVE, sent=sent, freshness=LEASED) == LIVE
    assert cache.find(KEY, LEASED) is None


def test_bad_news_ends_good_news() -> None:
    """An inactive answer is not kept and removes what was."""
    cache = AnswerCache[Introspection](10, BootClock())
    cache.keep(KEY, LIVE, sent=1000.0, freshness=LEASED)
    cache.keep(KEY, Introspection(active=False), sent=1000.0, freshness=READ_AGAIN)
    assert cache.find(KEY, LEASED) is None


def test_an_older_question_does_not_replace_a_newer_one() -> None:
    """Whichever answer arrives last, the one whose question was sent last stays."""
    cache = AnswerCache[Introspection](10, BootClock())
    newer = Introspection(active=True, username="alice", valid_for=1.0)
    cache.keep(KEY, newer, sent=1000.0, freshness=LEASED)
    cache.keep(KEY, LIVE, sent=999.5, freshness=LEASED)
    assert cache.find(KEY, LEASED) == newer


def test_what_may_be_stale_is_not_kept() -> None:
    """An answer that its asker accepted as stale is given to nobody else."""
    cache = AnswerCache[Introspection](10, BootClock())
    cache.keep(KEY, LIVE, sent=1000.0, freshness=accept_staleness(5))
    assert cache.find(KEY, LEASED) is None


def test_memory_is_bounded() -> None:
    """The answer that came first goes first."""
    cache = AnswerCache[Introspection](2, BootClock())
    for token in (b"1", b"2", b"3"):
        cache.keep(key_of(token), LIVE, sent=1000.0, freshness=LEASED)
    assert [cache.find(key_of(token), LEASED) is None for token in (b"1", b"2", b"3")] == [True, False, False]


def test_nothing_may_be_kept() -> None:
    """A cache of no entries keeps none, and one of fewer is refused."""
    cache = AnswerCache[Introspection](0, BootClock())
    cache.keep(KEY, LIVE, sent=1000.0, freshness=LEASED)
    assert cache.find(KEY, LEASED) is None
    with pytest.raises(ValueError, match="fewer than 0"):
        AnswerCache[Introspection](-1)


@given(st.lists(st.binary(max_size=4), max_size=4), st.lists(st.binary(max_size=4), max_size=4))
def test_different_questions_have_different_keys(one: list[bytes], other: list[bytes]) -> None:
    """Parts of a question cannot lend each other bytes."""
    assert (key_of(*one) == key_of(*other)) == (one == other)


def test_a_key_tells_no_token() -> None:
    """What is kept is a digest (GEN-11)."""
    assert b"secret-token" not in key_of(b"secret-token")
    assert len(key_of(b"x" * 10_000, b"y")) == 32


def test_the_real_clock_goes_on() -> None:
    """Without another clock the machine's is read."""
    cache = AnswerCache[Introspection](1)
    before = boot_seconds()
    assert before <= cache.now() <= boot_seconds()


@dataclass(frozen=True, slots=True)
class Sending:
    """A question under way: when it was sent, how long its answer holds, and its number, by which answers are told."""

    token: bytes
    number: int
    sent: float
    valid_for: float
    active: bool
    freshness: Freshness


tokens = st.sampled_from([b"a", b"b", b"c"])
lengths = st.sampled_from([0.0, 0.125, 0.25, 0.5, 1.0])
wishes = st.sampled_from([LEASED, LEASED, READ_AGAIN, accept_staleness(1)])
steps = st.one_of(
    st.tuples(st.just("wait"), lengths),
    st.tuples(st.just("send"), tokens, lengths, st.booleans(), wishes),
    # The answers arrive in any order, however late, or never.
    st.tuples(st.just("receive"), st.integers(0, 9)),
    st.tuples(st.just("reuse"), tokens),
)


@settings(max_examples=300, deadline=None)
@given(st.lists(steps, max_size=40), st.integers(0, 3))
def test_nothing_is_reused_for_too_long(play: list[tuple], most: int) -> None:  # type: ignore[type-arg]  # of each kind
    """Whatever is slow, late or lost: an answer is reused only before its sending plus valid_for, and for its token."""
    clock, numbers = BootClock(), count()
    cache = AnswerCache[Introspection](most, clock)
    under_way: list[Sending] = []
    received: dict[str, Sending] = {}
    for step, *given_values in play:
        match step, given_values:
            case "wait", [seconds]:
                clock.advance(seconds)
            case "send", [token, valid_for, active, freshness]:
                under_way.append(Sending(token, next(numbers), cache.now(), valid_for, active, freshness))
            case "receive", [index] if under_way:
                sending = under_way.pop(index % len(under_way))
                received[str(sending.number)] = sending
                answer = Introspection(sending.active, username=str(sending.number) if sending.active else "")
                if sending.active:
                    answer = Introspection(True, username=str(sending.number), valid_for=sending.valid_for)
                cache.keep(key_of(sending.token), answer, sent=sending.sent, freshness=sending.freshness)
            case "reuse", [token]:
                found = cache.find(key_of(token), LEASED)
                assert cache.find(key_of(token), READ_AGAIN) is None
                if found is not None:
                    behind = received[found.username]
                    assert behind.active
                    assert behind.token == token
                    assert not behind.freshness.staleness
                    assert 0 < found.valid_for == behind.sent + behind.valid_for - clock()
