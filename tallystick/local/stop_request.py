"""Ctrl-C, SIGTERM and a closed terminal: asked once, a run stops in order; asked twice, at once."""

import os
import signal
from collections.abc import Callable
from types import FrameType

STOPPED_AT_ONCE = 130


class Stopping(Exception):
    """Somebody asked for the end while the run was starting."""


class StopRequest:
    """Whether somebody asked for the end. `kill` is what the second request does before the process ends."""

    def __init__(self, kill: Callable[[], None]) -> None:
        self.requested = False
        self._kill = kill

    def listen(self) -> None:
        """Take the signals from now on."""
        for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(each, self._take)

    def check(self) -> None:
        """Raise `Stopping` if somebody asked."""
        if self.requested:
            raise Stopping

    def _take(self, _: int, __: FrameType | None) -> None:
        if self.requested:
            self._kill()
            os._exit(STOPPED_AT_ONCE)
        self.requested = True
