"""The programs of a run: Python modules of the checkout, each a process of its own with a log."""

import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tallystick.local.ports import is_answering

STOP_SECONDS = 10.0
LONGEST_REASON = 300


@dataclass(frozen=True, slots=True)
class Program:
    """A module to run: `arguments` are for everybody to see, `environment` is added to the caller's."""

    name: str
    module: str
    ports: tuple[int, ...]
    arguments: Sequence[str] = ()
    environment: Mapping[str, str] | None = None


class Child:
    """A running program. It gets no signal from the terminal: who started it ends it."""

    def __init__(self, program: Program, *, checkout: Path, logs: Path, environment: Mapping[str, str]) -> None:
        self.name = program.name
        self.log = logs / f"{program.name}.log"
        self._ports = program.ports
        # The run before is kept too, as it may have ended badly.
        if self.log.exists():
            self.log.replace(self.log.with_suffix(".log.1"))
        with os.fdopen(os.open(self.log, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", program.module, *program.arguments],
                cwd=checkout,
                env={**environment, "PYTHONUNBUFFERED": "1", **(program.environment or {})},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def exit_status(self) -> int | None:
        """How it ended, negative for a signal; None while it runs."""
        return self._process.poll()

    def is_ready(self) -> bool:
        """Tell whether it takes connections on all its ports."""
        return all(is_answering(port) for port in self._ports)

    def obituary(self) -> str:
        """Return one line about its end."""
        status = self.exit_status or 0
        if status < 0:
            return f"{self.name} was killed by {signal.Signals(-status).name} (see {self.log})"
        # What a program says to people is not JSON, and comes last.
        last = self.log.read_text("utf-8", "replace").rstrip("\n").rpartition("\n")[2].strip()
        reason = f": {last[:LONGEST_REASON]}" if last and not last.startswith("{") else ""
        return f"{self.name} ended with status {status}{reason} (see {self.log})"

    def ask_to_stop(self) -> None:
        """Ask it to end, and return at once; does nothing when it has ended."""
        self._process.send_signal(signal.SIGTERM)

    def stop(self) -> None:
        """Ask it to end, wait, and kill it when it does not."""
        self.ask_to_stop()
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self) -> None:
        """End it at once."""
        self._process.kill()
        self.wait()

    def wait(self) -> None:
        """Return when it has ended."""
        self._process.wait()
