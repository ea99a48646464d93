"""The checker finds what breaks the rule, and nothing else."""

import math

import pytest

from tests.integration.lease.checker import Violation, tally, told, violations
from tests.integration.lease.history import Answer, History, Restoration, Revocation

GRANT = ("grant", "g")
CLIENT = ("client", "c")
NEVER = math.inf


def active(begun: float, ended: float, **more: bool) -> Answer:
    """Return an answer by which a token of the grant and the client is live."""
    return Answer("t", frozenset({GRANT, CLIENT}), "introspect-1", begun, ended, active=True, **more)


def inactive(begun: float, ended: float) -> Answer:
    """Return an answer by which the token is dead."""
    return Answer("t", frozenset({GRANT, CLIENT}), "introspect-1", begun, ended, active=False)


def revoked(begun: float, reported: float, thing: tuple[str, str] = GRANT) -> Revocation:
    return Revocation(thing, "revoked", "token-1", begun, reported)


def restored(begun: float, ended: float, thing: tuple[str, str] = CLIENT) -> Restoration:
    return Restoration(thing, "authorize-1", begun, ended)


WRONG = {
    "asked after the report": [revoked(1, 2), active(2.1, 2.2)],
    "asked long after the report": [revoked(1, 2), active(500, 501)],
    "reused after the report": [revoked(1, 2), active(2.1, 2.1, leased=True, reused=True)],
    "asked after the report of the second to revoke": [revoked(1, 9), revoked(1.5, 1.6), active(1.7, 1.8)],
    "asked after the first of two reports": [revoked(1, 2), revoked(1, 9), active(3, 4)],
    "of two things one is over": [revoked(1, 2, CLIENT), active(3, 4)],
    "the other thing was restored": [revoked(1, 2), restored(3, 4), active(5, 6)],
    "restored before it was revoked": [restored(0.1, 0.9), revoked(1, 2, CLIENT), active(3, 4)],
    "restored after the answer": [revoked(1, 2, CLIENT), active(3, 4), restored(4.1, 5)],
    "revoked again after it was restored": [
        revoked(1, 2, CLIENT),
        restored(3, 4),
        revoked(5, 6, CLIENT),
        active(7, 8),
    ],
    "nobody has revoked anything": [inactive(1, 2)],
    "dead before anybody revoked": [inactive(1, 2), revoked(2.1, 3)],
    "dead although something else was revoked": [revoked(1, 2, ("grant", "other")), inactive(3, 4)],
}

RIGHT = {
    "asked before the report, answered after": [revoked(1, 2), active(1.9, 5)],
    "asked at the very moment of the report": [revoked(1, 2), active(2, 3)],
    "never reported": [revoked(1, NEVER), active(500, 501)],
    "something else was revoked": [revoked(1, 2, ("grant", "other")), active(3, 4)],
    "staleness was accepted": [revoked(1, 2), active(3, 4, stale=True)],
    "restored since": [revoked(1, 2, CLIENT), restored(3, 4), active(5, 6)],
    "being restored": [revoked(1, 2, CLIENT), restored(3, 6), active(4, 5)],
    "restored while it was asked": [revoked(1, 2, CLIENT), active(3, 5), restored(4, 4.5)],
    "revoked and restored at once, in whatever order": [revoked(1, 3, CLIENT), restored(2, 2.5), active(4, 5)],
    "perhaps restored late": [restored(0, NEVER), revoked(1, 2, CLIENT), active(3, 4)],
    "dead while it is being revoked": [revoked(1, NEVER), inactive(1.5, 1.6)],
    "dead by a revocation that began meanwhile": [inactive(1, 3), revoked(2, 4)],
    "dead for good": [revoked(1, 2), inactive(500, 501)],
    "dead since it was disabled": [revoked(1, 2, CLIENT), inactive(3, 4)],
}


def history_of(events: list[Revocation | Restoration | Answer]) -> History:
    history = History()
    for event in events:
        match event:
            case Revocation():
                history.revocations.append(event)
            case Restoration():
                history.restorations.append(event)
            case Answer():
                history.answers.append(event)
    return history


@pytest.mark.parametrize("events", WRONG.values(), ids=WRONG.keys())
def test_what_breaks_the_rule_is_found(events: list[Revocation | Restoration | Answer]) -> None:
    """An answer that nothing can explain is found, once."""
    [violation] = violations(history_of(events))
    assert violation.answer in events


@pytest.mark.parametrize("events", RIGHT.values(), ids=RIGHT.keys())
def test_what_keeps_to_the_rule_is_not_found(events: list[Revocation | Restoration | Answer]) -> None:
    """An answer that some order of what was under way explains is none."""
    assert violations(history_of(events)) == []


def test_a_violation_is_told_with_its_times() -> None:
    """A person reads who revoked what when, what was said since, and which of it is wrong."""
    history = history_of([revoked(1, 2), active(1.5, 1.75, leased=True), active(2.5, 3), restored(8, NEVER)])
    [violation] = violations(history)
    assert violation == Violation(history.answers[1], history.revocations[0])
    assert told(history, violation).splitlines() == [
        "t: 2.5000 to 3.0000: introspect-1 says active, wrongly",
        "    1.0000 to 2.0000: revoked at token-1",
        "    1.5000 to 1.7500: introspect-1 says leased active",
        "    2.5000 to 3.0000: introspect-1 says active",
        "    8.0000 to ?: restored at authorize-1",
    ]


def test_an_empty_run_shows_nothing() -> None:
    """What was asked, leased, reused, restored and asked in time is counted, so that a run without it can fail."""
    history = history_of([
        active(0.1, 0.2, leased=True),
        active(0.3, 0.3, leased=True, reused=True),
        revoked(1, 2, CLIENT),
        revoked(1, NEVER, CLIENT),
        inactive(2.5, 2.6),
        inactive(9, 10),
        restored(11, 12),
        active(13, 14),
    ])  # fmt: skip
    found = tally(history, lease_seconds=1.0)
    assert (found.active, found.leased, found.reused, found.restored, found.soon) == (3, 2, 1, 1, 1)
    assert found.reports == {"revoked": 1}
    assert tally(History(), lease_seconds=1.0).active == 0
