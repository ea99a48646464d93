"""Every query of the dashboard and every alert, asked of Debian's Prometheus about a system in trouble."""

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from urllib.parse import urlsplit

import grpc
import httpx
import pytest

from tests.support.cluster import SERVICES, Cluster, running_cluster
from tests.support.databases import Databases
from tests.support.monitoring import RUNBOOKS, Query, alerts, dashboard_queries, promql_of, write_rules
from tests.support.prometheus import Prometheus, Series, running_prometheus
from tests.support.stores import PostgresServer, RedisServer
from tests.support.traffic import Traffic

pytestmark = [pytest.mark.long, pytest.mark.needs("prometheus"), pytest.mark.timeout(300)]

TRAFFIC_SECONDS, FAULT_SECONDS, QUIET_SECONDS = 20.0, 6.0, 4.0
PEOPLE, BETWEEN_CALLS_SECONDS = 4, 0.1
WINDOW = ("$__rate_interval", "5s")
"""What Grafana puts there, and what it would for scrapes that are a second apart."""
# Prometheus leaves a label without a value away.
SOMETIMES_WITHOUT_VALUE = {"reason"}
# What has come about by the end; those that must last a minute are pending when their cause is gone.
TOLD = {
    "TallystickRefreshTheft": "firing",
    "TallystickCodeReplayed": "firing",
    "TallystickPostgresUnreachable": "pending",
    "TallystickPostgresPoolExhausted": "pending",
    "TallystickRedisUnreachable": "pending",
    "TallystickSignInErrors": "pending",
}


@dataclass(frozen=True, slots=True)
class Observed:
    """A Prometheus, and between which moments (in seconds since 1970) something happened."""

    prometheus: Prometheus
    start: float
    end: float


@pytest.fixture(scope="module")
def observed(
    fragile_databases: Databases,
    fragile_postgres: PostgresServer,
    fragile_redis: RedisServer,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Observed]:
    """Two replicas of introspect and one of each other, with traffic, then without each store, then with traffic."""
    folder = tmp_path_factory.mktemp("observed")
    settings = {"POSTGRES_POOL_SIZE": 2}
    with (
        fragile_databases.migrated() as database,
        running_cluster(database, fragile_redis.url(), folder, introspect=2, settings=settings) as cluster,
        running_prometheus(folder, jobs(cluster), write_rules(folder)) as prometheus,
        Traffic(cluster) as traffic,
    ):
        start = time.time()
        busy(traffic, TRAFFIC_SECONDS)
        for store in (fragile_postgres, fragile_redis):
            store.pause()
            try:
                busy(traffic, FAULT_SECONDS)
            finally:
                store.mend()
            time.sleep(QUIET_SECONDS)
        # A replica that starts looks for what is to be deleted.
        cluster.token.stop()
        cluster.token = cluster.start("token", {"METRICS_LISTEN": urlsplit(cluster.token.metrics_url).netloc})
        busy(traffic, QUIET_SECONDS)
        yield Observed(prometheus, start, time.time())


def jobs(cluster: Cluster) -> dict[str, list[str]]:
    """Return where each service can be scraped."""
    return {
        f"tallystick-{service}": [urlsplit(replica.metrics_url).netloc for replica in cluster.replicas(service)]
        for service in SERVICES
    }


def busy(traffic: Traffic, seconds: float) -> None:
    """Let several people do everything for so long, and an API be called, whatever comes of it."""
    until = time.monotonic() + seconds

    def live(steps: Sequence[Callable[[], None]], pause: float) -> None:
        while time.monotonic() < until:
            for step in steps:
                # Without a store some of it cannot be done.
                with suppress(AssertionError, httpx.HTTPError, grpc.RpcError, KeyError):
                    step()
            time.sleep(pause)

    with ThreadPoolExecutor(PEOPLE + 1) as everybody:
        all_of_it = [everybody.submit(live, traffic.steps(), 0) for _ in range(PEOPLE)]
        calls = everybody.submit(live, (traffic.an_api_that_is_called,), BETWEEN_CALLS_SECONDS)
        for each in (*all_of_it, calls):
            each.result()


def answers(observed: Observed, query: Query, *, step: float) -> list[Series]:
    """Return what a panel shows of it all."""
    return observed.prometheus.range(query.expr.replace(*WINDOW), observed.start, observed.end, step)


def test_every_query_of_the_dashboard_has_data(observed: Observed) -> None:
    """Each is answered without an error, and with numbers."""
    empty = [query for query in dashboard_queries() if not answers(observed, query, step=1)]
    assert empty == []


def test_every_label_of_a_legend_has_its_value(observed: Observed) -> None:
    """No legend names a label that the query's answer has not."""
    for query in dashboard_queries():
        wanted = {part.partition("}}")[0] for part in query.legend.split("{{")[1:]}
        for series in answers(observed, query, step=5):
            assert wanted - SOMETIMES_WITHOUT_VALUE <= series["metric"].keys(), query.panel


def test_every_query_of_a_runbook_can_be_asked(observed: Observed) -> None:
    """Whoever is woken can paste each line as it stands."""
    for page in RUNBOOKS.glob("*.md"):
        for expr in promql_of(page):
            observed.prometheus.range(expr, observed.start, observed.end)


def test_every_alert_can_be_asked(observed: Observed) -> None:
    """Prometheus evaluates each rule without an error."""
    rules = {rule["name"]: rule for rule in observed.prometheus.rules()}
    assert rules.keys() == {alert.name for alert in alerts()}
    assert {name: rule["lastError"] for name, rule in rules.items() if rule["health"] != "ok"} == {}


def test_what_has_happened_is_told(observed: Observed) -> None:
    """Thefts and both outages have their alerts."""
    told = observed.prometheus.range("ALERTS", observed.start, observed.end)
    seen = {(each["metric"]["alertname"], each["metric"]["alertstate"]) for each in told}
    assert TOLD.items() <= seen
