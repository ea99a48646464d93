"""Files that nobody but their owner can read."""

import os
import stat
from pathlib import Path

_OTHERS = stat.S_IRWXO | stat.S_IWGRP | stat.S_IXGRP


class PrivateFileError(Exception):
    """A file that must be private cannot be used; the text is one line that says why."""


def write_private(path: Path, text: str) -> None:
    """Write a file with mode 0600, wholly or not at all."""
    unfinished = path.with_name(f"{path.name}.new")
    unfinished.unlink(missing_ok=True)
    with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    unfinished.rename(path)


def make_private_folder(path: Path) -> Path:
    """Create a folder with mode 0700 if needed, and return it; one that exists keeps its mode."""
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    return path


def read_private(path: Path) -> str:
    """Return the text of a file that others cannot read; a group may, if root owns it (Kubernetes Secrets).

    Raise `PrivateFileError`, whose text says what to do.
    """
    try:
        with path.open(encoding="utf-8") as file:
            status = os.fstat(file.fileno())
            text = file.read()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8"
        raise PrivateFileError(f"cannot read {path}: {reason}") from None
    open_to_group = bool(status.st_mode & stat.S_IRGRP) and status.st_uid != 0
    if status.st_mode & _OTHERS or open_to_group:
        raise PrivateFileError(f"{path} can be read or written by others: chmod 600 {path}")
    return text
