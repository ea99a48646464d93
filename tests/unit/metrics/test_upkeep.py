"""How long token's tables can go on, as moments of time."""

import asyncio
from contextlib import suppress
from datetime import UTC, datetime
from uuid import UUID

from prometheus_client import CollectorRegistry

from services.token.adapters.metrics import UpkeepState
from services.token.partition_plan import ACCESS_TOKENS, audit_events
from services.token.partitions import PartitionKeeper
from services.token.retention import Retention
from tallystick.runtime.failures import Unavailable
from tallystick.runtime.lifecycle import StartError
from tests.fakes.partitions import FakePartitions

PRESENT = 480_000
ENDS = "tallystick_partitions_end_timestamp_seconds"
OLDEST = "tallystick_retention_oldest_timestamp_seconds"
SINCE = datetime(2026, 11, 1, tzinfo=UTC)


class Rows:
    """Implements `RetentionStore`: nothing is to be deleted yet, and there are rows since some moments."""

    def __init__(self, **oldest: datetime) -> None:
        self._oldest = oldest
        self.looked_at = asyncio.Event()

    async def oldest(self) -> dict[str, datetime]:
        self.looked_at.set()
        if "failure" in self._oldest:
            raise Unavailable("the database cannot be asked now")
        return self._oldest

    async def end_dead(self, after: UUID | None) -> UUID | None:
        raise AssertionError(after)

    async def delete_ended(self) -> int:
        raise AssertionError

    async def forget_invalidations(self) -> int:
        raise AssertionError


async def told(*stores: FakePartitions, rows: Rows | None = None) -> dict[tuple[str, str], float]:
    """Return what is told once everything was looked at, by name and label."""
    registry, rows = CollectorRegistry(), rows or Rows()
    keeper = PartitionKeeper(*stores, interval_seconds=3600, start_seconds=0.01)
    retention = Retention(rows, interval_seconds=3600)
    UpkeepState(registry, keeper, retention)
    with suppress(StartError):
        await keeper.prepare()
    keeping = asyncio.create_task(retention.keep())
    await rows.looked_at.wait()
    keeping.cancel()
    samples = [sample for metric in registry.collect() for sample in metric.samples]
    return {(sample.name, "".join(sample.labels.values())): sample.value for sample in samples}


async def test_how_long_each_table_can_go_on() -> None:
    """The end of the last partition that follows without a gap, of each table by its own period."""
    audit = audit_events(30)
    found = await told(FakePartitions(PRESENT), FakePartitions(PRESENT // 24, table=audit))
    assert found == {
        (ENDS, "access_tokens"): (PRESENT + ACCESS_TOKENS.ahead + 1) * 3600,
        (ENDS, "audit_events"): (PRESENT // 24 + audit.ahead + 1) * 86400,
    }


async def test_a_gap_ends_it() -> None:
    """What lies behind a missing partition is of no use when the missing one is needed."""
    attached = {PRESENT, PRESENT + 1, PRESENT + 3}
    assert await told(FakePartitions(PRESENT, attached=attached, taken=True)) == {
        (ENDS, "access_tokens"): (PRESENT + 2) * 3600
    }


async def test_without_any_partition_the_end_is_now() -> None:
    """The present period itself has none, so nothing is ahead."""
    assert await told(FakePartitions(PRESENT, taken=True)) == {(ENDS, "access_tokens"): PRESENT * 3600}


async def test_what_could_not_be_looked_at_is_not_told() -> None:
    """Nothing is better than a wrong moment; the log says why."""
    assert await told(FakePartitions(PRESENT, away=True, mistakes=[Unavailable("away")] * 9)) == {}


async def test_since_when_the_oldest_is_there() -> None:
    """As seconds since 1970, of what there is."""
    assert await told(rows=Rows(invalidations=SINCE)) == {(OLDEST, "invalidations"): SINCE.timestamp()}


async def test_nothing_old_is_no_moment() -> None:
    """An empty table has no oldest row, and no sample that could be taken for one."""
    assert await told(rows=Rows()) == {}


async def test_rows_that_cannot_be_looked_at() -> None:
    """The database's failure is in the log, and nothing is told."""
    assert await told(rows=Rows(failure=SINCE)) == {}
