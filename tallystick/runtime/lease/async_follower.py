"""Follows the log of invalidations from a loop, on a connection of its own; `follower` does so from a thread."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Self

from psycopg.errors import Diagnostic
from psycopg.rows import DictRow, dict_row

from tallystick.boot_clock import boot_seconds
from tallystick.runtime.lease.follower import POLLING, RETRY_SECONDS, AnswerInDoubt
from tallystick.runtime.lease.log import POLL_SECONDS, READ_LOG, poll_of, poll_values
from tallystick.runtime.lease.view import View, after_poll
from tallystick.runtime.log import logger
from tallystick.runtime.postgres import conninfo, prepared_after
from tallystick.runtime.postgres_connections import LookingConnection
from tallystick.runtime.settings import Settings

_log = logger(__name__)


class AsyncFollower:
    """Keeps a `view` of the log. While Postgres cannot be asked the view stays, and its lease runs out."""

    def __init__(self, dsn: str, *, name: str, prepare: bool = True, clock: Callable[[], float] = boot_seconds) -> None:
        self._conninfo = conninfo(dsn, f"{name}.log", POLLING)
        self._prepared_after = prepared_after(prepare=prepare)
        self._clock = clock
        self._view = View()
        self._following = False
        self._task: asyncio.Task[None] | None = None

    @classmethod
    def from_settings(cls, settings: Settings) -> Self:
        """Return a service's follower, which has not begun yet."""
        return cls(settings.postgres_dsn.get_secret_value(), name=settings.service, prepare=settings.postgres_prepare)

    @property
    def view(self) -> View:
        """What is known of the log. Read it once for an answer, before the clock."""
        return self._view

    async def __aenter__(self) -> Self:
        """Begin; there is no lease until the first poll has been answered."""
        self._task = asyncio.create_task(self._follow())
        return self

    async def __aexit__(self, *_: object) -> None:
        """End at once."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    async def _follow(self) -> None:
        while True:
            try:
                await self._follow_on_one_connection()
            except Exception as error:  # noqa: BLE001 - whatever it is, the next attempt may go better, and must be made
                if self._following:
                    _log.warning("log_not_followed", error=type(error).__name__, detail=str(error)[:300])
                self._following = False
                await asyncio.sleep(RETRY_SECONDS)

    async def _follow_on_one_connection(self) -> None:
        connection = await LookingConnection.connect(
            self._conninfo, autocommit=True, row_factory=dict_row, prepare_threshold=self._prepared_after
        )
        async with connection:
            notices: list[Diagnostic] = []
            connection.add_notice_handler(notices.append)
            while True:
                limited = await self._poll(connection, notices)
                if not self._following:
                    _log.info("log_followed", position=self._view.position, timeline=self._view.timeline)
                self._following = True
                if not limited:
                    await asyncio.sleep(POLL_SECONDS)

    async def _poll(self, connection: LookingConnection, notices: Sequence[Diagnostic]) -> bool:
        """Read the log once; tell whether there is more of it."""
        view, sent_at = self._view, self._clock()
        cursor = await connection.execute(READ_LOG, poll_values(view))
        row: DictRow | None = await cursor.fetchone()
        if row is None or notices:
            raise AnswerInDoubt("; ".join(each.message_primary or "" for each in notices) or "the log gave no row")
        poll = poll_of(view, row, sent_at=sent_at)
        self._view = after_poll(view, poll)
        return not poll.reached_end
