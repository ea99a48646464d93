"""One run at a time on the same data."""

import fcntl
import os
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from tallystick.local import processes
from tallystick.local.errors import LocalServerError

PATIENCE_SECONDS = 60.0
POLL_SECONDS = 0.05


class RunLock:
    """Held by a run and by the watchman that outlives it, so that it is free once nothing of the run is left."""

    def __init__(self, data: Path) -> None:
        self._data = data
        self._file = data / "up.lock"
        self.descriptor = -1

    def __enter__(self) -> Self:
        """Take the lock, after what a killed run left has ended.

        Raises:
            LocalServerError: if another run has it.
        """
        self.descriptor = os.open(self._file, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not self._taken():
            holder = os.pread(self.descriptor, 20, 0).decode(errors="replace").strip()
            if self._is_running(holder) or time.monotonic() > deadline:
                os.close(self.descriptor)
                raise LocalServerError(
                    f"{self._data} is in use by process {holder}: stop that first, or choose another folder with --data"
                )
            time.sleep(POLL_SECONDS)
        os.ftruncate(self.descriptor, 0)
        os.pwrite(self.descriptor, f"{os.getpid()}\n".encode(), 0)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        os.close(self.descriptor)

    def _taken(self) -> bool:
        try:
            fcntl.flock(self.descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    @staticmethod
    def _is_running(holder: str) -> bool:
        return not holder.isdecimal() or processes.find(int(holder)) is not None
