"""Which partitions of `access_tokens` there must be: one for each hour in which a token can expire.

Made well ahead, and dropped whole once everything in them has long expired. Hours are counted since 1970, by Postgres's
clock.
"""

from dataclasses import dataclass

LONGEST_LIFETIME_HOURS = 24
_AHEAD_HOURS = LONGEST_LIFETIME_HOURS + 2
_KEPT_HOURS = 1


@dataclass(frozen=True, slots=True)
class Partitions:
    """What a database has: which hour it is there, and which hours have a partition in each state."""

    hour: int
    attached: frozenset[int]
    half_detached: frozenset[int]
    """Their detachment was interrupted; there can be one, and it must be finished before the next."""
    detached: frozenset[int]

    @property
    def suffices(self) -> bool:
        """Whether a token of any lifetime, issued now, has a partition to lie in."""
        return self.attached.issuperset(range(self.hour, self.hour + LONGEST_LIFETIME_HOURS + 1))

    @property
    def missing(self) -> tuple[int, ...]:
        """The hours to create, soonest first."""
        there = self.attached | self.half_detached | self.detached
        return tuple(hour for hour in range(self.hour, self.hour + _AHEAD_HOURS + 1) if hour not in there)

    @property
    def past(self) -> tuple[int, ...]:
        """The hours to detach, oldest first."""
        return tuple(sorted(filter(self._is_past, self.attached)))

    @property
    def leftover(self) -> tuple[int, ...]:
        """The hours that were detached and must still be dropped, oldest first."""
        return tuple(sorted(filter(self._is_past, self.detached)))

    def _is_past(self, hour: int) -> bool:
        """Tell whether all tokens of an hour expired an hour ago or more."""
        return hour + 1 + _KEPT_HOURS <= self.hour
