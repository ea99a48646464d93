"""What one question is told is of one moment, however much changes meanwhile."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from queue import SimpleQueue
from threading import Event
from typing import LiteralString

import pytest
from psycopg.rows import DictRow

from services.introspect.leased_records import LeasedRecords
from services.introspect.model import Freshness, Known, KnownRefreshToken
from tallystick.oauth2.opaque_token import AccessToken
from tallystick.oauth2.refresh_token import RefreshToken
from tallystick.runtime.failures import Failure, Unavailable
from tallystick.runtime.postgres import SyncPostgres, Values
from tests.integration.introspect.conftest import ROLE, records_without_a_lease
from tests.integration.introspect.rows import Rows
from tests.support.databases import Database

PHOTOS = "https://photos.example"
READ_AGAIN = Freshness(read_again=True)
ASKERS = 4
CHANGES = 150
PATIENCE_SECONDS = 20.0

COVER: LiteralString = """
WITH covered AS (
    INSERT INTO scope_covers (scope, resource, service) VALUES ('photos.read', %(resource)s, '/photos.v1.Albums/Get')
)
INSERT INTO invalidations (kind, key) VALUES ('policy', %(resource)s)
"""
UNCOVER: LiteralString = """
WITH uncovered AS (DELETE FROM scope_covers WHERE resource = %(resource)s)
INSERT INTO invalidations (kind, key) VALUES ('policy', %(resource)s)
"""
INSERT_SERVICE: LiteralString = """
INSERT INTO services (resource, service) VALUES (%(resource)s, '/photos.v1.Albums/Get')
"""


class CountedPostgres(SyncPostgres):
    """A pool that remembers what was sent."""

    def __init__(self, dsn: str) -> None:
        super().__init__(dsn, name="introspect", size=2)
        self.sent: list[str] = []

    def all(self, statement: LiteralString, values: Values | None = None) -> Sequence[DictRow]:
        """Run one statement."""
        self.sent.append(statement)
        return super().all(statement, values)


@pytest.fixture
def counted(database: Database) -> Iterator[CountedPostgres]:
    """A pool whose statements are counted."""
    with closing(CountedPostgres(database.dsn(ROLE))) as postgres:
        postgres.open()
        yield postgres


@pytest.fixture
def token(rows: Rows) -> AccessToken:
    """A token for a resource of its own module."""
    return rows.access_token(rows.client("photos.read", serves=[PHOTOS]), "photos.read", audience=PHOTOS)


def known(records: LeasedRecords, token: AccessToken) -> Known | Failure:
    """What is known of a token by a read of its own."""
    [outcome] = records.access_tokens([(token, READ_AGAIN)])
    return outcome


def test_a_read_is_one_statement(rows: Rows, counted: CountedPostgres, token: AccessToken) -> None:
    """A token takes one statement and its policy another, once for each version; others take one (INTR-07)."""
    more = [rows.access_token(rows.client("photos.read"), "photos.read", audience=PHOTOS) for _ in range(3)]
    grant = rows.grant(rows.client("photos.read"), "photos.read")

    def taken() -> int:
        count = len(counted.sent)
        counted.sent.clear()
        return count

    with records_without_a_lease(counted) as records:
        taken()
        assert isinstance(known(records, token), Known)
        assert taken() == 2
        found = records.access_tokens([(each, READ_AGAIN) for each in (token, *more)])
        assert all(isinstance(each, Known) for each in found)
        assert taken() == 1
        records.client(grant.client.client_id)
        assert taken() == 1
        presented: RefreshToken = grant.refresh_token
        [family] = records.refresh_tokens([(presented, READ_AGAIN)])
        assert isinstance(family, KnownRefreshToken)
        assert family.record is not None
        assert taken() == 1


def test_a_token_and_its_policy_are_of_one_version(
    database: Database, rows: Rows, postgres: SyncPostgres, token: AccessToken
) -> None:
    """While policy changes all the time no answer mixes what a scope covers before and after."""
    rows.execute(INSERT_SERVICE, resource=PHOTOS)
    changing = Event()
    changing.set()
    outcomes: SimpleQueue[Known | Failure] = SimpleQueue()
    told: list[Known | Failure] = []

    with records_without_a_lease(postgres) as records, ThreadPoolExecutor(ASKERS) as threads:

        def ask() -> None:
            while changing.is_set():
                outcomes.put(known(records, token))

        asking = [threads.submit(ask) for _ in range(ASKERS)]
        try:
            with database.connect() as owner:
                for number in range(CHANGES):
                    covered = number % 2 == 0
                    owner.execute(COVER if covered else UNCOVER, {"resource": PHOTOS})
                    # Now and then policy stands still for as long as it takes somebody to be told.
                    while number % 7 == 0 and not (told and covers(told[-1]) is covered):
                        told.append(outcomes.get(timeout=PATIENCE_SECONDS))
        finally:
            changing.clear()
        for each in asking:
            each.result()
    while not outcomes.empty():
        told.append(outcomes.get())
    for outcome in told:
        assert isinstance(outcome, Known | Unavailable)
        if isinstance(outcome, Known):
            assert outcome.record is not None
            assert outcome.policy is not None
            assert outcome.record.policy_version == outcome.policy.version
            assert outcome.record.covering == outcome.policy.covers.keys()
    assert {covers(outcome) for outcome in told} >= {True, False}


def covers(outcome: Known | Failure) -> bool | None:
    """Tell whether a token's scope covered anything by an answer; None without one."""
    return bool(outcome.record.covering) if isinstance(outcome, Known) and outcome.record is not None else None
