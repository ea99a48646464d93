"""The database and the Redis of a run: the embedded servers, or those that the settings name."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from tallystick.local.errors import LocalServerError
from tallystick.local.given_settings import GivenSettings
from tallystick.local.postgres import EmbeddedPostgres
from tallystick.local.run_options import RunOptions
from tallystick.local.server import EmbeddedServer
from tallystick.local.valkey import EmbeddedValkey

ROLES = ("tallystick_authorize", "tallystick_token", "tallystick_introspect", "tallystick_partitions")
CONNECT_SECONDS = 10


@dataclass(frozen=True, slots=True)
class Stores:
    """Where they are; `postgres_dsn` is for a login that may act as the role of every service."""

    postgres_dsn: str = field(repr=False)
    migrate_dsn: str = field(repr=False)
    partition_dsn: str = field(repr=False)
    redis_url: str = field(repr=False)

    def dsn(self, role: str) -> str:
        """Return the address of the database, to act there as a role from the start."""
        return acting_as(self.postgres_dsn, role)

    def check_roles(self) -> None:
        """Return when the login may act as every role.

        Raises:
            LocalServerError: with a line that says what is missing.
        """
        for role in ROLES:
            try:
                psycopg.connect(self.dsn(role), connect_timeout=CONNECT_SECONDS).close()
            except psycopg.Error as error:
                reason = first_line(error)
                raise LocalServerError(
                    f"the user of TALLYSTICK_POSTGRES_DSN cannot act as {role}: GRANT it that role ({reason})"
                ) from None


class StoresOfRun:
    """Which servers a run starts, and what stands in for those that it does not."""

    def __init__(self, options: RunOptions, given: GivenSettings) -> None:
        self._options = options
        self._given = given
        self._postgres = EmbeddedPostgres(
            options.data / "postgres", port=options.ports["postgres"], port_hint=_hint("postgres")
        )
        self._valkey = EmbeddedValkey(options.data / "valkey", port=options.ports["valkey"], port_hint=_hint("valkey"))

    def servers(self) -> dict[str, EmbeddedServer]:
        """Return the servers to start, by the names of their ports."""
        postgres: dict[str, EmbeddedServer] = {} if self._given.database else {"postgres": self._postgres}
        valkey: dict[str, EmbeddedServer] = {} if self._given.redis_url else {"valkey": self._valkey}
        return postgres | valkey

    def ports_to_check(self) -> Sequence[str]:
        """Return the names of ports that must be free; a server left by a killed run still has its own."""
        left = [
            name for name, server in self.servers().items() if (self._options.data / name / server.pid_file).exists()
        ]
        unused = {"postgres", "valkey"} - self.servers().keys()
        unused |= set() if self._options.demo else {"photoprint", "photostorage"}
        return [name for name in self._options.ports if name not in left and name not in unused]

    def addresses(self) -> Stores:
        """Return where the stores are; those to be started must run by now."""
        postgres = self._given.database or self._postgres.dsn()
        migrate = self._given.secret("migrate_dsn") or postgres
        return Stores(
            postgres,
            migrate,
            self._given.secret("partition_dsn") or acting_as(migrate, "tallystick_partitions"),
            self._given.secret("redis_url") or self._valkey.url(),
        )


def acting_as(dsn: str, role: str) -> str:
    """Return a DSN with a role to act as, unless it names one already."""
    options = str(conninfo_to_dict(dsn).get("options") or "")
    return dsn if "role=" in options else make_conninfo(dsn, options=f"{options} -c role={role}".strip())


def first_line(error: Exception) -> str:
    """Return the first line of what a driver said."""
    return next(iter(str(error).strip().splitlines()), type(error).__name__)


def _hint(name: str) -> str:
    return f"choose another with --port {name}=NUMBER"
