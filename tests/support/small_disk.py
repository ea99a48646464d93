"""A PostgreSQL whose tables lie on a disk of 64 MB, which a test can fill."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Self

import psycopg

from tallystick.schema.migrate import migrate
from tests.support.containers import ContainerPostgres
from tests.support.databases import Database

_DISK = "/small"
_DATA, _FILLER = f"{_DISK}/data", f"{_DISK}/filler"
_DATABASE = "on_small_disk"
# Only the tables: where the log finds no room the server ends itself, and it is as if it were killed.
_CREATE_TABLESPACE = f"CREATE TABLESPACE small LOCATION '{_DATA}'"
_CREATE_DATABASE = f"CREATE DATABASE {_DATABASE} TABLESPACE small"


class SmallDiskPostgres(ContainerPostgres):
    """PostgreSQL with a small file system in memory."""

    @classmethod
    def new(cls) -> Self:
        """Return one that is not yet started."""
        server = super().new()
        server._container.with_tmpfs_mount(_DISK, "size=64m")  # noqa: SLF001 - its own
        return server

    @contextmanager
    def migrated(self) -> Iterator[Database]:
        """Give a migrated database on the small disk."""
        self._run(f"mkdir {_DATA} && chown postgres {_DATA}")
        with psycopg.connect(self.dsn("postgres"), autocommit=True) as owner:
            owner.execute(_CREATE_TABLESPACE)
            owner.execute(_CREATE_DATABASE)
        migrate(self.dsn(_DATABASE))
        yield Database(self, _DATABASE)

    @contextmanager
    def disk_full(self) -> Iterator[None]:
        """Leave no room on the disk, until the context is left."""
        self._run(f"! dd if=/dev/zero of={_FILLER} bs=4k")
        try:
            yield
        finally:
            self._run(f"rm {_FILLER}")

    def _run(self, command: str) -> None:
        code, output = self._container.get_wrapped_container().exec_run(["sh", "-c", command], user="root")
        assert code == 0, output.decode(errors="replace")
