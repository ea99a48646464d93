"""`tallystick`, run as scripts run it."""

import json
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tests.support.environment import program_environment

_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Ended:
    """How a command ended."""

    status: int
    out: str
    err: str

    @property
    def record(self) -> Any:
        """The one JSON object that it printed."""
        assert self.status == 0, self.err
        assert self.out.count("\n") == 1
        return json.loads(self.out)

    def line(self) -> str:
        """Return the one line on standard error that a failed command prints."""
        assert self.status != 0, self.out
        assert self.out == ""
        assert self.err.count("\n") == 1, self.err
        return self.err.rstrip("\n")


@dataclass(frozen=True, slots=True)
class Tallystick:
    """Runs commands in a folder, with settings named without `TALLYSTICK_`."""

    folder: Path
    settings: Mapping[str, object]

    def __call__(self, *arguments: object, stdin: str = "") -> Ended:
        """Run a command to its end."""
        ended = subprocess.run(
            [sys.executable, "-m", "tallystick.cli", *map(str, arguments)],
            cwd=self.folder,
            env=program_environment(self.settings),
            input=stdin,
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            check=False,
        )
        return Ended(ended.returncode, ended.stdout, ended.stderr)

    def json(self, *arguments: object, stdin: str = "") -> Any:
        """Run a command that succeeds and return its record."""
        return self(*arguments, "--json", stdin=stdin).record

    def given(self, **settings: object) -> "Tallystick":
        """Return the command with further settings; None takes one away."""
        together = {name: value for name, value in {**self.settings, **settings}.items() if value is not None}
        return replace(self, settings=together)
