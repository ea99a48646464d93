"""A run of a minute at the wait as deployed, and what it must show."""

from tests.integration.lease.hammer import Arena, Course
from tests.integration.lease.verdict import Floors, require_none

TIMEOUT_SECONDS = 300.0
"""The minute, buying the tokens before and letting the last calls end."""

_FLOORS = Floors(active=1_500, leased=1_000, reused=50, soon=100, restored=20, reports=40, ways=15, faults=15)


def endure(arena: Arena, seed: int) -> None:
    """Fail unless a minute of everything shows nothing wrong."""
    course = Course(seed=seed, seconds=60.0, of_each=4, revokers=6, stories=1000, faults=True)
    require_none(arena.run(course), _FLOORS, seed=seed, lease_seconds=arena.lease_seconds)
