"""A client of a cluster knows at first nothing of who has which keys, and nodes may be away."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from tallystick.cli.checks.finding import Outcome
from tallystick.cli.checks.redis import examine_redis
from tallystick.runtime.failures import Unavailable
from tallystick.runtime.redis import AsyncRedis
from tallystick.runtime.redis_client import RedisClient, connect
from tests.support.redis_topologies import Topology, ValkeyProcess, cluster_of_three, wait_until_whole

pytestmark = pytest.mark.long

KEYS = [f"key:{number}" for number in range(20)]
NODES = range(3)


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Topology]:
    """A cluster whose first two nodes the address names; who ends nodes starts them again."""
    folder: Path = tmp_path_factory.mktemp("cluster")
    with cluster_of_three(folder) as topology:
        yield topology


@pytest.fixture
async def client(cluster: Topology) -> AsyncIterator[RedisClient]:
    """A client that has not asked anything yet."""
    async with connect(cluster.url) as fresh:
        yield fresh


@contextmanager
def away(cluster: Topology, *nodes: ValkeyProcess) -> Iterator[None]:
    """End nodes as a crash would; afterwards they are back, empty."""
    for node in nodes:
        node.kill()
    try:
        yield
    finally:
        for node in nodes:
            node.start()
        wait_until_whole(cluster)


async def test_it_begins_with_many_commands(client: RedisClient) -> None:
    """Three commands for each connection are all answered, though at first nobody knows who has their keys."""
    answers = await asyncio.gather(*(client.incr(f"count:{number % 3}") for number in range(300)))
    assert sorted(answers) == sorted([*range(1, 101)] * 3)


@pytest.mark.parametrize("number", NODES)
async def test_it_begins_while_a_node_is_away(cluster: Topology, client: RedisClient, number: int) -> None:
    """Whichever node it is, the keys of the others are found, and its own are said to be out of reach."""
    lost = cluster.servers[number]
    elsewhere = {key: cluster.server_of(key) is not lost for key in KEYS}
    assert set(elsewhere.values()) == {True, False}
    with away(cluster, lost):
        assert await written(client) == elsewhere


async def test_it_loses_a_node_while_commands_are_under_way(cluster: Topology, client: RedisClient) -> None:
    """Nobody hears of anything but that Redis cannot be asked, and afterwards all keys are there again."""
    await AsyncRedis(client).open()
    asking = asyncio.gather(*(written(client) for _ in range(30)))
    assert await is_written(client, "key")
    with away(cluster, cluster.servers[0]):
        await asking
    assert set((await written(client)).values()) == {True}


async def test_without_any_node_nothing_is_known(cluster: Topology, client: RedisClient) -> None:
    """Neither who was connected nor who begins gets another answer than that it cannot be told."""
    async with connect(cluster.url) as late:
        assert await is_written(client, "key")
        with away(cluster, *cluster.servers):
            assert [await is_written(each, "key") for each in (client, late)] == [False, False]
        assert await is_written(late, "key")


def test_the_doctor_looks_at_every_node(cluster: Topology) -> None:
    """One node that may forget what it was given is enough to be warned of, and so is one that is away."""
    assert examine_redis(cluster.url)[0].outcome is Outcome.OK
    last = cluster.servers[-1]
    with cluster.client(last) as node:
        node.config_set("maxmemory-policy", "allkeys-lru")
        assert examine_redis(cluster.url)[0].outcome is Outcome.WARN
        node.config_set("maxmemory-policy", "noeviction")
    with away(cluster, last):
        assert examine_redis(cluster.url)[0].outcome is Outcome.FAIL


async def written(client: RedisClient) -> Mapping[str, bool]:
    """Write all keys, and tell which could be."""
    return {key: await is_written(client, key) for key in KEYS}


async def is_written(client: RedisClient, key: str) -> bool:
    """Write a key, and tell whether it could be."""
    try:
        await AsyncRedis(client).set(key, b"value", seconds=60)
    except Unavailable:
        return False
    return True
