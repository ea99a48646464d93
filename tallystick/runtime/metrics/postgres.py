"""The pool of connections to Postgres, by its own account, read when somebody looks."""

from collections.abc import Callable, Iterator, Mapping

from prometheus_client import CollectorRegistry
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

_PREFIX = "tallystick_postgres_pool_"
# What psycopg_pool calls it, our name, and what it is.
_GAUGES = (
    ("pool_max", "max_connections", "Connections at the most."),
    ("pool_size", "connections", "Connections that there are, idle, in use or being made."),
    ("pool_available", "idle_connections", "Connections that nobody uses."),
    ("requests_waiting", "waiting", "How many wait for a connection."),
)
_COUNTERS = (
    ("requests_num", "requests", "How often a connection was asked for."),
    ("requests_queued", "queued", "How often none was idle, so that whoever asked had to wait."),
    ("requests_errors", "timeouts", "How often none came in time."),
    ("connections_errors", "connection_errors", "Attempts to connect that failed."),
    ("connections_lost", "connections_lost", "Connections that were found broken."),
)
_DURATIONS = (
    ("requests_wait_ms", "wait_seconds", "How long those who had to wait have waited, together."),
    ("usage_ms", "usage_seconds", "How long connections were in use, together."),
)


class PoolState(Collector):
    """Tells of a pool."""

    def __init__(self, registry: CollectorRegistry, stats: Callable[[], Mapping[str, int]]) -> None:
        self._stats = stats
        registry.register(self)

    def collect(self) -> Iterator[Metric]:
        """Return one moment's state; what has not happened yet is not among the pool's figures."""
        stats = self._stats()
        for key, name, what in _GAUGES:
            yield GaugeMetricFamily(_PREFIX + name, what, stats.get(key, 0))
        for key, name, what in _COUNTERS:
            yield CounterMetricFamily(_PREFIX + name, what, stats.get(key, 0))
        for key, name, what in _DURATIONS:
            yield CounterMetricFamily(_PREFIX + name, what, stats.get(key, 0) / 1000)
