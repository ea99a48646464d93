"""`repeated_refusals`: strangers cannot fill the audit."""

from dataclasses import dataclass, replace

import pytest

from tallystick.runtime.audit_event import AuditEvent, EventKind, Outcome
from tallystick.runtime.repeated_refusals import Repeated, RepeatedRefusals

REFUSED = AuditEvent(EventKind.TOKEN_REFUSED, Outcome.REFUSED, error="invalid_client")
HERE, THERE = "192.0.2.1", "192.0.2.2"


@dataclass(slots=True)
class Clock:
    """Seconds, as this test says."""

    now: float = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    """The clock."""
    return Clock()


@pytest.fixture
def refusals(clock: Clock) -> RepeatedRefusals:
    """Three are told in a minute, of four networks and kinds at a time."""
    return RepeatedRefusals(clock, told=3, networks=4)


def test_the_first_are_told_and_the_rest_counted(clock: Clock, refusals: RepeatedRefusals) -> None:
    """Of one kind from one network the first are told in full, the others by their number (OPS-04, GEN-13)."""
    assert [refusals.tells(REFUSED, HERE) for _ in range(5)] == [True] * 3 + [False] * 2
    assert refusals.tells(REFUSED, THERE)
    assert refusals.tells(replace(REFUSED, kind=EventKind.REVOCATION_REFUSED), HERE)
    assert refusals.over() == []
    clock.now = 60
    assert refusals.over() == [Repeated(EventKind.TOKEN_REFUSED, HERE, 2)]
    assert refusals.is_idle
    assert refusals.tells(REFUSED, HERE)


def test_a_window_begins_anew(clock: Clock, refusals: RepeatedRefusals) -> None:
    """Whoever is refused now and then is told each time (OPS-04)."""
    for _ in range(10):
        assert refusals.tells(REFUSED, HERE)
        clock.now += 30


@pytest.mark.parametrize(
    "event",
    [
        replace(REFUSED, outcome=Outcome.SUCCESS),
        replace(REFUSED, actor="client:known"),
        replace(REFUSED, actor="user:known"),
        replace(REFUSED, actor="operator:known"),
    ],
)
def test_what_somebody_does_is_always_told(refusals: RepeatedRefusals, event: AuditEvent) -> None:
    """What was done, and what was refused to somebody who has proved who it is, is never folded (OPS-04)."""
    assert all(refusals.tells(event, HERE) for _ in range(100))


def test_a_name_proves_nothing(refusals: RepeatedRefusals) -> None:
    """A public client that only named itself counts as a stranger (CAUTH-09)."""
    named = replace(REFUSED, actor="client:public", attributes={"authenticated": "false"})
    assert [refusals.tells(named, HERE) for _ in range(4)] == [True] * 3 + [False]


def test_many_networks_take_bounded_memory(clock: Clock, refusals: RepeatedRefusals) -> None:
    """A flood from many addresses is counted together, and the next minute has room again (GEN-13)."""
    told = sum(refusals.tells(REFUSED, f"198.51.100.{number}") for number in range(200))
    assert told == 4 + 3
    clock.now = 60
    assert sum(each.times for each in refusals.over()) == 200 - told
    assert refusals.tells(REFUSED, HERE)


def test_what_is_counted_is_one_event(refusals: RepeatedRefusals) -> None:
    """The event that stands for many says of which kind and how many they were (OPS-04)."""
    for _ in range(10):
        refusals.tells(REFUSED, HERE)
    [repeated] = refusals.over(all_of_them=True)
    assert repeated.event() == AuditEvent(
        EventKind.TOKEN_REFUSED,
        Outcome.REFUSED,
        detail="more of the same, only counted",
        attributes={"times": "7"},
    )
