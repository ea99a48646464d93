"""Which partitions a table must have: one for each period, which is an hour or a day, in which something can fall.

Made well ahead, and dropped whole once everything in them is old enough. Periods are counted since 1970, by Postgres's
clock.
"""

from dataclasses import dataclass, field

LONGEST_LIFETIME_HOURS = 24


@dataclass(frozen=True, slots=True)
class PartitionedTable:
    """A table, the column that holds the period of each row, and how many periods there must be and may stay."""

    name: str
    column: str
    period_seconds: int
    needed: int
    """How many periods after the present one a service cannot do without."""
    ahead: int
    """How many periods after the present one are made."""
    kept: int
    """How many periods a partition stays after its own."""


ACCESS_TOKENS = PartitionedTable(
    name="access_tokens",
    column="bucket",
    period_seconds=3600,
    needed=LONGEST_LIFETIME_HOURS,
    ahead=LONGEST_LIFETIME_HOURS + 2,
    kept=1,
)


def audit_events(retention_days: int) -> PartitionedTable:
    """Return how events are kept: each for so many days, or part of a day more."""
    return PartitionedTable(
        name="audit_events", column="day", period_seconds=24 * 3600, needed=1, ahead=8, kept=retention_days
    )


@dataclass(frozen=True, slots=True)
class Partitions:
    """What a database has: which period it is there, and which periods have a partition in each state."""

    table: PartitionedTable = field(repr=False)
    present: int
    attached: frozenset[int]
    half_detached: frozenset[int]
    """Their detachment was interrupted; there can be one, and it must be finished before the next."""
    detached: frozenset[int]

    @property
    def suffices(self) -> bool:
        """Whether whatever is written now has a partition to lie in."""
        return self.attached.issuperset(self._until(self.table.needed))

    @property
    def covered_until(self) -> int:
        """When the first period begins, the present one or a later one, that has no partition: seconds since 1970."""
        period = self.present
        while period in self.attached:
            period += 1
        return period * self.table.period_seconds

    @property
    def missing(self) -> tuple[int, ...]:
        """The periods to create, soonest first."""
        there = self.attached | self.half_detached | self.detached
        return tuple(period for period in self._until(self.table.ahead) if period not in there)

    @property
    def past(self) -> tuple[int, ...]:
        """The periods to detach, oldest first."""
        return tuple(sorted(filter(self._is_past, self.attached)))

    @property
    def leftover(self) -> tuple[int, ...]:
        """The periods that were detached and must still be dropped, oldest first."""
        return tuple(sorted(filter(self._is_past, self.detached)))

    def _until(self, ahead: int) -> range:
        return range(self.present, self.present + ahead + 1)

    def _is_past(self, period: int) -> bool:
        """Tell whether a period ended as long ago as partitions are kept, or longer."""
        return period + 1 + self.table.kept <= self.present
