"""The partitions of a table: made by LIKE, CHECK and ATTACH, left by DETACH CONCURRENTLY and DROP.

They lie in a schema of their own, as their owner may create nothing where others look names up.

None of these waits long for a lock, as whoever waits for a table makes others wait behind. They need a session of their
own: a lock of the session says which replica may, and DETACH CONCURRENTLY cannot run inside a transaction.
"""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import LiteralString

import psycopg
from psycopg import AsyncConnection, sql
from psycopg.rows import DictRow, dict_row

from services.token.partition_plan import PartitionedTable, Partitions
from tallystick.runtime.failures import Unavailable
from tallystick.runtime.postgres import AsyncPostgres, Values, conninfo, unavailable

_ROUND_SECONDS = 60.0
_SCHEMA = "partitions"

# Take the lock that says which replica may change partitions; it ends with the session.
TRY_LOCK: LiteralString = "SELECT pg_try_advisory_lock(7453886203) AS mine"

# Act as the owner of the partitioned tables, and never wait long for a lock.
ACT_AS_OWNER: LiteralString = "SET ROLE tallystick_partitions"
BOUND_WAITS: LiteralString = "SET lock_timeout = '2s'; SET statement_timeout = '30s'"

# The period by Postgres's clock, the table's partitions, and the tables that were partitions of it once.
FIND_PARTITIONS: LiteralString = """
SELECT
    floor(extract(epoch FROM clock_timestamp()) / %(period_seconds)s)::integer AS present,
    ARRAY(
        SELECT c.relname::text FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
        WHERE i.inhparent = t.oid AND NOT i.inhdetachpending
    ) AS attached,
    ARRAY(
        SELECT c.relname::text FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
        WHERE i.inhparent = t.oid AND i.inhdetachpending
    ) AS half_detached,
    ARRAY(
        SELECT c.relname::text FROM pg_class c
        WHERE c.relnamespace = 'partitions'::regnamespace AND c.relkind = 'r' AND NOT c.relispartition
            AND starts_with(c.relname, t.relname::text || '_')
    ) AS detached
FROM pg_class t WHERE t.oid = to_regclass(%(table)s)
"""

# The check spares ATTACH a scan of the table.
CREATE: LiteralString = """
CREATE TABLE {partition} (
    LIKE {table} INCLUDING ALL,
    CONSTRAINT {check} CHECK ({column} IS NOT NULL AND {column} = {period})
)
"""
ATTACH: LiteralString = "ALTER TABLE {table} ATTACH PARTITION {partition} FOR VALUES IN ({period})"
DETACH: LiteralString = "ALTER TABLE {table} DETACH PARTITION {partition} CONCURRENTLY"
FINISH_DETACHING: LiteralString = "ALTER TABLE {table} DETACH PARTITION {partition} FINALIZE"
DROP: LiteralString = "DROP TABLE {partition}"


class PostgresPartitions:
    """Implements `PartitionStore`: looks through the service's pool, and changes things on a session of its own."""

    def __init__(self, postgres: AsyncPostgres, partition_dsn: str, table: PartitionedTable) -> None:
        self._postgres = postgres
        self._conninfo = conninfo(partition_dsn, "token.partitions")
        self._table = table

    @property
    def table(self) -> PartitionedTable:
        """The table that has the partitions."""
        return self._table

    async def found(self) -> Partitions:
        """Return which partitions there are."""
        return _partitions(self._table, await self._postgres.one(FIND_PARTITIONS, _values(self._table)))

    @asynccontextmanager
    async def session(self) -> AsyncIterator["PostgresPartitionSession | None"]:
        """Give the right to change partitions while the context lasts; None when another replica has it."""
        try:
            async with asyncio.timeout(_ROUND_SECONDS), await self._connect() as connection:
                row = await (await connection.execute(TRY_LOCK)).fetchone()
                mine = row is not None and row["mine"]
                yield PostgresPartitionSession(connection, self._table) if mine else None
        except (psycopg.Error, TimeoutError) as error:
            raise unavailable(error) from error

    async def _connect(self) -> AsyncConnection[DictRow]:
        connection = await AsyncConnection.connect(self._conninfo, autocommit=True, row_factory=dict_row)
        try:
            await connection.execute(ACT_AS_OWNER)
            await connection.execute(BOUND_WAITS)
        except BaseException:
            await connection.close()
            raise
        return connection


class PostgresPartitionSession:
    """Implements `PartitionSession`."""

    def __init__(self, connection: AsyncConnection[DictRow], table: PartitionedTable) -> None:
        self._connection = connection
        self._table = table

    async def found(self) -> Partitions:
        """Return which partitions there are."""
        cursor = await self._connection.execute(FIND_PARTITIONS, _values(self._table))
        return _partitions(self._table, await cursor.fetchone())

    async def create(self, period: int) -> None:
        """Create the partition of a period and attach it, together."""
        async with self._connection.transaction():
            await self._execute(CREATE, period)
            await self._execute(ATTACH, period)

    async def finish_detaching(self, period: int) -> None:
        """Finish a detachment that was interrupted."""
        await self._execute(FINISH_DETACHING, period)

    async def detach(self, period: int) -> None:
        """Detach a partition without stopping those who read or write."""
        await self._execute(DETACH, period)

    async def drop(self, period: int) -> None:
        """Drop a detached partition with all that is in it."""
        await self._execute(DROP, period)

    async def _execute(self, statement: LiteralString, period: int) -> None:
        names = {
            "table": sql.Identifier(self._table.name),
            "column": sql.Identifier(self._table.column),
            "check": sql.Identifier(f"{self._table.name}_partition_check"),
            "partition": sql.Identifier(_SCHEMA, f"{self._table.name}_{period}"),
            "period": sql.Literal(period),
        }
        await self._connection.execute(sql.SQL(statement).format(**names))


def _values(table: PartitionedTable) -> Values:
    return {"table": table.name, "period_seconds": table.period_seconds}


def _partitions(table: PartitionedTable, row: DictRow | None) -> Partitions:
    if row is None:
        raise Unavailable(f"{table.name} cannot be found")
    return Partitions(
        table=table,
        present=row["present"],
        attached=_periods(table, row["attached"]),
        half_detached=_periods(table, row["half_detached"]),
        detached=_periods(table, row["detached"]),
    )


def _periods(table: PartitionedTable, names: Iterable[str]) -> frozenset[int]:
    numbers = (name.removeprefix(f"{table.name}_") for name in names)
    return frozenset(int(number) for number in numbers if number.isascii() and number.isdecimal())
