"""Connections to Postgres that give up: a server may say nothing at all, which no timeout of its own can end."""

import asyncio
from contextlib import suppress

import psycopg
from psycopg import AsyncConnection, Connection
from psycopg.abc import RV, PQGen
from psycopg.pq import TransactionStatus
from psycopg.rows import DictRow
from psycopg.waiting import wait_async

_POLL_SECONDS = 0.1
_SILENCE_SECONDS = 3.0
_POLL_SILENCE_SECONDS = 1.2
_CANCEL_SECONDS = 0.5


class AbandoningConnection(AsyncConnection[DictRow]):
    """Closes itself when a statement is given up.

    The driver would first ask the server to cancel it: a server that hangs holds the caller up for another 10 s, and a
    commit that waits for its standby would be answered as if it had succeeded.
    """

    async def wait(
        self,
        gen: PQGen[RV],
        interval: float = _POLL_SECONDS,
        timeout: float | None = None,  # noqa: ASYNC109 - the driver's signature
    ) -> RV:
        """Wait for what a generator of the driver waits for."""
        try:
            return await wait_async(gen, self.pgconn.socket, interval, timeout)
        except asyncio.CancelledError:
            self.pgconn.finish()
            raise


class LookingConnection(AbandoningConnection):
    """Gives up on a server that says nothing, and only looks things up: the server may then end what was given up.

    What waits for a standby that is away would else stay on the server, one more connection each time.
    """

    async def wait(
        self,
        gen: PQGen[RV],
        interval: float = _POLL_SECONDS,
        timeout: float | None = None,  # noqa: ASYNC109 - the driver's signature
    ) -> RV:
        """Wait for what a generator of the driver waits for, a little longer than the server lets a poll run."""
        try:
            return await super().wait(gen, interval, _POLL_SILENCE_SECONDS if timeout is None else timeout)
        except psycopg.OperationalError:
            if self.pgconn.transaction_status == TransactionStatus.ACTIVE:
                with suppress(psycopg.Error):
                    await self.cancel_safe(timeout=_CANCEL_SECONDS)
                self.pgconn.finish()
            raise


class ImpatientConnection(Connection[DictRow]):
    """Gives up on a server that says nothing at all.

    It only looks things up: as `LookingConnection` it leaves nothing behind on the server.
    """

    def wait(self, gen: PQGen[RV], interval: float = _POLL_SECONDS, timeout: float | None = None) -> RV:
        """Wait for what a generator of the driver waits for, a little longer than the server lets a statement run."""
        try:
            return super().wait(gen, interval, _SILENCE_SECONDS if timeout is None else timeout)
        except psycopg.OperationalError:
            if self.pgconn.transaction_status == TransactionStatus.ACTIVE:
                with suppress(psycopg.Error):
                    self.cancel_safe(timeout=_CANCEL_SECONDS)
                self.pgconn.finish()
            raise
