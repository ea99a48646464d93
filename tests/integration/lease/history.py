"""What happened in a run, on one monotonic clock: who revoked, restored and was told what, from when to when.

Whoever does something notes the time before it is sent and after the answer has arrived, so that it was done in
between, whatever the threads of the test were doing.
"""

import math
from dataclasses import dataclass, field

Thing = tuple[str, str]
"""What can be revoked, and what a token can rest on: a kind and a name."""


@dataclass(frozen=True, slots=True)
class Revocation:
    """An attempt to end a thing; `reported` is when somebody was told that it is over, infinite when nobody was."""

    thing: Thing
    way: str
    at: str
    begun: float
    reported: float = math.inf


@dataclass(frozen=True, slots=True)
class Restoration:
    """An attempt to bring a thing back; `ended` is infinite when nobody knows whether or when it was done."""

    thing: Thing
    at: str
    begun: float
    ended: float = math.inf


@dataclass(frozen=True, slots=True)
class Answer:
    """What somebody goes by who asked about a token, which rests on the things `behind` it.

    `leased` answers may be gone by for a while; a `reused` one is such an answer gone by again, and counts as a call
    that began at the reuse. An answer is `stale` when whoever asked accepted that.
    """

    token: str
    behind: frozenset[Thing]
    at: str
    begun: float
    ended: float
    active: bool
    leased: bool = False
    reused: bool = False
    stale: bool = False


@dataclass(slots=True, repr=False)
class History:
    """All that happened. Several threads add to its lists, which CPython lets them do at once."""

    revocations: list[Revocation] = field(default_factory=list)
    restorations: list[Restoration] = field(default_factory=list)
    answers: list[Answer] = field(default_factory=list)
    unanswered: list[str] = field(default_factory=list)
    """Calls that say nothing of a token, by their status."""
    faults: list[str] = field(default_factory=list)
