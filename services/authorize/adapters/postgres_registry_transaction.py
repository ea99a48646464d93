"""How the registry writes: rows first, the log of what must be read again last, all sent in one go.

The statements of a pipeline up to its end are one transaction, so none of its locks waits for this process to answer;
least of all the log's, behind which every other revocation would queue.
"""

from collections.abc import Sequence
from typing import LiteralString

from psycopg.rows import DictRow

from tallystick.runtime.postgres import AsyncPostgres, Values

Statement = tuple[LiteralString, Values]
"""A statement and its named parameters."""

# Says that whatever was read of this client, user or policy before must be read again.
LOG_INVALIDATION: LiteralString = "INSERT INTO invalidations (kind, key) VALUES (%(kind)s, %(key)s)"


def invalidation(kind: str, key: str) -> Statement:
    """Return the statement that writes the log; it belongs at the end."""
    return LOG_INVALIDATION, {"kind": kind, "key": key}


async def transact(postgres: AsyncPostgres, *statements: Statement) -> list[Sequence[DictRow]]:
    """Run statements as one transaction and return the rows of each; raise `Unavailable` or an `IntegrityError`."""
    async with postgres.transaction() as connection:
        async with connection.pipeline():
            # Unprepared: a statement that an aborted pipeline skipped would be taken for prepared ever after.
            cursors = [await connection.execute(statement, values, prepare=False) for statement, values in statements]
        return [await cursor.fetchall() if cursor.description else [] for cursor in cursors]
