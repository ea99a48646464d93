"""What a run must show: nothing wrong, and enough that something wrong would have been seen."""

from dataclasses import dataclass

from tests.integration.lease.checker import tally, told, violations
from tests.integration.lease.history import History

_MOST_TOLD = 5


@dataclass(frozen=True, slots=True)
class Floors:
    """How much of each a run must show at least."""

    active: int
    leased: int
    reused: int
    soon: int
    restored: int
    reports: int
    ways: int
    faults: int


def require_none(history: History, floors: Floors, *, seed: int, lease_seconds: float) -> None:
    """Fail on a wrong answer, and on a run that shows too little."""
    lacking = what_lacks(history, floors, seed=seed, lease_seconds=lease_seconds)
    assert not lacking, f"seed {seed} shows too little: {lacking}"


def what_lacks(history: History, floors: Floors, *, seed: int, lease_seconds: float) -> str:
    """Fail on a wrong answer; return what a run shows too little of, empty if there is enough of everything."""
    wrong = violations(history)
    first = "\n".join(told(history, each) for each in wrong[:_MOST_TOLD])
    assert not wrong, f"seed {seed}: {len(wrong)} wrong answers, the first of them\n{first}"
    found = tally(history, lease_seconds=lease_seconds)
    shown = Floors(
        active=found.active,
        leased=found.leased,
        reused=found.reused,
        soon=found.soon,
        restored=found.restored,
        reports=found.reports.total(),
        ways=len(found.reports),
        faults=len(history.faults),
    )
    lacking = [name for name in Floors.__slots__ if getattr(shown, name) < getattr(floors, name)]
    return f"{lacking}: {shown}, {found.reports}" if lacking else ""
