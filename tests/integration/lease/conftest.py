"""Replicas to be hammered and tormented: one arena for each file."""

from collections.abc import Iterator

import pytest

from tests.integration.lease.hammer import Arena
from tests.support.databases import Database


@pytest.fixture(scope="module")
def lease_seconds() -> float:
    """*R* as deployed; the file that runs each time takes less, as it has less time."""
    return 1.0


@pytest.fixture(scope="module")
def arena(
    database: Database, redis_url: str, tmp_path_factory: pytest.TempPathFactory, lease_seconds: float
) -> Iterator[Arena]:
    with Arena.over(database, redis_url, tmp_path_factory.mktemp("arena"), lease_seconds=lease_seconds) as arena:
        yield arena
