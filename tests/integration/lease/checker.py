"""The rule, and which answers of a history have broken it.

An answer says wrongly that a token is active if, for a thing behind the token, a revocation had been reported before
the question was asked, unless the thing may have been restored since. It says wrongly that a token is inactive if
nobody had begun to revoke anything behind it by the time it was given.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from tests.integration.lease.history import Answer, History, Restoration, Revocation, Thing

Event = TypeVar("Event", Revocation, Restoration)

_TOLD_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Violation:
    """A wrong answer, and the revocation that it contradicts; None when it calls dead what nobody had ended."""

    answer: Answer
    revocation: Revocation | None


def violations(history: History) -> list[Violation]:
    """Return the answers that break the rule, earliest first."""
    revocations, restorations = _by_thing(history.revocations), _by_thing(history.restorations)
    found = []
    for answer in sorted(history.answers, key=lambda each: each.begun):
        relevant = [each for thing in answer.behind for each in revocations.get(thing, ())]
        if answer.active:
            against = [each for each in relevant if _forbids(each, answer, restorations.get(each.thing, ()))]
            found += [Violation(answer, each) for each in against[:1]]
        elif all(answer.ended < each.begun for each in relevant):
            found.append(Violation(answer, None))
    return found


def _forbids(revocation: Revocation, answer: Answer, restorations: Sequence[Restoration]) -> bool:
    """Tell whether an active answer contradicts a revocation."""
    if answer.stale or answer.begun <= revocation.reported:
        return False
    # Of two changes that were under way together either may have been the later one.
    return not any(each.ended > revocation.begun and each.begun < answer.ended for each in restorations)


@dataclass(frozen=True, slots=True)
class Tally:
    """How much a history shows, so that no run passes for want of anything to find."""

    active: int
    leased: int
    reused: int
    restored: int
    """Active answers to questions that were asked after something behind the token had been restored."""
    soon: int
    """Answers to questions asked so soon after a first report that a lease given before the end might still hold."""
    reports: Counter[str]
    """By the way in which it was ended."""


def tally(history: History, *, lease_seconds: float) -> Tally:
    """Count what a history shows."""
    reported: dict[Thing, float] = defaultdict(lambda: math.inf)
    for revocation in history.revocations:
        reported[revocation.thing] = min(reported[revocation.thing], revocation.reported)
    restored: dict[Thing, float] = defaultdict(lambda: math.inf)
    for restoration in history.restorations:
        restored[restoration.thing] = min(restored[restoration.thing], restoration.ended)
    active = [each for each in history.answers if each.active]
    since = [
        each.begun - min((reported[thing] for thing in each.behind), default=math.inf)
        for each in history.answers
        if not each.stale
    ]
    return Tally(
        active=len(active),
        leased=sum(each.leased for each in active),
        reused=sum(each.reused for each in active),
        restored=sum(each.begun > restored[thing] for each in active for thing in each.behind),
        soon=sum(0 < each < lease_seconds for each in since),
        reports=Counter(each.way for each in history.revocations if each.reported < math.inf),
    )


def told(history: History, violation: Violation) -> str:
    """Tell what happened to whatever is behind a wrong answer, for a person to read; times are in seconds."""
    wrong = violation.answer
    events = [
        *((each.begun, each.reported, f"{each.way} at {each.at}") for each in history.revocations
          if each.thing in wrong.behind),
        *((each.begun, each.ended, f"restored at {each.at}") for each in history.restorations
          if each.thing in wrong.behind),
        *((each.begun, each.ended, _said(each)) for each in history.answers
          if each.token == wrong.token and each.active and wrong.begun - _TOLD_SECONDS < each.begun <= wrong.begun),
    ]  # fmt: skip
    lines = [f"{_span(begun, ended)} {what}" for begun, ended, what in sorted(events)]
    return "\n    ".join([f"{wrong.token}: {_span(wrong.begun, wrong.ended)} {_said(wrong)}, wrongly", *lines])


def _said(answer: Answer) -> str:
    marks = [mark for mark in ("leased", "reused", "stale") if getattr(answer, mark)]
    return " ".join([answer.at, "says", *marks, "active" if answer.active else "inactive"])


def _span(begun: float, ended: float) -> str:
    return f"{begun:.4f} to {'?' if ended == math.inf else f'{ended:.4f}'}:"


def _by_thing(events: Iterable[Event]) -> Mapping[Thing, Sequence[Event]]:
    found: dict[Thing, list[Event]] = defaultdict(list)
    for event in events:
        found[event.thing].append(event)
    return found
