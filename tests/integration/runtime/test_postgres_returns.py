"""After an outage the pools are back at once, however long it took."""

import asyncio
from contextlib import closing

import pytest

from tallystick.runtime.failures import Unavailable
from tallystick.runtime.postgres import AsyncPostgres, SyncPostgres
from tests.support.databases import Database
from tests.support.stores import PostgresServer

ROLE = "tallystick_introspect"
READ_ONE = "SELECT 1 AS one"
QUESTIONS = 4


@pytest.mark.long
async def test_the_first_question_after_an_outage_is_answered(
    own_database: Database, own_postgres: PostgresServer
) -> None:
    """Pools that have failed for some seconds connect when they are asked, and not at the end of a longer pause."""
    asked = AsyncPostgres(own_database.dsn(ROLE), name="introspect", size=2)
    await asked.open()
    with closing(SyncPostgres(own_database.dsn(ROLE), name="introspect", size=2)) as blocking:
        blocking.open()
        own_postgres.kill()
        for _ in range(QUESTIONS):
            answers = await asyncio.gather(
                asked.one(READ_ONE), asyncio.to_thread(blocking.one, READ_ONE), return_exceptions=True
            )
            assert [type(answer) for answer in answers] == [Unavailable, Unavailable]
        own_postgres.restart()
        assert await asked.one(READ_ONE) == {"one": 1}
        assert await asyncio.to_thread(blocking.one, READ_ONE) == {"one": 1}
    await asked.close()
