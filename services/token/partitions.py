"""The keeper of the partitions: one replica makes and drops them, the others make sure that they find enough."""

import asyncio

from services.token.ports import PartitionSession, PartitionStore
from tallystick.runtime.failures import Failure
from tallystick.runtime.lifecycle import StartError
from tallystick.runtime.log import logger

_LOOK_AGAIN_SECONDS = 0.5

_log = logger(__name__)


class PartitionKeeper:
    """Keeps the partitions, as far as this replica has the right to."""

    def __init__(self, store: PartitionStore, *, interval_seconds: float, start_seconds: float) -> None:
        self._store = store
        self._interval_seconds = interval_seconds
        self._start_seconds = start_seconds

    async def prepare(self) -> None:
        """Return once every token has a partition to lie in, whoever made it; raise `StartError` after a while."""
        try:
            async with asyncio.timeout(self._start_seconds):
                while not await self._kept():  # noqa: ASYNC110 - another replica's work is not announced here
                    await asyncio.sleep(_LOOK_AGAIN_SECONDS)
        except TimeoutError:
            raise StartError(
                "access_tokens lacks partitions and they cannot be made: check TALLYSTICK_PARTITION_DSN, whose login "
                "must be a member of tallystick_partitions"
            ) from None

    async def keep(self) -> None:
        """Look after the partitions now and then, for ever. What goes wrong is logged and tried again."""
        while True:
            await asyncio.sleep(self._interval_seconds)
            await self._kept()

    async def _kept(self) -> bool:
        """Do what this replica may, and tell whether there are partitions enough."""
        try:
            await self.maintain()
        except Exception as error:  # noqa: BLE001 - the keeper goes on, and so does the service
            _report(error)
        try:
            found = await self._store.found()
        except Exception as error:  # noqa: BLE001 - the keeper goes on, and so does the service
            _report(error)
            return False
        if not found.suffices:
            _log.warning("partitions_missing", hours=found.missing)
        return found.suffices

    async def maintain(self) -> None:
        """Create what is missing and drop what is past, unless another replica is at it. Raises `Unavailable`."""
        async with self._store.session() as session:
            if session is not None:
                await _create_missing(session)
                await _drop_past(session)


def _report(error: Exception) -> None:
    """Log a store that cannot be asked by what it says, and anything else, which is our mistake, with its traceback."""
    if isinstance(error, Failure):
        _log.warning("partitions_not_kept", detail=error.message)
    else:
        _log.error("partitions_not_kept", exc_info=error)


async def _create_missing(session: PartitionSession) -> None:
    missing = (await session.found()).missing
    for hour in missing:
        await session.create(hour)
    if missing:
        _log.info("partitions_created", first=missing[0], last=missing[-1])


async def _drop_past(session: PartitionSession) -> None:
    for hour in (await session.found()).half_detached:
        await session.finish_detaching(hour)
    found = await session.found()
    for hour in found.leftover:
        await session.drop(hour)
    for hour in found.past:
        await session.detach(hour)
        await session.drop(hour)
        _log.info("partition_dropped", hour=hour)
