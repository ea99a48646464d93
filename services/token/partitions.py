"""The keeper of the partitions: one replica makes and drops them, the others make sure that they find enough."""

import asyncio
from collections.abc import Mapping

from services.token.partition_plan import Partitions
from services.token.ports import PartitionSession, PartitionStore
from tallystick.runtime.failures import Failure
from tallystick.runtime.lifecycle import StartError
from tallystick.runtime.log import logger

_LOOK_AGAIN_SECONDS = 0.5

_log = logger(__name__)


class PartitionKeeper:
    """Keeps the partitions of several tables, as far as this replica has the right to."""

    def __init__(self, *stores: PartitionStore, interval_seconds: float, start_seconds: float) -> None:
        self._stores = stores
        self._interval_seconds = interval_seconds
        self._start_seconds = start_seconds
        self._found: dict[str, Partitions] = {}

    @property
    def found(self) -> Mapping[str, Partitions]:
        """What was found of each table when it was looked at last."""
        return self._found

    async def prepare(self) -> None:
        """Return once every row has a partition to lie in, whoever made it; raise `StartError` after a while."""
        try:
            async with asyncio.timeout(self._start_seconds):
                while not await self._all_kept():  # noqa: ASYNC110 - another replica's work is not announced here
                    await asyncio.sleep(_LOOK_AGAIN_SECONDS)
        except TimeoutError:
            tables = " or ".join(store.table.name for store in self._stores)
            raise StartError(
                f"{tables} lacks partitions and they cannot be made: check TALLYSTICK_PARTITION_DSN, whose login must "
                "be a member of tallystick_partitions"
            ) from None

    async def keep(self) -> None:
        """Look after the partitions now and then, for ever. What goes wrong is logged and tried again."""
        while True:
            await asyncio.sleep(self._interval_seconds)
            await self._all_kept()

    async def _all_kept(self) -> bool:
        # One table's trouble is none of the next one's.
        return all([await self._kept(store) for store in self._stores])

    async def _kept(self, store: PartitionStore) -> bool:
        """Do what this replica may, and tell whether there are partitions enough."""
        table = store.table.name
        try:
            await maintain(store)
        except Exception as error:  # noqa: BLE001 - the keeper goes on, and so does the service
            _report(error, table)
        try:
            found = await store.found()
        except Exception as error:  # noqa: BLE001 - the keeper goes on, and so does the service
            _report(error, table)
            return False
        self._found = {**self._found, table: found}
        if not found.suffices:
            _log.warning("partitions_missing", table=table, periods=found.missing)
        return found.suffices


async def maintain(store: PartitionStore) -> None:
    """Create what a table lacks and drop what is past, unless another replica is at it. Raises `Unavailable`."""
    async with store.session() as session:
        if session is not None:
            await _create_missing(session, store.table.name)
            await _drop_past(session, store.table.name)


def _report(error: Exception, table: str) -> None:
    """Log a store that cannot be asked by what it says, and anything else, which is our mistake, with its traceback."""
    if isinstance(error, Failure):
        _log.warning("partitions_not_kept", table=table, detail=error.message)
    else:
        _log.error("partitions_not_kept", table=table, exc_info=error)


async def _create_missing(session: PartitionSession, table: str) -> None:
    missing = (await session.found()).missing
    for period in missing:
        await session.create(period)
    if missing:
        _log.info("partitions_created", table=table, first=missing[0], last=missing[-1])


async def _drop_past(session: PartitionSession, table: str) -> None:
    for period in (await session.found()).half_detached:
        await session.finish_detaching(period)
    found = await session.found()
    for period in found.leftover:
        await session.drop(period)
    for period in found.past:
        await session.detach(period)
        await session.drop(period)
        _log.info("partition_dropped", table=table, period=period)
