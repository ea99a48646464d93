"""What is told of a pool, by the figures of a real one and by those of one that has seen trouble."""

import pytest
from prometheus_client import CollectorRegistry
from psycopg_pool import ConnectionPool

from tallystick.runtime.metrics.postgres import PoolState

PREFIX = "tallystick_postgres_pool_"
TROUBLED = {
    "pool_max": 10,
    "pool_size": 8,
    "pool_available": 1,
    "requests_waiting": 3,
    "requests_num": 100,
    "requests_queued": 40,
    "requests_errors": 2,
    "requests_wait_ms": 2500,
    "usage_ms": 12345,
    "connections_errors": 5,
    "connections_lost": 4,
}


def told(stats: dict[str, int]) -> dict[str, float]:
    """Return what is told of such figures."""
    registry = CollectorRegistry()
    PoolState(registry, lambda: stats)
    samples = [sample for metric in registry.collect() for sample in metric.samples]
    return {sample.name.removeprefix(PREFIX): sample.value for sample in samples}


def test_a_pool_in_trouble() -> None:
    """Every figure has its place, and times are in seconds."""
    assert told(TROUBLED) == {
        "max_connections": 10,
        "connections": 8,
        "idle_connections": 1,
        "waiting": 3,
        "requests_total": 100,
        "queued_total": 40,
        "timeouts_total": 2,
        "wait_seconds_total": 2.5,
        "usage_seconds_total": 12.345,
        "connection_errors_total": 5,
        "connections_lost_total": 4,
    }


def test_what_has_not_happened_is_zero() -> None:
    """A pool names only what has happened; a counter that appears with its first event would hide that one."""
    assert told({}).keys() == told(TROUBLED).keys()
    assert set(told({}).values()) == {0}


def test_the_names_are_those_of_the_real_pool() -> None:
    """The version of psycopg_pool that is installed still calls them so."""
    pool = ConnectionPool("postgresql://nobody@127.0.0.1:1/nothing", min_size=0, max_size=7, open=False)
    found = told(pool.get_stats())
    assert (found["max_connections"], found["connections"], found["waiting"]) == (7, 0, 0)
    assert TROUBLED.keys() & pool.get_stats().keys() >= {"pool_max", "pool_size", "pool_available", "requests_waiting"}


@pytest.mark.parametrize("stranger", ["pool_min", "connections_num", "returns_bad", "dsn"])
def test_nothing_else_is_told(stranger: str) -> None:
    """What the pool may add to its figures one day adds no series."""
    assert told({stranger: 17}) == told({})
