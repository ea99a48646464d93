"""token as a process over real Postgres, with an authorize that tests control."""

from collections.abc import Iterator

import pytest

from tests.fakes.authorize_service import FakeAuthorize
from tests.integration.token.desk import Desk
from tests.support.databases import Database


@pytest.fixture(scope="module")
def authorize() -> Iterator[FakeAuthorize]:
    fake = FakeAuthorize()
    fake.start()
    yield fake
    fake.stop()


@pytest.fixture(scope="module")
def desk(database: Database, authorize: FakeAuthorize, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    # Tests change rows themselves, and nobody tells the service.
    database.set_revocation_wait(0)
    desk = Desk(database, authorize, tmp_path_factory.mktemp("token"))
    yield desk
    desk.close()
