"""Starts the parts of a run one after the other, watches them, and ends them in reverse."""

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

from tallystick.local.children import Child, Program
from tallystick.local.errors import LocalServerError
from tallystick.local.progress import Progress
from tallystick.local.server import EmbeddedServer
from tallystick.local.stop_request import StopRequest
from tallystick.local.watchman import Watchman

START_SECONDS = 60.0
POLL_SECONDS = 0.05

Result = TypeVar("Result")


class Supervisor:
    """Holds what is running. Between two steps, and while it waits, it heeds Ctrl-C."""

    def __init__(self, checkout: Path, logs: Path, progress: Progress, watchman: Watchman) -> None:
        self._checkout = checkout
        self._logs = logs
        self._progress = progress
        self._watchman = watchman
        self._servers: list[EmbeddedServer] = []
        self._children: list[Child] = []
        self._stack = ExitStack()
        self._stop_request = StopRequest(self._kill)

    def do(self, what: str, act: Callable[[], Result]) -> Result:
        """Do something that leaves nothing running behind; raises `Stopping` if somebody asked for the end."""
        self._stop_request.check()
        with self._progress.step(what):
            return act()

    def start_server(self, server: EmbeddedServer) -> None:
        """Start a server from a wheel.

        Raises:
            LocalServerError: with one line that says why it cannot.
            Stopping: if somebody asked for the end.
        """
        self._stop_request.check()
        with self._progress.step(server.title):
            server.start()
            self._servers.append(server)
            self._stack.callback(server.stop)
            self._watchman.notice()

    def start_programs(self, what: str, programs: Sequence[Program], environment: Mapping[str, str]) -> None:
        """Start programs at the same time, and return when all of them answer.

        Raises:
            LocalServerError: with one line that says which of them did not, and where its log is.
            Stopping: if somebody asked for the end.
        """
        self._stop_request.check()
        with self._progress.step(what):
            started: list[Child] = []
            self._stack.callback(_stop_together, started)
            for program in programs:
                started.append(Child(program, checkout=self._checkout, logs=self._logs, environment=environment))
                self._watchman.notice()
            self._children += started
            deadline = time.monotonic() + START_SECONDS
            while not all(child.is_ready() for child in started):
                self._check()
                if time.monotonic() > deadline:
                    late = next(child for child in started if not child.is_ready())
                    raise LocalServerError(f"{late.name} does not answer after {START_SECONDS:.0f} s (see {late.log})")
                time.sleep(POLL_SECONDS)

    def watch(self) -> None:
        """Return never.

        Raises:
            LocalServerError: with one line about whatever ended by itself.
            Stopping: when somebody asks for the end.
        """
        while True:
            self._check()
            time.sleep(POLL_SECONDS)

    def __enter__(self) -> Self:
        self._stop_request.listen()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Stop everything, the youngest first."""
        if self._children or self._servers:
            with self._progress.step("stopping", done="stopped"):
                self._stack.close()

    def _check(self) -> None:
        self._stop_request.check()
        for child in self._children:
            if child.exit_status is not None:
                raise LocalServerError(child.obituary())
        for server in self._servers:
            if not server.is_running():
                raise LocalServerError(f"{server.title} has ended (see {server.log})")

    def _kill(self) -> None:
        self._progress.abandon()
        for child in self._children:
            child.kill()


def _stop_together(children: Sequence[Child]) -> None:
    for child in children:
        child.ask_to_stop()
    for child in children:
        child.stop()
