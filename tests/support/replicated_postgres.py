"""Two PostgreSQL servers, of which one follows the other, and a fail-over that leaves the old primary running."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg

from tallystick.local.errors import LocalServerError
from tallystick.local.postgres import INIT_SECONDS, INITIAL_DATABASE, MAINTENANCE_DATABASE, EmbeddedPostgres
from tallystick.oauth2.opaque_token import digest
from tallystick.schema.migrate import migrate
from tests.support import remains
from tests.support.databases import Database
from tests.support.embedded import EmbeddedPostgresServer, open_folder
from tests.support.ports import free_ports
from tests.support.secrets_ledger import LEDGER, Remains
from tests.support.store_proxy import StoreProxy

_STANDBY = "standby"
_PATIENCE_SECONDS = 20.0
# What whoever moves a primary has to do as well: connections find the server that takes writes.
_TO_THE_PRIMARY = "target_session_attrs=primary"


class _Standby(EmbeddedPostgres):
    """A server whose data is a copy of another's, which it follows."""

    def __init__(self, data: Path, *, port: int, followed: str) -> None:
        super().__init__(data, port=port, durable=False)
        self._followed = followed

    def _fill(self, folder: Path) -> None:
        password = urlsplit(self._followed).password
        self._directory.password_file.write_text(f"{password}\n")
        source = f"{self._followed}&application_name={_STANDBY}"
        command = [
            *(str(self._executable().with_name("pg_basebackup")), f"--pgdata={folder}", f"--dbname={source}"),
            *("--checkpoint=fast", "--wal-method=stream", "--write-recovery-conf", "--no-sync"),
        ]
        result = self._user.run(command, timeout=INIT_SECONDS)
        if result.returncode != 0:
            raise LocalServerError(f"the standby could not be made: {result.stdout.strip()}")


@dataclass(frozen=True, slots=True)
class ReplicatedDatabase(Database):
    """A database on two servers; its address names both, the one that follows first, and means the primary."""

    standby: EmbeddedPostgresServer = field(kw_only=True)

    def dsn(self, role: str | None = None) -> str:
        """Return its address for the owner, or acting as a role."""
        return self.standby_first(role)

    def primary_first(self, role: str | None = None) -> str:
        """Return an address by which the old primary is preferred for as long as it says that it is one."""
        return _at_both(self.server.dsn(self.name, role), self.standby.dsn(self.name, role))

    def standby_first(self, role: str | None = None) -> str:
        """Return an address by which the former standby is preferred once it is a primary."""
        return _at_both(self.standby.dsn(self.name, role), self.server.dsn(self.name, role))


def _at_both(first: str, second: str) -> str:
    parts = urlsplit(first)
    hosts = f"{parts.netloc},{urlsplit(second).netloc.rpartition('@')[2]}"
    return urlunsplit(parts._replace(netloc=hosts, query=f"{parts.query}&{_TO_THE_PRIMARY}"))


class ReplicatedPostgres:
    """A primary with a migrated database, a standby that follows it, and what connects the two."""

    def __init__(self, primary: EmbeddedPostgres, standby: EmbeddedPostgres, link: StoreProxy) -> None:
        self._primary = primary
        self._standby = standby
        self._link = link
        self.database = ReplicatedDatabase(
            EmbeddedPostgresServer(primary), INITIAL_DATABASE, standby=EmbeddedPostgresServer(standby)
        )

    @classmethod
    @contextmanager
    def running(cls, *, synchronous: bool) -> "Iterator[ReplicatedPostgres]":
        """Give two servers; if `synchronous` the primary acknowledges nothing that the standby does not have."""
        with open_folder() as folder:
            ports = free_ports(2)
            primary = EmbeddedPostgres(folder / "primary", port=ports[0], durable=False)
            primary.start()
            try:
                migrate(primary.dsn())
                with StoreProxy(primary.dsn()) as link:
                    followed = link.url(primary.dsn(MAINTENANCE_DATABASE))
                    standby = _Standby(folder / "standby", port=ports[1], followed=followed)
                    standby.start()
                    try:
                        both = cls(primary, standby, link)
                        both._replicate(synchronous=synchronous)
                        yield both
                        LEDGER.keep(*remains.of_database(both.database.name, both.database.dsn()))
                    finally:
                        standby.kill()
                        LEDGER.keep(Remains("log of a standby", standby.log.read_bytes()))
                        standby.remove()
            finally:
                primary.kill()
                LEDGER.keep(Remains("log of a deposed primary", primary.log.read_bytes()))
                primary.remove()

    @contextmanager
    def old_primary(self) -> Iterator[psycopg.Connection[tuple[object, ...]]]:
        """Give a connection of the owner to the server that was the first primary."""
        with psycopg.connect(self._primary.dsn(), autocommit=True, connect_timeout=5) as connection:
            yield connection

    @contextmanager
    def new_primary(self) -> Iterator[psycopg.Connection[tuple[object, ...]]]:
        """Give a connection of the owner to the server that was the standby."""
        with psycopg.connect(self._standby.dsn(), autocommit=True, connect_timeout=5) as connection:
            yield connection

    def new_primary_has(self, access_token: str) -> bool:
        """Tell whether the server that was the standby knows an access token."""
        query = "SELECT EXISTS (SELECT FROM access_tokens WHERE digest = %s)"
        with self.new_primary() as connection:
            return connection.execute(query, (digest(access_token),)).fetchone() == (True,)

    def addresses(self) -> tuple[str, str]:
        """Return the addresses of the old primary and of the new one."""
        return self._primary.dsn(), self._standby.dsn()

    @contextmanager
    def parted(self) -> Iterator[None]:
        """Keep the two from each other; nobody is promoted."""
        with self._link.cut():
            yield

    @contextmanager
    def failed_over(self) -> Iterator[None]:
        """Part the two and promote the standby; the old primary runs on and takes connections."""
        with self.parted():
            with self.new_primary() as connection:
                connection.execute("SELECT pg_promote(wait => true)")
            yield

    def _replicate(self, *, synchronous: bool) -> None:
        with self.old_primary() as connection:
            if synchronous:
                connection.execute(f"ALTER SYSTEM SET synchronous_standby_names = '{_STANDBY}'")
                connection.execute("SELECT pg_reload_conf()")
            wanted = "sync" if synchronous else "async"
            query = "SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming' AND sync_state = %s"
            until = time.monotonic() + _PATIENCE_SECONDS
            while connection.execute(query, (wanted,)).fetchone() != (1,):
                if time.monotonic() > until:
                    raise TimeoutError("the standby does not follow")
                time.sleep(0.05)
