"""What befalls replicas: drawn from a seed beforehand, then done by the clock."""

import random
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from enum import Enum
from threading import Event

from tests.integration.lease.history import History
from tests.integration.lease.places import Place


class Fault(Enum):
    """What can befall a replica."""

    PAUSED = "paused"
    CUT_OFF = "cut off from Postgres"
    SLOWED = "slowed"
    FAR_AWAY = "slow to be reached"
    RESTARTED = "killed and restarted"


_WEIGHTS = {Fault.PAUSED: 5, Fault.CUT_OFF: 3, Fault.SLOWED: 4, Fault.FAR_AWAY: 3, Fault.RESTARTED: 1}


@dataclass(frozen=True, slots=True)
class Blow:
    """A fault, how long after the one before, for how long, and by how much answers are late."""

    fault: Fault
    after: float
    seconds: float
    late: float


def blows(chance: random.Random, *, seconds: float, lease_seconds: float) -> Sequence[Blow]:
    """Return what befalls one replica within so many seconds: faults of up to three leases, often short."""
    found: list[Blow] = []
    time = 0.0
    while True:
        blow = Blow(
            fault=chance.choices(list(_WEIGHTS), list(_WEIGHTS.values()))[0],
            after=chance.uniform(0.1, 2.0) * lease_seconds,
            seconds=3 * lease_seconds * chance.random() ** 2,
            late=lease_seconds * chance.random() ** 2,
        )
        time += blow.after + blow.seconds
        if time > seconds:
            return found
        found.append(blow)


def befall(place: Place, suffered: Sequence[Blow], history: History, over: Event) -> None:
    """Let one fault after another befall a replica, until the run is over; it is well in the end."""
    for blow in suffered:
        if over.wait(blow.after):
            return
        with _fault(place, blow):
            history.faults.append(blow.fault.value)
            over.wait(blow.seconds)


def _fault(place: Place, blow: Blow) -> AbstractContextManager[None]:
    match blow.fault:
        case Fault.PAUSED:
            return place.paused()
        case Fault.CUT_OFF:
            return place.cut_off()
        case Fault.SLOWED:
            return place.slowed(blow.late)
        case Fault.FAR_AWAY:
            return place.far_away(blow.late)
        case Fault.RESTARTED:
            return place.down()
