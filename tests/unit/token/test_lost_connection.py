"""Which writes are repeated (`services.token.adapters.lost_connection`)."""

from collections.abc import Awaitable, Callable

import psycopg
import pytest
from psycopg import errors
from psycopg_pool import PoolClosed, PoolTimeout, TooManyRequests

from services.token.adapters.lost_connection import repeated_once
from tallystick.runtime.failures import Unavailable


def failing_once(cause: Exception | None) -> tuple[Callable[[], Awaitable[str]], list[None]]:
    """Return a write that fails the first time it is made, for this cause, and what counts how often it was made."""
    made: list[None] = []

    async def write() -> str:
        made.append(None)
        if len(made) == 1:
            raise Unavailable("the database cannot be asked now") from cause
        return "done"

    return write, made


@pytest.mark.parametrize(
    "cause",
    [
        psycopg.OperationalError("server closed the connection unexpectedly"),
        psycopg.InterfaceError("the connection is closed"),
        errors.AdminShutdown(),
        errors.CrashShutdown(),
        errors.CannotConnectNow(),
        errors.ConnectionFailure(),
    ],
    ids=lambda cause: type(cause).__name__,
)
async def test_a_write_under_which_the_connection_broke_is_repeated(cause: Exception) -> None:
    """When nobody can tell whether the write was committed it is made again (GRPC-02)."""
    write, made = failing_once(cause)
    assert await repeated_once(write) == "done"
    assert len(made) == 2


@pytest.mark.parametrize(
    "cause",
    [
        errors.QueryCanceled(),
        errors.LockNotAvailable(),
        errors.DeadlockDetected(),
        errors.SerializationFailure(),
        errors.TooManyConnections(),
        errors.DiskFull(),
        errors.ReadOnlySqlTransaction(),
        PoolTimeout(),
        PoolClosed(),
        TooManyRequests(),
        TimeoutError(),
        None,
    ],
    ids=lambda cause: type(cause).__name__,
)
async def test_nothing_else_is_repeated(cause: Exception | None) -> None:
    """A server that has had no time for a write, or has refused it, is not burdened with it twice."""
    write, made = failing_once(cause)
    with pytest.raises(Unavailable):
        await repeated_once(write)
    assert len(made) == 1
