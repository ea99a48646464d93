"""PgBouncer in transaction mode before a database, as the manifests configure it."""

import os
import re
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import psycopg

from tests.support.databases import Database
from tests.support.embedded import open_folder
from tests.support.environment import ROOT
from tests.support.ports import free_port

MANIFEST = ROOT / "deploy" / "kustomize" / "components" / "pgbouncer" / "pgbouncer.ini"
SERVER_CONNECTIONS = 4
"""How many it opens for each role."""
_PATIENCE_SECONDS = 15.0


@dataclass(frozen=True, slots=True)
class PooledDatabase(Database):
    """A database whose services sign in with passwords of their own, through the pooler; others go directly."""

    logins: Mapping[str, str] = field(kw_only=True, repr=False)
    port: int = field(kw_only=True)

    def dsn(self, role: str | None = None) -> str:
        """Return its address for the owner, or for a role."""
        if role not in self.logins:
            return self.server.dsn(self.name, role)
        return f"postgresql://{role}:{self.logins[role]}@127.0.0.1:{self.port}/{self.name}"


class PgBouncer:
    """The running pooler."""

    def __init__(self, folder: Path, database: Database, logins: Mapping[str, str], *, limits: bool) -> None:
        self.database = PooledDatabase(database.server, database.name, logins=logins, port=free_port())
        self._file = folder / "pgbouncer.ini"
        self._file.write_text(_configuration(database, folder, self.database.port, limits=limits))
        users = folder / "userlist.txt"
        users.write_text("".join(f'"{role}" "{password}"\n' for role, password in logins.items()))
        # Whom it becomes, as it does not run as root.
        self._as = ["-u", "nobody"] if os.geteuid() == 0 else []
        users.chmod(0o644)

    def start(self) -> None:
        """Start it, and return when it answers."""
        self._process = subprocess.Popen(
            ["pgbouncer", *self._as, str(self._file)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        role = next(iter(self.database.logins))
        until = time.monotonic() + _PATIENCE_SECONDS
        while time.monotonic() < until:
            with suppress(psycopg.OperationalError), psycopg.connect(self.database.dsn(role), connect_timeout=2):
                return
            time.sleep(0.05)
        raise TimeoutError("pgbouncer does not answer")

    def kill(self) -> None:
        """End it as a crash would."""
        self._process.kill()
        self._process.wait()


@contextmanager
def pooled(database: Database, logins: Mapping[str, str], *, limits: bool = True) -> Iterator[PgBouncer]:
    """Give a pooler before a database, for these roles and their passwords; it asks for our limits or for none."""
    with open_folder() as folder:
        pooler = PgBouncer(folder, database, logins, limits=limits)
        pooler.start()
        try:
            yield pooler
        finally:
            pooler.kill()


def _configuration(database: Database, folder: Path, port: int, *, limits: bool) -> str:
    """Return the manifests' configuration, at other addresses and without what came with PgBouncer 1.21."""
    server = urlsplit(database.dsn())
    text = MANIFEST.read_text()
    replaced = {
        r"^tallystick = host=\S+ port=\S+": f"{database.name} = host=127.0.0.1 port={server.port}",
        r"^listen_addr = .*": "listen_addr = 127.0.0.1",
        r"^listen_port = .*": f"listen_port = {port}",
        r"^auth_file = .*": f"auth_file = {folder / 'userlist.txt'}",
        r"^max_prepared_statements = .*": "",
        r"^default_pool_size = .*": f"default_pool_size = {SERVER_CONNECTIONS}",
        r"^server_tls_sslmode = .*": "server_tls_sslmode = disable",
    }
    if not limits:
        replaced[r" connect_query='.*'"] = ""
    for pattern, replacement in replaced.items():
        text, count = re.subn(pattern, replacement, text, flags=re.MULTILINE)
        if count != 1:
            raise AssertionError(f"{MANIFEST} has no line {pattern}")
    return text
