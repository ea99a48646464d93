"""Databases for tests: copies of one migrated template, and Redis databases with nothing in them."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import count

import psycopg
import redis
from psycopg import sql
from psycopg.rows import DictRow, dict_row

from tallystick.schema.migrate import migrate
from tests.support import remains
from tests.support.secrets_ledger import LEDGER
from tests.support.stores import PostgresServer, RedisServer

REVOCATION_WAIT_MS = 200
"""How long whoever ends something waits in tests, so long as they do not say otherwise; in earnest it is a second."""

# A sequence writes ahead to the log what it will give, and a copy of it knows nothing of that: after a crash it would
# give the same again. Set anew, it writes with the first number that it gives.
_SET_SEQUENCE_ANEW = (
    "SELECT setval(pg_get_serial_sequence('invalidations', 'position'), max(position)) FROM invalidations"
)

_TEMPLATE = "template_tallystick"
_MAINTENANCE = "postgres"


@dataclass(frozen=True, slots=True)
class Database:
    """A database of one server."""

    server: PostgresServer
    name: str

    def dsn(self, role: str | None = None) -> str:
        """Return its address for the owner, or acting as a role such as `tallystick_token`."""
        return self.server.dsn(self.name, role)

    @contextmanager
    def connect(self, role: str | None = None) -> Iterator[psycopg.Connection[DictRow]]:
        """Give a connection in autocommit whose rows are dictionaries."""
        with psycopg.connect(self.dsn(role), autocommit=True, row_factory=dict_row, connect_timeout=5) as connection:
            yield connection

    def set_revocation_wait(self, milliseconds: int) -> None:
        """Say for how long replicas may answer from memory, and whoever ends something waits; 0 is without leases.

        It holds at once, so no service may run on the database yet.
        """
        with self.connect() as connection:
            connection.execute("UPDATE lease_terms SET granted_ms = %(r)s, waited_ms = %(r)s", {"r": milliseconds})


class Databases:
    """Makes databases on one server. The template is migrated once, when the first copy is asked for."""

    def __init__(self, server: PostgresServer) -> None:
        self._server = server
        self._numbers = count(1)
        self._template_is_ready = False

    @contextmanager
    def migrated(self) -> Iterator[Database]:
        """Give a copy of the migrated template, and drop it afterwards."""
        if not self._template_is_ready:
            self._create(_TEMPLATE, "template1")
            migrate(self._server.dsn(_TEMPLATE))
            template = Database(self._server, _TEMPLATE)
            template.set_revocation_wait(REVOCATION_WAIT_MS)
            with template.connect() as connection:
                connection.execute(_SET_SEQUENCE_ANEW)
            self._template_is_ready = True
        with self._created(_TEMPLATE) as database:
            yield database

    @contextmanager
    def empty(self) -> Iterator[Database]:
        """Give a database without schema, and drop it afterwards."""
        with self._created("template1") as database:
            yield database

    @contextmanager
    def _created(self, template: str) -> Iterator[Database]:
        name = f"test_{next(self._numbers)}"
        self._create(name, template)
        try:
            yield Database(self._server, name)
        finally:
            LEDGER.keep(*remains.of_database(name, self._server.dsn(name)))
            # A server that the test has ended takes its databases along.
            with suppress(psycopg.OperationalError):
                self._execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))

    def _create(self, name: str, template: str) -> None:
        statement = sql.SQL("CREATE DATABASE {} TEMPLATE {}")
        self._execute(statement.format(sql.Identifier(name), sql.Identifier(template)))

    def _execute(self, statement: sql.Composed) -> None:
        with psycopg.connect(self._server.dsn(_MAINTENANCE), autocommit=True, connect_timeout=5) as connection:
            connection.execute(statement)


class RedisDatabases:
    """Lends the 16 numbered databases of one server; a lent one is empty."""

    def __init__(self, server: RedisServer) -> None:
        self._server = server
        self._free = list(reversed(range(16)))

    @contextmanager
    def lent(self) -> Iterator[str]:
        """Give the address of an empty database until the context is left."""
        number = self._free.pop()
        try:
            url = self._server.url(number)
            with redis.Redis.from_url(url, socket_timeout=5, socket_connect_timeout=5) as client:
                client.flushdb()
            yield url
        finally:
            LEDGER.keep(*remains.of_redis(self._server.url(number)))
            self._free.append(number)
