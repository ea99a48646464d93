"""One more attempt after a connection was lost, when nobody can tell whether the write had been committed.

Only for writes that may be repeated: they say who won, or change nothing the second time.
"""

from collections.abc import Awaitable, Callable
from typing import TypeVar

import psycopg
from psycopg_pool import PoolTimeout

from tallystick.runtime.failures import Unavailable
from tallystick.runtime.log import logger

Result = TypeVar("Result")
_log = logger(__name__)


async def repeated_once(write: Callable[[], Awaitable[Result]]) -> Result:
    """Run a write, and run it again if the connection broke under it; raise `Unavailable`."""
    try:
        return await write()
    except Unavailable as unavailable:
        if not _lost(unavailable.__cause__):
            raise
        _log.info("write_repeated")
        return await write()


def _lost(cause: BaseException | None) -> bool:
    return isinstance(cause, psycopg.OperationalError | psycopg.InterfaceError) and not isinstance(cause, PoolTimeout)
