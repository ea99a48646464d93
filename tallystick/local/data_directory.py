"""Where a server's data lies: its owner, its single user, its password and its log."""

import fcntl
import hashlib
import os
import secrets
import shutil
import stat
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from tallystick.local.errors import LocalServerError
from tallystick.local.service_user import ServiceUser, account_name
from tallystick.local.system_folder import make_system_folder


class DataDirectory:
    """A server's data at `path`, with `.log`, `.password` and `.lock` beside it.

    The data belongs to the service user; what lies beside it belongs to the caller. Where the service user cannot
    reach `path` (root's home, say) the data lies in the system folder and `path` is a link to it. No folder that
    exists already changes its mode.
    """

    def __init__(self, path: Path, user: ServiceUser, system_folder: Path) -> None:
        self.path = path.parent.resolve() / path.name
        self.log = self.path.with_name(f"{path.name}.log")
        self.password_file = self.path.with_name(f"{path.name}.password")
        self._lock_file = self.path.with_name(f"{path.name}.lock")
        self._lock: int | None = None
        self._user = user
        self._system_folder = system_folder
        digest = hashlib.sha256(os.fsencode(self.path)).hexdigest()
        self._elsewhere = self._system_folder / f"{path.name}-{digest[:16]}"

    def claim(self) -> None:
        """Make this process the only one that uses the data, until it releases it or ends.

        Raises:
            LocalServerError: if another has it.
        """
        self.path.parent.mkdir(parents=True, exist_ok=True)
        lock = os.open(self._lock_file, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(lock, 20).decode(errors="replace").strip()
            os.close(lock)
            raise LocalServerError(f"{self.path} is in use by process {holder}: stop that first") from None
        os.ftruncate(lock, 0)
        os.write(lock, f"{os.getpid()}\n".encode())
        self._lock = lock

    def release(self) -> None:
        """Let others use the data; does nothing when it is not claimed."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def locate(self) -> Path:
        """Return where the data lies, or will lie.

        Raises:
            LocalServerError: if what is there is not the service user's, or out of its reach.
        """
        if self.path.is_symlink():
            if self.path.readlink() != self._elsewhere:
                raise LocalServerError(f"{self.path} is a link to an unknown place: remove it")
            place = self._elsewhere
        elif self._user.can_execute(self.path.parent):
            place = self.path
        elif self.path.exists():
            raise LocalServerError(
                f"{self.path} is out of reach for {self._user.name}, which runs the server: delete it to start over"
            )
        else:
            place = self._elsewhere
        self._require_owner(place)
        return place

    @property
    def is_new(self) -> bool:
        """Tell whether there is no data yet, or no more: who deletes the link at `path` has deleted the data."""
        return not self.path.exists()

    def create(self, fill: Callable[[Path], None]) -> None:
        """Create the data, with a new password and what `fill` writes into an empty folder, wholly or not at all."""
        place = self.locate()
        if place == self._elsewhere:
            make_system_folder(self._system_folder)
        unfinished = place.with_name(f"{place.name}.new")
        for remnant in (unfinished, place):
            if remnant.exists():
                shutil.rmtree(remnant)
        unfinished.mkdir(mode=0o700)
        if self._user.stepped_down:
            os.chown(unfinished, self._user.uid, self._user.gid)
        self._draw_password()
        fill(unfinished)
        unfinished.rename(place)
        if place != self.path and not self.path.is_symlink():
            self.path.symlink_to(place)

    def delete(self) -> None:
        """Delete data and password; the log stays."""
        place = self.locate()
        if place.exists():
            shutil.rmtree(place)
        if self.path.is_symlink():
            self.path.unlink()
        self.password_file.unlink(missing_ok=True)

    def open_log(self) -> BinaryIO:
        """Open the log to append to it."""
        return os.fdopen(self._open_private(self.log, os.O_APPEND), "ab")

    def password(self) -> str:
        """Return the password.

        Raises:
            LocalServerError: if there is none.
        """
        try:
            return self.password_file.read_text().strip()
        except FileNotFoundError:
            raise LocalServerError(
                f"{self.password_file} is missing: start the server; if {self.path} exists, delete it to start over"
            ) from None

    def _draw_password(self) -> None:
        password = secrets.token_urlsafe(24)
        unfinished = self.password_file.with_name(f"{self.password_file.name}.new")
        with os.fdopen(self._open_private(unfinished, os.O_TRUNC), "w") as file:
            file.write(f"{password}\n")
        unfinished.rename(self.password_file)

    def _require_owner(self, place: Path) -> None:
        try:
            status = place.lstat()
        except FileNotFoundError:
            return
        if not stat.S_ISDIR(status.st_mode):
            raise LocalServerError(f"{place} is not a folder: remove it")
        if status.st_uid != self._user.uid:
            raise LocalServerError(
                f"{place} belongs to {account_name(status.st_uid)}, but the server would run as {self._user.name}: "
                "run this as before, or delete it to start over"
            )

    @staticmethod
    def _open_private(path: Path, flags: int) -> int:
        return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | flags, 0o600)
