"""A disk that is full: what could be kept is kept, all else is unavailable, and with room everything works again."""

from collections.abc import Iterator

import pytest

from tests.integration.fault_scene import Need, Scene
from tests.integration.fault_steps import EVERY_STEP, IssuedToItself
from tests.support.cluster import running_cluster
from tests.support.databases import RedisDatabases
from tests.support.small_disk import SmallDiskPostgres

pytestmark = [pytest.mark.long, pytest.mark.needs("engine")]
MOST_THAT_FIT = 1000
BOUNDED_SECONDS = 6.0


@pytest.fixture
def server() -> Iterator[SmallDiskPostgres]:
    """A PostgreSQL of this test's own."""
    with SmallDiskPostgres.running() as server:
        yield server


@pytest.fixture
def scene(
    server: SmallDiskPostgres, redis_databases: RedisDatabases, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Scene]:
    """People and programs of a cluster on a small disk."""
    folder = tmp_path_factory.mktemp("disk")
    with (
        server.migrated() as database,
        redis_databases.lent() as redis_url,
        running_cluster(database, redis_url, folder) as cluster,
        Scene.at(cluster) as scene,
    ):
        yield scene


def test_the_disk_is_full(server: SmallDiskPostgres, scene: Scene) -> None:
    """No write is acknowledged that was not kept, reading goes on, and room is all it takes to mend (promise 5)."""
    steps, kept = [step(scene) for step in EVERY_STEP], []
    with server.disk_full():
        # Pages that have room left are filled first.
        last = next(step for step in steps if type(step) is IssuedToItself)
        while last.take().is_done():
            kept.append(last.page.json()["access_token"])
            assert len(kept) < MOST_THAT_FIT
        assert last.is_unavailable(), last
        for step in steps:
            step.take()
    for step in steps:
        assert step.seconds < BOUNDED_SECONDS, step
        assert step.is_done() or step.is_unavailable(), step
        # What is small may still find room.
        assert step.is_done() or Need.POSTGRES_WRITE in step.needs, step
    for step in steps:
        if not step.is_done():
            step.begin_again()
            assert step.take().is_done(), step
        assert step.holds(), step
    assert all(scene.is_live(token) for token in kept)
