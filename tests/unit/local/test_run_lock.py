"""One run at a time on the same data."""

import os
from pathlib import Path

import pytest

from tallystick.local.errors import LocalServerError
from tallystick.local.run_lock import RunLock


def test_a_second_run_is_refused(tmp_path: Path) -> None:
    """While one run has the data another is told which; afterwards it may have it."""
    with (
        RunLock(tmp_path),
        pytest.raises(LocalServerError, match=f"in use by process {os.getpid()}"),
        RunLock(tmp_path),
    ):
        pass
    with RunLock(tmp_path):
        pass


def test_the_lock_is_no_link(tmp_path: Path) -> None:
    """A link in the place of the lock is not followed."""
    (tmp_path / "up.lock").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError, match="symbolic links"), RunLock(tmp_path):
        pass
