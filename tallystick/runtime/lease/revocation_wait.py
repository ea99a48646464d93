"""The wait of whoever reports something dead: *R* from the moment it learnt so, holding no connection.

By then no lease is left that was given before the end was committed. It does not matter who ended it: whoever revokes a
token as the second, or presents one that somebody else has just revoked, is told no earlier than the first would be.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import LiteralString, Protocol

from psycopg.rows import DictRow

from tallystick.boot_clock import boot_seconds
from tallystick.runtime.failures import Unavailable
from tallystick.runtime.lease.log import READ_WAIT


class AnswersStatements(Protocol):
    """A database; `AsyncPostgres` is one."""

    async def one(self, statement: LiteralString) -> DictRow | None:
        """Run one statement and return its first row; raise `Unavailable`."""


class RevocationWait:
    """Lets time pass until what is dead is dead everywhere."""

    def __init__(
        self,
        postgres: AnswersStatements,
        *,
        clock: Callable[[], float] = boot_seconds,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._postgres = postgres
        self._clock = clock
        self._sleep = sleep

    async def until_final(self) -> None:
        """Return when no replica answers any more from what it read before this call.

        To be called once the end is committed or was found committed, and after the connection was given back. Raises
        `Unavailable` when nobody can say how long that takes: then nothing may be reported, and a repeat will wait.
        """
        learnt_at = self._clock()
        terms = await self._postgres.one(READ_WAIT)
        if terms is None:
            raise Unavailable("how long to wait cannot be told now")
        end = learnt_at + terms["waited_ms"] / 1000
        # A sleep may end a little early, and its clock may have stood while the machine slept.
        while (left := end - self._clock()) > 0:
            await self._sleep(left)
