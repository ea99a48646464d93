"""What is kept for a while only: grants that are dead without saying so, grants that ended long ago, the old log."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from uuid import UUID

from services.token.ports import RetentionStore
from tallystick.runtime.failures import Failure
from tallystick.runtime.log import logger

_MOST_BATCHES = 100

_log = logger(__name__)


class Retention:
    """Tidies up, a bounded number of bounded batches at a time, so that whoever waits for the database hardly notices.

    The grants are walked through in the order of their ids, from where the last round stopped.
    """

    def __init__(self, store: RetentionStore, *, interval_seconds: float) -> None:
        self._store = store
        self._interval_seconds = interval_seconds
        self._looked_at: UUID | None = None
        self._oldest: Mapping[str, datetime] = {}

    async def keep(self) -> None:
        """Tidy up now and then, for ever. What goes wrong is logged and tried again."""
        while True:
            await _tried(self._look)
            await asyncio.sleep(self._interval_seconds)
            await _tried(self.round)

    @property
    def oldest(self) -> Mapping[str, datetime]:
        """Since when the oldest of what will be deleted is there, as far as it was looked at."""
        return self._oldest

    async def _look(self) -> None:
        self._oldest = await self._store.oldest()

    async def round(self) -> None:
        """Tidy up once. Raises `Unavailable`."""
        for _ in range(_MOST_BATCHES):
            before, self._looked_at = self._looked_at, await self._store.end_dead(self._looked_at)
            if self._looked_at in {before, None}:
                break
        await _repeat("grants_deleted", self._store.delete_ended)
        await _repeat("invalidations_deleted", self._store.forget_invalidations)


async def _tried(work: Callable[[], Awaitable[None]]) -> None:
    try:
        await work()
    except Failure as failure:
        _log.warning("retention_failed", detail=failure.message)
    except Exception as error:  # noqa: BLE001 - what is not tidied up now is so later
        _log.error("retention_failed", exc_info=error)


async def _repeat(event: str, batch: Callable[[], Awaitable[int]]) -> None:
    """Run a batch until there is nothing left for it, or often enough for one round."""
    total = 0
    for _ in range(_MOST_BATCHES):
        done = await batch()
        total += done
        if not done:
            break
    if total:
        _log.info(event, count=total)
