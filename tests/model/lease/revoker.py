"""Whoever ends things and tells of it: the first one, one who comes again, and one who finds that it is over."""

from collections.abc import Callable
from typing import LiteralString

from tallystick.runtime.failures import Unavailable
from tallystick.runtime.lease.revocation_wait import RevocationWait
from tallystick.runtime.lease.view import Subject
from tests.model.lease.history import History
from tests.model.lease.network import Connection
from tests.model.lease.virtual_time import Host, Lost, Time

PATIENCE = 1.5


class _Statements:
    """Runs the statement that the real wait runs."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def one(self, statement: LiteralString) -> dict[str, int]:
        try:
            return await self._connection.call(lambda server: server.one(statement), patience=PATIENCE)
        except Lost:
            raise Unavailable("no answer") from None


class Revoker:
    """A replica of token or of authorize, which waits with the real wait before it reports anything dead.

    What it learns, and how long to wait, it asks one server: all that a program is connected to is one.
    """

    def __init__(self, host: Host, connect: Callable[[], Connection], time: Time, history: History) -> None:
        self.host = host
        self._connect = connect
        self._time = time
        self._history = history

    async def end(self, subject: Subject, along: list[Subject]) -> bool:
        """End something, or find that it is over; tell whether that could be reported."""
        connection = self._connect()
        wait = RevocationWait(_Statements(connection), clock=self.host.clock, sleep=self._sleep)
        try:
            ended = await connection.call(lambda server: server.end(subject, along), patience=PATIENCE)
            await self.host.stumble()
            await wait.until_final()
        except (Lost, Unavailable):
            return False
        self._history.reported(ended.death, self._time.now)
        return True

    async def enable(self, subject: Subject) -> None:
        """Let something live again."""
        try:
            await self._connect().call(lambda server: server.enable(subject), patience=PATIENCE)
        except Lost:
            return

    async def set_revocation_wait(self, old_ms: int, new_ms: int) -> bool:
        """Set *R*: a shorter one is granted first, and waited for once the old one is over; tell whether it is done."""
        try:
            await self._set(granted_ms=new_ms, waited_ms=max(old_ms, new_ms))
            if new_ms < old_ms:
                await self.host.sleep(old_ms / 1000)
                await self._set(waited_ms=new_ms)
        except Lost:
            return False
        return True

    async def _set(self, **terms: int) -> None:
        await self._connect().call(lambda server: server.set_terms(**terms), patience=PATIENCE)

    async def _sleep(self, seconds: float) -> None:
        await self.host.sleep(seconds)
