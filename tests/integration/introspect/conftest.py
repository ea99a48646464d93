"""A database of the module's own, written by its owner and read as introspect reads it."""

from collections.abc import Iterator
from contextlib import closing

import pytest

from tallystick.runtime.postgres import SyncPostgres
from tests.integration.introspect.rows import Rows
from tests.support.databases import Database

ROLE = "tallystick_introspect"


@pytest.fixture(scope="module")
def rows(database: Database) -> Iterator[Rows]:
    """Writes rows as authorize and token would leave them."""
    with database.connect() as connection:
        yield Rows(connection)


@pytest.fixture(scope="module")
def postgres(database: Database) -> Iterator[SyncPostgres]:
    """The pool of introspect, with its role."""
    with closing(SyncPostgres(database.dsn(ROLE), name="introspect", size=2)) as pool:
        pool.open()
        yield pool
