"""What the server warns of is not taken for done: it may not have waited for its standby."""

from collections.abc import AsyncIterator

import pytest

from services.token.adapters.lost_connection import repeated_once
from tallystick.runtime.failures import Unavailable
from tallystick.runtime.postgres import AsyncPostgres
from tests.support.databases import Database

WARN = "DO $$ BEGIN RAISE WARNING 'canceling wait for synchronous replication'; END $$"
NOTE = "DO $$ BEGIN RAISE NOTICE 'by the way'; END $$"
READ_ONE = "SELECT 1 AS one"


@pytest.fixture
async def postgres(database: Database) -> AsyncIterator[AsyncPostgres]:
    pool = AsyncPostgres(database.dsn("tallystick_token"), name="token", size=1)
    await pool.open()
    yield pool
    await pool.close()


async def test_a_warning_is_no_success(postgres: AsyncPostgres) -> None:
    """Alone or with others a statement that was warned of cannot be answered, and the next one can."""
    with pytest.raises(Unavailable):
        await postgres.all(WARN)
    with pytest.raises(Unavailable):
        await postgres.together((READ_ONE, {}), (WARN, {}))
    assert await postgres.one(READ_ONE) == {"one": 1}


async def test_a_notice_is_nothing(postgres: AsyncPostgres) -> None:
    """What the server merely mentions does no harm."""
    await postgres.all(NOTE)
    assert await postgres.one(READ_ONE) == {"one": 1}


async def test_what_was_warned_of_is_not_repeated(postgres: AsyncPostgres) -> None:
    """It is done here already: the repeat would find it done, wait for nobody, and call it safe."""
    attempts = 0

    async def write() -> None:
        nonlocal attempts
        attempts += 1
        await postgres.all(WARN)

    with pytest.raises(Unavailable):
        await repeated_once(write)
    assert attempts == 1
