"""The account that runs the data services."""

import os
import pwd
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Self

from tallystick.local.errors import LocalServerError

# Accounts that systems bring along, the most fitting first. None is ever added.
UNPRIVILEGED_ACCOUNTS = ("postgres", "_postgres", "nobody")


@dataclass(frozen=True, slots=True)
class ServiceUser:
    """The account that runs the data services and owns their data.

    It is the caller's own, unless that is root: PostgreSQL refuses to run as root, so root steps down to an
    unprivileged account that exists already.
    """

    name: str
    uid: int
    gid: int
    stepped_down: bool

    @classmethod
    def current(cls) -> Self:
        """Return the account for this process's servers.

        Raises:
            LocalServerError: if root finds no unprivileged account.
        """
        uid = os.geteuid()
        if uid != 0:
            return cls(account_name(uid), uid, os.getegid(), stepped_down=False)
        for name in UNPRIVILEGED_ACCOUNTS:
            try:
                account = pwd.getpwnam(name)
            except KeyError:
                continue
            return cls(name, account.pw_uid, account.pw_gid, stepped_down=True)
        raise LocalServerError(
            f"root runs no data service and none of the accounts {', '.join(UNPRIVILEGED_ACCOUNTS)} exists: "
            "run this as an ordinary user"
        )

    def can_execute(self, path: Path) -> bool:
        """Tell whether this account can run a program, or go through a folder."""
        if not self.stepped_down:
            return os.access(path, os.X_OK)
        # Asked of the system as that account, as modes alone do not tell (access lists, mounts).
        return self.run(["/bin/sh", "-c", 'test -x "$1"', "sh", str(path)], timeout=10).returncode == 0

    def run(
        self, command: Sequence[str], *, timeout: float, stdin: IO[bytes] | int = subprocess.DEVNULL
    ) -> subprocess.CompletedProcess[str]:
        """Run a command to its end as this account, at most `timeout` seconds, and return its output."""
        return subprocess.run(
            command,
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=timeout,
            check=False,
            **self._options(),
        )

    def spawn(self, command: Sequence[str], *, output: IO[bytes] | int) -> subprocess.Popen[bytes]:
        """Start a command as this account, with a pipe to its standard input."""
        return subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=output, stderr=subprocess.STDOUT, **self._options()
        )

    def _options(self) -> dict[str, Any]:
        options: dict[str, Any] = {
            # The terminal's Ctrl-C goes to the foreground's process group, and who started the servers ends them.
            "start_new_session": True,
            "cwd": "/",
            "umask": 0o077,
            # Nothing of the caller's: PGDATA, PGPORT and locale would change what the servers do.
            "env": {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"},
        }
        if self.stepped_down:
            options |= {"user": self.uid, "group": self.gid, "extra_groups": []}
        return options


def account_name(uid: int) -> str:
    """Return the name of an account, or its number where the system knows no name."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)
