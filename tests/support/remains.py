"""What a run leaves in its stores, read whole: every row of a database, every key and value of Redis."""

from typing import Any

import psycopg
import redis
from psycopg import sql

from tests.support.secrets_ledger import Remains

# Every table, partitioned ones once; a partition that was detached is a table again.
FIND_TABLES = """
SELECT oid::regclass::text FROM pg_class
WHERE relkind IN ('r', 'p') AND NOT relispartition AND relnamespace = 'public'::regnamespace
"""
_OPTIONS = "-c lock_timeout=2s -c statement_timeout=10s -c bytea_output=hex"


def of_database(name: str, dsn: str) -> list[Remains]:
    """Return all rows, table by table; nothing when the server has gone, or a test has locked or ruined a table."""
    try:
        with psycopg.connect(dsn, autocommit=True, connect_timeout=5, options=_OPTIONS) as connection:
            tables = [sql.SQL(table) for (table,) in connection.execute(FIND_TABLES).fetchall()]
            with connection.pipeline():
                cursors = [
                    (each, connection.execute(sql.SQL("SELECT t::text FROM {} t").format(each))) for each in tables
                ]
                return [
                    Remains(
                        f"database {name}, table {table.as_string()}",
                        "\n".join(row for (row,) in cursor.fetchall()).encode(),
                    )
                    for table, cursor in cursors
                ]
    except (psycopg.OperationalError, psycopg.InternalError):
        return []


def of_redis(url: str) -> list[Remains]:
    """Return all keys with their values; nothing when the server has gone."""
    try:
        with redis.Redis.from_url(url, socket_timeout=5, socket_connect_timeout=5) as client:
            keys = list(client.scan_iter(count=1000))
            with client.pipeline(transaction=False) as pipeline:
                for key in keys:
                    pipeline.type(key)
                kinds = dict(zip(keys, pipeline.execute(), strict=True))
                for key, kind in kinds.items():
                    _ask(pipeline, kind, key)
                values = pipeline.execute()
    except (redis.ConnectionError, redis.TimeoutError):
        return []
    return [
        Remains(f"Redis, a key like {key.decode(errors='replace').rpartition(':')[0]}", key + b"\n" + _text(value))
        for key, value in zip(kinds, values, strict=True)
    ]


def _ask(pipeline: Any, kind: bytes, key: bytes) -> None:
    match kind:
        case b"string" | b"none":
            pipeline.get(key)
        case b"hash":
            pipeline.hgetall(key)
        case b"zset":
            pipeline.zrange(key, 0, -1)
        case b"set":
            pipeline.smembers(key)
        case b"list":
            pipeline.lrange(key, 0, -1)
        case _:
            raise AssertionError(f"nobody reads a Redis {kind!r} here")


def _text(value: Any) -> bytes:
    match value:
        case bytes():
            return value
        case dict():
            return b"\n".join(part for pair in value.items() for part in pair)
        case None:
            return b""
        case _:
            return b"\n".join(value)
