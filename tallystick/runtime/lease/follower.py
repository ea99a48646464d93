"""Follows the log of invalidations from a thread, on a connection of its own; `async_follower` does so from a loop."""

from collections.abc import Callable, Sequence
from threading import Event, Thread

import psycopg
from psycopg.errors import Diagnostic
from psycopg.rows import DictRow, dict_row

from tallystick.boot_clock import boot_seconds
from tallystick.runtime.lease.log import POLL_SECONDS, READ_LOG, poll_of, poll_values
from tallystick.runtime.lease.view import View, after_poll
from tallystick.runtime.log import logger
from tallystick.runtime.postgres import conninfo, prepared_after
from tallystick.runtime.postgres_connections import ImpatientConnection

POLLING = "-c statement_timeout=1000 -c lock_timeout=1000 -c synchronous_commit=on"
"""What the connection that polls asks of the server."""

RETRY_SECONDS = 0.2
"""How long to wait after a connection failed."""

_log = logger(__name__)


class AnswerInDoubt(Exception):
    """The server has added a notice to its answer, such as that it did not wait for its standby."""


class Follower:
    """Keeps a `view` of the log. While Postgres cannot be asked the view stays, and its lease runs out."""

    def __init__(self, dsn: str, *, name: str, prepare: bool = True, clock: Callable[[], float] = boot_seconds) -> None:
        self._conninfo = conninfo(dsn, f"{name}.log", POLLING)
        self._prepared_after = prepared_after(prepare=prepare)
        self._clock = clock
        self._view = View()
        self._stopping = Event()
        self._thread = Thread(target=self._follow, name="follower", daemon=True)

    @property
    def view(self) -> View:
        """What is known of the log. Read it once for an answer, before the clock."""
        return self._view

    def start(self) -> None:
        """Begin; there is no lease until the first poll has been answered."""
        self._thread.start()

    def close(self) -> None:
        """End, within the time that one poll may take."""
        self._stopping.set()
        self._thread.join()

    def _follow(self) -> None:
        following = False
        while not self._stopping.is_set():
            try:
                with self._connected() as connection:
                    notices: list[Diagnostic] = []
                    connection.add_notice_handler(notices.append)
                    while not self._stopping.is_set():
                        limited = self._poll(connection, notices)
                        if not following:
                            _log.info("log_followed", position=self._view.position, timeline=self._view.timeline)
                        following = True
                        if not limited:
                            self._stopping.wait(POLL_SECONDS)
            except Exception as error:  # noqa: BLE001 - whatever it is, the next attempt may go better, and must be made
                if following:
                    _log.warning("log_not_followed", error=type(error).__name__, detail=str(error)[:300])
                following = False
                self._stopping.wait(RETRY_SECONDS)

    def _connected(self) -> psycopg.Connection[DictRow]:
        return ImpatientConnection.connect(
            self._conninfo, autocommit=True, row_factory=dict_row, prepare_threshold=self._prepared_after
        )

    def _poll(self, connection: psycopg.Connection[DictRow], notices: Sequence[Diagnostic]) -> bool:
        """Read the log once; tell whether there is more of it."""
        view, sent_at = self._view, self._clock()
        row = connection.execute(READ_LOG, poll_values(view)).fetchone()
        if row is None or notices:
            raise AnswerInDoubt("; ".join(each.message_primary or "" for each in notices) or "the log gave no row")
        poll = poll_of(view, row, sent_at=sent_at)
        self._view = after_poll(view, poll)
        return not poll.reached_end
