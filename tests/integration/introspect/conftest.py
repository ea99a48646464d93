"""A database of the module's own, written by its owner and read as introspect reads it."""

from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from threading import BoundedSemaphore

import pytest
from prometheus_client import CollectorRegistry

from services.introspect.adapters.metrics import AnswerCounts
from services.introspect.adapters.postgres_callers import CallerReads
from services.introspect.adapters.postgres_records import AccessTokenReads, PolicyReads, RefreshTokenReads
from services.introspect.batched_reads import BatchedReads, Found, Key, Places, ReadsTogether
from services.introspect.leased_records import LeasedRecords, Reading
from tallystick.boot_clock import boot_seconds
from tallystick.runtime.lease.view import View
from tallystick.runtime.postgres import SyncPostgres
from tests.integration.introspect.rows import Rows
from tests.support.databases import Database

ROLE = "tallystick_introspect"
ISSUER = "https://issuer.example"


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


@contextmanager
def records_without_a_lease(postgres: SyncPostgres) -> Iterator[LeasedRecords]:
    """Give records that are read anew for each question, as no log is followed."""
    with ExitStack() as resources:
        places = Places(BoundedSemaphore(8), BoundedSemaphore(8))

        def batched(read: ReadsTogether[Key, Found]) -> BatchedReads[Key, Found]:
            reads = BatchedReads(read, View, boot_seconds, places, postgres.renew)
            reads.start()
            return resources.enter_context(closing(reads))

        reading = Reading(
            tokens=batched(AccessTokenReads(postgres)),
            refresh_tokens=batched(RefreshTokenReads(postgres)),
            policies=batched(PolicyReads(postgres)),
            callers=batched(CallerReads(postgres)),
        )
        yield LeasedRecords(reading, View, boot_seconds, AnswerCounts(CollectorRegistry()), issuer=ISSUER, room=1000)


@pytest.fixture(scope="module")
def records(postgres: SyncPostgres) -> Iterator[LeasedRecords]:
    """What introspect says of rows as they are now."""
    with records_without_a_lease(postgres) as records:
        yield records
