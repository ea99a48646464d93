"""A run of a minute at the wait as deployed, and what it must show."""

from tests.integration.lease.hammer import Arena, Course
from tests.integration.lease.verdict import Floors, what_lacks

TIMEOUT_SECONDS = 600.0
"""All runs of a seed, buying the tokens before and letting the last calls end."""

# On a machine that is busy with something else too few answers come in a minute to tell anything by.
_SECONDS = (60.0, 120.0, 180.0)

_FLOORS = Floors(active=1_500, leased=1_000, reused=50, soon=100, restored=20, reports=40, ways=15, faults=15)


def endure(arena: Arena, seed: int) -> None:
    """Fail unless a minute of everything shows nothing wrong; longer where a minute shows too little of something."""
    for seconds in _SECONDS:
        course = Course(seed=seed, seconds=seconds, of_each=4, revokers=6, stories=1000, faults=True)
        lacking = what_lacks(arena.run(course), _FLOORS, seed=seed, lease_seconds=arena.lease_seconds)
        if not lacking:
            return
    raise AssertionError(f"seed {seed} shows too little: {lacking}")
