"""Ends what a run started when the run itself was killed and could not.

`python -m tallystick.local.watchman` reads, line by line, the processes that are running now, as JSON. When its
standard input ends it ends the processes of the last line, the last of them first.
"""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Self

from tallystick.local import processes

# The second one is PostgreSQL's word for: do not wait for those who are connected.
STOP_REQUESTS = ((signal.SIGTERM, 5.0), (signal.SIGINT, 10.0))


class Watchman:
    """The watchman, as the run sees it. `descriptor` stays open until he has done his work."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def __enter__(self) -> Self:
        """Start him, in a session of his own."""
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tallystick.local.watchman"],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd=Path(__file__).parents[2],
            start_new_session=True,
            pass_fds=(self._descriptor,),
        )
        return self

    def notice(self) -> None:
        """Tell him which children this process has now; to be called after each start."""
        children = [each for each in processes.family(os.getpid()) if each.parent == os.getpid()]
        watched = [(each.pid, each.started) for each in children if each.pid != self._process.pid]
        if self._process.stdin is not None:
            self._process.stdin.write(json.dumps(watched).encode() + b"\n")
            self._process.stdin.flush()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.notice()
        self._process.communicate()


def main() -> None:
    """Wait until the run has ended, and end what is left of it."""
    for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(each, signal.SIG_IGN)
    last = ""
    for line in sys.stdin:
        last = line
    for pid, started in reversed(json.loads(last or "[]")):
        process = processes.find(pid)
        # Another process may have been given the number since.
        if process is not None and process.started == started:
            processes.end(process, STOP_REQUESTS)


if __name__ == "__main__":
    main()
