"""The partitions of `access_tokens`: made by LIKE, CHECK and ATTACH, left by DETACH CONCURRENTLY and DROP.

They lie in a schema of their own, as their owner may create nothing where others look names up.

None of these waits long for a lock, as whoever waits for a table makes others wait behind. They need a session of their
own: a lock of the session says which replica may, and DETACH CONCURRENTLY cannot run inside a transaction.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import LiteralString

import psycopg
from psycopg import AsyncConnection, sql
from psycopg.rows import DictRow, dict_row

from services.token.partition_plan import Partitions
from tallystick.runtime.failures import Unavailable
from tallystick.runtime.postgres import AsyncPostgres, conninfo, unavailable

_ROUND_SECONDS = 60.0
_SCHEMA = "partitions"
_NAME = re.compile(r"access_tokens_([0-9]{1,7})")

# Take the lock that says which replica may change partitions; it ends with the session.
TRY_LOCK: LiteralString = "SELECT pg_try_advisory_lock(7453886202) AS mine"

# Act as the owner of the partitioned tables, and never wait long for a lock.
ACT_AS_OWNER: LiteralString = "SET ROLE tallystick_partitions"
BOUND_WAITS: LiteralString = "SET lock_timeout = '2s'; SET statement_timeout = '30s'"

# The hour by Postgres's clock, the partitions, and the tables that were partitions once.
FIND_PARTITIONS: LiteralString = """
SELECT
    floor(extract(epoch FROM clock_timestamp()) / 3600)::integer AS hour,
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
            AND c.relname ~ '^access_tokens_[0-9]{1,7}$'
    ) AS detached
FROM pg_class t WHERE t.oid = 'access_tokens'::regclass
"""

# The check spares ATTACH a scan of the table.
CREATE: LiteralString = """
CREATE TABLE {partition} (
    LIKE access_tokens INCLUDING ALL,
    CONSTRAINT access_tokens_partition_check CHECK (bucket IS NOT NULL AND bucket = {hour})
)
"""
ATTACH: LiteralString = "ALTER TABLE access_tokens ATTACH PARTITION {partition} FOR VALUES IN ({hour})"
DETACH: LiteralString = "ALTER TABLE access_tokens DETACH PARTITION {partition} CONCURRENTLY"
FINISH_DETACHING: LiteralString = "ALTER TABLE access_tokens DETACH PARTITION {partition} FINALIZE"
DROP: LiteralString = "DROP TABLE {partition}"


class PostgresPartitions:
    """Implements `PartitionStore`: looks through the service's pool, and changes things on a session of its own."""

    def __init__(self, postgres: AsyncPostgres, partition_dsn: str) -> None:
        self._postgres = postgres
        self._conninfo = conninfo(partition_dsn, "token.partitions")

    async def found(self) -> Partitions:
        """Return which partitions there are."""
        return _partitions(await self._postgres.one(FIND_PARTITIONS))

    @asynccontextmanager
    async def session(self) -> AsyncIterator["PostgresPartitionSession | None"]:
        """Give the right to change partitions while the context lasts; None when another replica has it."""
        try:
            async with asyncio.timeout(_ROUND_SECONDS), await self._connect() as connection:
                row = await (await connection.execute(TRY_LOCK)).fetchone()
                yield PostgresPartitionSession(connection) if row is not None and row["mine"] else None
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

    def __init__(self, connection: AsyncConnection[DictRow]) -> None:
        self._connection = connection

    async def found(self) -> Partitions:
        """Return which partitions there are."""
        return _partitions(await (await self._connection.execute(FIND_PARTITIONS)).fetchone())

    async def create(self, hour: int) -> None:
        """Create the partition of an hour and attach it, together."""
        async with self._connection.transaction():
            await self._execute(CREATE, hour)
            await self._execute(ATTACH, hour)

    async def finish_detaching(self, hour: int) -> None:
        """Finish a detachment that was interrupted."""
        await self._execute(FINISH_DETACHING, hour)

    async def detach(self, hour: int) -> None:
        """Detach a partition without stopping those who read or write."""
        await self._execute(DETACH, hour)

    async def drop(self, hour: int) -> None:
        """Drop a detached partition with all that is in it."""
        await self._execute(DROP, hour)

    async def _execute(self, statement: LiteralString, hour: int) -> None:
        names = {"partition": sql.Identifier(_SCHEMA, f"access_tokens_{hour}"), "hour": sql.Literal(hour)}
        await self._connection.execute(sql.SQL(statement).format(**names))


def _partitions(row: DictRow | None) -> Partitions:
    if row is None:
        raise Unavailable("access_tokens cannot be found")
    return Partitions(
        hour=row["hour"],
        attached=_hours(row["attached"]),
        half_detached=_hours(row["half_detached"]),
        detached=_hours(row["detached"]),
    )


def _hours(names: Iterable[str]) -> frozenset[int]:
    return frozenset(int(match[1]) for match in map(_NAME.fullmatch, names) if match)
