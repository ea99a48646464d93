"""A program of ours as a process of its own: `python -m MODULE`."""

import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.support.environment import ROOT, program_environment

STOP_SECONDS = 20.0
_TAIL_LINES = 30


class ProcessDied(Exception):
    """A process ended, or did not do what it should; the text has the end of its logs."""


class AddressTaken(ProcessDied):
    """Somebody else took the port between its choice and the start."""


@dataclass(frozen=True, slots=True)
class Exit:
    """How a process ended."""

    code: int
    stdout: str
    stderr: str


class ProgramProcess:
    """A running program. Its output goes to `NAME.stdout` and `NAME.stderr` in a folder and stays there."""

    def __init__(
        self,
        name: str,
        module: str,
        folder: Path,
        *,
        arguments: Sequence[str] = (),
        settings: Mapping[str, object] | None = None,
        checkout: Path = ROOT,
    ) -> None:
        self.name = name
        self._out, self._err = folder / f"{name}.stdout", folder / f"{name}.stderr"
        with self._out.open("ab") as out, self._err.open("ab") as err:
            self._process = subprocess.Popen(
                [sys.executable, "-m", module, *arguments],
                cwd=checkout,
                env=program_environment(settings),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                # Ctrl-C is for pytest, which ends its processes in order.
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    @property
    def stdout(self) -> str:
        """What it has written to standard output so far."""
        return self._out.read_text(errors="replace")

    @property
    def stderr(self) -> str:
        """What it has written to standard error so far."""
        return self._err.read_text(errors="replace")

    def is_running(self) -> bool:
        """Tell whether it has not ended."""
        return self._process.poll() is None

    def wait(self, seconds: float) -> Exit:
        """Return how it ended; fail when it has not after so many seconds."""
        try:
            code = self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise ProcessDied(f"{self.name} still runs after {seconds} s\n{self.tail()}") from None
        return Exit(code, self.stdout, self.stderr)

    def terminate(self) -> None:
        """Ask it to end, and return at once."""
        self.resume()
        self._process.send_signal(signal.SIGTERM)

    def stop(self) -> Exit:
        """Ask it to end and return how it did."""
        self.terminate()
        return self.finish()

    def finish(self) -> Exit:
        """Return how it ended after it was asked to; a process that does not end is killed and reported."""
        try:
            return self.wait(STOP_SECONDS)
        finally:
            self.kill()

    def kill(self) -> None:
        """End it as a crash would; does nothing when it has ended."""
        self._process.kill()
        self._process.wait()

    def pause(self) -> None:
        """Stop it where it is, with its connections open."""
        self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on."""
        self._process.send_signal(signal.SIGCONT)

    def tail(self) -> str:
        """Return the end of what it wrote, for a person to read."""
        return "\n".join([*self.stdout.splitlines()[-_TAIL_LINES:], *self.stderr.splitlines()[-_TAIL_LINES:]])
