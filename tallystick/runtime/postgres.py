"""Postgres: pools that check their connections, and the driver's errors told apart.

A statement that could not be answered raises `Unavailable`; a broken constraint stays a `psycopg.IntegrityError`, which
the adapter that knows the constraint's name translates. Reads and writes need the primary.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from threading import Thread
from typing import LiteralString, Self

import psycopg
from psycopg import AsyncConnection, Connection
from psycopg.conninfo import make_conninfo
from psycopg.errors import CheckViolation, Diagnostic, UndefinedTable
from psycopg.rows import DictRow, dict_row
from psycopg_pool import AsyncConnectionPool, ConnectionPool, PoolTimeout

from tallystick.runtime import postgres_limits
from tallystick.runtime.failures import Unavailable
from tallystick.runtime.lease.log import CONFIRM
from tallystick.runtime.log import logger
from tallystick.runtime.postgres_connections import AbandoningConnection, ImpatientConnection
from tallystick.runtime.settings import Settings
from tallystick.runtime.tracing.traces import NO_TRACES, Traces
from tallystick.schema import revision

_CONNECT_SECONDS = 3
_CHECKOUT_SECONDS = 2.0
_CALL_SECONDS = 5.0
_START_SECONDS = 15.0
# How long a lost connection is tried again; then whoever asks next begins anew. As the pool doubles its pauses it would
# else stay away for as long again as the server was.
_RECONNECT_SECONDS = 1.0
_MAX_LIFETIME_SECONDS = 1800.0
_PREPARED_AFTER = 5

# Makes a transaction wait for the synchronous standby at its end, if there is to be one, whatever else is in it.
CONFIRMED: LiteralString = "SELECT" + CONFIRM

_NETWORK = {"keepalives_idle": 10, "keepalives_interval": 5, "keepalives_count": 3, "tcp_user_timeout": 10_000}

Values = Mapping[str, object]
"""Named parameters of a statement."""

Statement = tuple[LiteralString, Values]
"""A statement and its named parameters."""


class NoPartition(Unavailable):
    """No partition of a table takes a row; it may find one later."""

    def __init__(self, table: str) -> None:
        super().__init__("there is no partition for this row")
        self.table = table


class AsyncPostgres:
    """A pool for the asynchronous services; rows come as dictionaries.

    Every statement has a deadline on the server, and checkout and statements together have one here. Unless told not to
    `prepare`, those that are run often are prepared.
    """

    def __init__(self, dsn: str, *, name: str, size: int, prepare: bool = True, traces: Traces = NO_TRACES) -> None:
        self._traces = traces
        self._looking: asyncio.Task[None] | None = None
        self._pool: AsyncConnectionPool[AsyncConnection[DictRow]] = AsyncConnectionPool(
            conninfo(dsn, name, postgres_limits.options(postgres_limits.STATEMENT_SECONDS)),
            open=False,
            min_size=min(2, size),
            max_size=size,
            timeout=_CHECKOUT_SECONDS,
            max_lifetime=_MAX_LIFETIME_SECONDS,
            check=self._checked,
            kwargs={"row_factory": dict_row, "autocommit": True, "prepare_threshold": prepared_after(prepare=prepare)},
            connection_class=AbandoningConnection,
        )

    @classmethod
    def from_settings(cls, settings: Settings, traces: Traces) -> Self:
        """Return a service's pool, which is not open yet."""
        return cls(
            settings.postgres_dsn.get_secret_value(),
            name=settings.service,
            size=settings.postgres_pool_size,
            prepare=settings.postgres_prepare,
            traces=traces,
        )

    async def _checked(self, connection: AsyncConnection[DictRow]) -> None:
        try:
            await AsyncConnectionPool.check_connection(connection)
        except psycopg.OperationalError:
            # The others are probably lost as well, as after a restart. Left to itself the pool would try one after the
            # other, with pauses that grow.
            if self._looking is None or self._looking.done():
                self._looking = asyncio.create_task(self._pool.check())
            raise

    async def open(self) -> None:
        """Connect and check limits and schema; raise `Unavailable`, `SettingsError` or `SchemaTooOld`."""
        try:
            await self._pool.open(wait=True, timeout=_START_SECONDS)
        except PoolTimeout:
            raise Unavailable(UNREACHABLE) from None
        self._pool.reconnect_timeout = _RECONNECT_SECONDS
        postgres_limits.check(await self.one(postgres_limits.READ_UNSET, postgres_limits.LONGEST))
        try:
            found = await self.one(revision.READ_REVISION)
        except UndefinedTable:
            found = None
        revision.check(None if found is None else found["version_num"])

    async def close(self) -> None:
        """Close every connection."""
        if self._looking is not None:
            self._looking.cancel()
        await self._pool.close()

    @property
    def stats(self) -> Mapping[str, int]:
        """What the pool tells of itself, by psycopg_pool's names; whatever has not happened yet is not among it."""
        return self._pool.get_stats()

    async def renew(self) -> None:
        """Replace every connection: those that there are may lead to a server that is the primary no more."""
        await self._pool.drain()

    async def all(self, statement: LiteralString, values: Values | None = None) -> Sequence[DictRow]:
        """Run one statement in a transaction of its own and return its rows."""
        async with self.transaction(statement) as connection:
            cursor = await connection.execute(statement, values)
            return await cursor.fetchall() if cursor.description else []

    async def one(self, statement: LiteralString, values: Values | None = None) -> DictRow | None:
        """Run one statement in a transaction of its own and return its first row, if any."""
        rows = await self.all(statement, values)
        return rows[0] if rows else None

    async def together(self, *statements: Statement) -> list[Sequence[DictRow]]:
        """Run statements in one transaction and return the rows of each: rows first, the log of invalidations last.

        They are sent in one go, so no lock waits for this process to answer; least of all the log's, behind which every
        other revocation would queue. They are statements of their own, so that rows are locked before the log: all
        writers do it in this order. A primary that was deposed never answers, not even that it has changed nothing.
        """
        async with self.transaction("; ".join(text for text, _ in statements)) as connection:
            async with connection.pipeline():
                # That nothing is there to be changed is an answer too, and nothing else would make it wait.
                await connection.execute(CONFIRMED, prepare=False)
                # Unprepared: a statement that an aborted pipeline skipped would be taken for prepared ever after.
                cursors = [await connection.execute(*statement, prepare=False) for statement in statements]
            return [await cursor.fetchall() if cursor.description else [] for cursor in cursors]

    @asynccontextmanager
    async def transaction(self, text: str = "") -> AsyncIterator[AsyncConnection[DictRow]]:
        """Give a connection in autocommit; several statements that belong together use its `transaction()`.

        `text` is of what will be run, for traces.
        """
        try:
            async with asyncio.timeout(_CALL_SECONDS):
                with self._traces.statement(text):
                    async with self._pool.connection() as connection:
                        with _undoubted(connection):
                            yield connection
        except (
            psycopg.OperationalError,
            psycopg.InterfaceError,
            psycopg.InternalError,
            TimeoutError,
            PoolTimeout,
        ) as error:
            raise unavailable(error) from error
        except CheckViolation as error:
            # A row that no partition takes is reported so, with the table and no constraint.
            if error.diag.constraint_name is not None:
                raise
            logger(__name__).error("partition_missing", table=error.diag.table_name)
            raise NoPartition(error.diag.table_name or "") from error


@contextmanager
def _undoubted(connection: AsyncConnection[DictRow]) -> Iterator[None]:
    """Raise `Unavailable` if the server warned of what it did, such as that it did not wait for its standby."""
    warnings: list[Diagnostic] = []

    def keep(notice: Diagnostic) -> None:
        if notice.severity_nonlocalized == "WARNING":
            warnings.append(notice)

    connection.add_notice_handler(keep)
    try:
        yield
    finally:
        connection.remove_notice_handler(keep)
    if warnings:
        # Without a cause, so that nobody takes the connection for lost and repeats what may be done already.
        logger(__name__).warning("database_in_doubt", detail="; ".join(each.message_primary or "" for each in warnings))
        raise Unavailable("the database cannot be asked now")


class SyncPostgres:
    """A pool for the synchronous service, which only looks things up: whoever asks has little patience."""

    def __init__(self, dsn: str, *, name: str, size: int, prepare: bool = True, traces: Traces = NO_TRACES) -> None:
        self._traces = traces
        self._looking: Thread | None = None
        self._pool: ConnectionPool[Connection[DictRow]] = ConnectionPool(
            conninfo(dsn, name, postgres_limits.options(postgres_limits.LOOKUP_SECONDS)),
            open=False,
            min_size=min(2, size),
            max_size=size,
            timeout=_CHECKOUT_SECONDS,
            max_lifetime=_MAX_LIFETIME_SECONDS,
            check=self._checked,
            kwargs={"row_factory": dict_row, "autocommit": True, "prepare_threshold": prepared_after(prepare=prepare)},
            connection_class=ImpatientConnection,
        )

    def _checked(self, connection: Connection[DictRow]) -> None:
        try:
            ConnectionPool.check_connection(connection)
        except psycopg.OperationalError:
            # As above; a thread of its own, since whoever asks shall not wait for it.
            if self._looking is None or not self._looking.is_alive():
                self._looking = Thread(target=self._pool.check, name="postgres-check", daemon=True)
                self._looking.start()
            raise

    def open(self) -> None:
        """Connect and check limits and schema; raise `Unavailable`, `SettingsError` or `SchemaTooOld`."""
        try:
            self._pool.open(wait=True, timeout=_START_SECONDS)
        except PoolTimeout:
            raise Unavailable(UNREACHABLE) from None
        self._pool.reconnect_timeout = _RECONNECT_SECONDS
        postgres_limits.check(self.one(postgres_limits.READ_UNSET, postgres_limits.LONGEST))
        try:
            found = self.one(revision.READ_REVISION)
        except UndefinedTable:
            found = None
        revision.check(None if found is None else found["version_num"])

    def close(self) -> None:
        """Close every connection."""
        self._pool.close()

    @property
    def stats(self) -> Mapping[str, int]:
        """What the pool tells of itself, as above."""
        return self._pool.get_stats()

    def one(self, statement: LiteralString, values: Values | None = None) -> DictRow | None:
        """Run one statement in a transaction of its own and return its first row, if any."""
        with translated(), self._traces.statement(statement), self._pool.connection() as connection:
            return connection.execute(statement, values).fetchone()

    def all(self, statement: LiteralString, values: Values | None = None) -> Sequence[DictRow]:
        """Run one statement in a transaction of its own and return its rows.

        Whatever the server has to say beside them, such as that it did not wait for its standby, makes them worthless.
        """
        notices: list[Diagnostic] = []
        with translated(), self._traces.statement(statement), self._pool.connection() as connection:
            connection.add_notice_handler(notices.append)
            try:
                rows = connection.execute(statement, values).fetchall()
            finally:
                connection.remove_notice_handler(notices.append)
            if notices:
                connection.close()
                raise psycopg.OperationalError("; ".join(each.message_primary or "" for each in notices))
            return rows

    def renew(self) -> None:
        """Replace every connection: those that there are may lead to a server that is the primary no more."""
        self._pool.drain()


UNREACHABLE = "the database cannot be reached: check TALLYSTICK_POSTGRES_DSN and that PostgreSQL is running"


def prepared_after(*, prepare: bool) -> int | None:
    """Return how often a statement is run before it is prepared, as the driver has it; None for never."""
    return _PREPARED_AFTER if prepare else None


def conninfo(dsn: str, name: str, options: str = "") -> str:
    """Complete a DSN: the primary of several hosts, a bounded wait for the network, our name in `pg_stat_activity`.

    What the DSN says of these stays, except that `options` are added to its own.
    """
    given = psycopg.conninfo.conninfo_to_dict(dsn)
    together = f"{given.get('options') or ''} {options}".strip()
    defaults = {"target_session_attrs": "primary", "connect_timeout": _CONNECT_SECONDS, **_NETWORK}
    return make_conninfo(
        dsn,
        application_name=f"tallystick.{name}",
        **{key: str(given.get(key) or value) for key, value in defaults.items()},
        **({"options": together} if together else {}),
    )


@contextmanager
def translated() -> Iterator[None]:
    """Turn the driver's troubles into `Unavailable`."""
    try:
        yield
    except (psycopg.OperationalError, psycopg.InterfaceError, psycopg.InternalError, PoolTimeout) as error:
        raise unavailable(error) from error


def unavailable(error: Exception) -> Unavailable:
    """Log what the driver said, which is not for callers, and return what they are told."""
    logger(__name__).warning("database_unavailable", error=type(error).__name__, detail=str(error)[:300])
    return Unavailable("the database cannot be asked now")
