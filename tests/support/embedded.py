"""Postgres and Valkey from wheels, where no container engine answers."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

from tallystick.local.postgres import EmbeddedPostgres
from tallystick.local.server import EmbeddedServer
from tallystick.local.valkey import EmbeddedValkey
from tests.support.ports import free_port
from tests.support.secrets_ledger import LEDGER, Remains


@contextmanager
def open_folder() -> Iterator[Path]:
    """Give a folder that every account can enter, unlike pytest's own: root's servers run as another account."""
    with tempfile.TemporaryDirectory(prefix="tallystick-test-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield folder


class _Embedded:
    """What both have in common."""

    def __init__(self, server: EmbeddedServer) -> None:
        self._server = server

    def pause(self) -> None:
        """Stop its processes where they are."""
        self._server.pause()

    def resume(self) -> None:
        """Let its processes go on."""
        self._server.resume()

    def kill(self) -> None:
        """End it as a crash would."""
        self._server.kill()

    def restart(self) -> None:
        """Start it, after ending it in order if it runs, and return when it answers."""
        self._server.stop()
        self._server.start()

    def mend(self) -> None:
        """Let it run again, whatever was done to it, and return when it answers."""
        if self._server.is_running():
            self._server.resume()
        else:
            self._server.start()


class EmbeddedPostgresServer(_Embedded):
    """PostgreSQL from its wheel."""

    def __init__(self, server: EmbeddedPostgres) -> None:
        super().__init__(server)
        self._postgres = server

    @classmethod
    @contextmanager
    def running(cls) -> Iterator[Self]:
        """Give a running server with nothing in it."""
        with open_folder() as folder:
            server = EmbeddedPostgres(folder / "postgres", port=free_port(), durable=False)
            server.start()
            try:
                yield cls(server)
            finally:
                server.kill()
                LEDGER.keep(Remains(f"log of {cls.__name__}", server.log.read_bytes()))
                server.remove()

    def dsn(self, database: str, role: str | None = None) -> str:
        """Return the address of a database for its owner, or acting as a role."""
        return self._postgres.dsn(database, role=role)


class EmbeddedRedisServer(_Embedded):
    """Valkey from its wheel; it keeps nothing over a restart."""

    def __init__(self, server: EmbeddedValkey) -> None:
        super().__init__(server)
        self._valkey = server

    @classmethod
    @contextmanager
    def running(cls) -> Iterator[Self]:
        """Give a running server with nothing in it."""
        with open_folder() as folder:
            server = EmbeddedValkey(folder / "valkey", port=free_port(), durable=False)
            server.start()
            try:
                yield cls(server)
            finally:
                server.kill()
                LEDGER.keep(Remains(f"log of {cls.__name__}", server.log.read_bytes()))
                server.remove()

    def url(self, database: int = 0) -> str:
        """Return the address of one of its 16 databases."""
        return self._valkey.url(database)
