"""One more attempt after a connection was lost, when nobody can tell whether the write had been committed.

Only for writes that may be repeated: they say who won, or change nothing the second time.
"""

from collections.abc import Awaitable, Callable
from typing import TypeVar

import psycopg
from psycopg_pool import PoolClosed, PoolTimeout, TooManyRequests

from tallystick.runtime.failures import Unavailable
from tallystick.runtime.log import logger

Result = TypeVar("Result")

# Connection exceptions and operator intervention, without 57014, a cancelled statement (PostgreSQL Appendix A).
_ENDED = ("08", "57P")
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
    """Tell whether a connection that there was is no more; whatever else the server said, it would say again."""
    match cause:
        case PoolClosed() | PoolTimeout() | TooManyRequests():
            return False
        case psycopg.OperationalError() | psycopg.InterfaceError():
            return cause.sqlstate is None or cause.sqlstate.startswith(_ENDED)
    return False
