"""Fixtures for all tests, and what a run says about itself. `tests.support` has what they are made of."""

import os
import signal
from collections import Counter
from collections.abc import Generator, Iterator
from typing import Any

import pytest

from tests.support import engine, needs
from tests.support.cluster import Cluster, running_cluster
from tests.support.databases import Database, Databases, RedisDatabases
from tests.support.lending import ClusterLender
from tests.support.secrets_ledger import LEDGER
from tests.support.stores import PostgresServer, RedisServer, StoreKind, store_kind

LONG = "TALLYSTICK_TEST_LONG"
_MISSING_OF_WORKER = "missing"
_MISSING = pytest.StashKey[Counter[str]]()
_STORES = pytest.StashKey[engine.Stores]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add `--long`."""
    parser.addoption("--long", action="store_true", help=f"run long tests too, as {LONG}=1 does")


def pytest_configure(config: pytest.Config) -> None:
    """Find out, once, what the stores run on, and let SIGTERM end a run as Ctrl-C does: with its servers."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    config.stash[_MISSING] = Counter()
    config.stash[_STORES] = engine.stores()
    needs.nothing_may_be_missing()


def pytest_report_header(config: pytest.Config) -> list[str]:
    """Say what the stores run on and which tests are left out."""
    if config.stash[_STORES] is engine.Stores.CONTAINERS:
        stores = "Testcontainers"
    else:
        stores = "embedded servers" + (f" ({engine.obstacle()})" if engine.obstacle() else "")
    long = "included" if _long_is_wanted(config) else f"left out (--long or {LONG}=1 includes them)"
    return [f"stores: {stores}", f"long tests: {long}"]


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out long tests, unless wanted, and those that need what is not there."""
    wanted = [item for item in items if _long_is_wanted(config) or item.get_closest_marker("long") is None]
    lacking = {item: needs.missing(item) for item in wanted}
    kept = [item for item in wanted if not lacking[item]]
    missing = Counter(need for each in lacking.values() for need in each)
    config.stash[_MISSING] = missing
    if hasattr(config, "workeroutput"):
        config.workeroutput[_MISSING_OF_WORKER] = dict(missing)
    if _must_not_run(config):
        kept.clear()
    if len(kept) < len(items):
        config.hook.pytest_deselected(items=[item for item in items if item not in set(kept)])
        items[:] = kept


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Learn from a worker, each of which collects all tests, what was missing; whoever started it collects none."""
    found = Counter[str](getattr(node, "workeroutput", {}).get(_MISSING_OF_WORKER, {}))
    node.config.stash[_MISSING] = node.config.stash[_MISSING] | found


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail a run that was to be complete and cannot be."""
    if _must_not_run(session.config):
        session.exitstatus = pytest.ExitCode.USAGE_ERROR


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Name, in one closing line, what was missing."""
    if _must_not_run(config):
        terminalreporter.write_line(f"ERROR: {needs.REQUIRE}=all, but {_counted(config)} cannot run", red=True)
    elif config.stash[_MISSING]:
        terminalreporter.write_line(f"not run, missing {_counted(config)}", yellow=True)


def _must_not_run(config: pytest.Config) -> bool:
    return bool(config.stash[_MISSING]) and needs.nothing_may_be_missing()


def _counted(config: pytest.Config) -> str:
    return ", ".join(f"{need}: {number} tests" for need, number in sorted(config.stash[_MISSING].items()))


def _long_is_wanted(config: pytest.Config) -> bool:
    return bool(config.getoption("--long")) or os.environ.get(LONG) == "1"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show, beside a failure, what the services wrote last."""
    report = yield
    clusters = [value for value in getattr(item, "funcargs", {}).values() if isinstance(value, Cluster)]
    if report.failed:
        report.sections.extend(("services", cluster.tail()) for cluster in clusters)
    return report


@pytest.fixture(scope="session", autouse=True)
def nothing_secret_remains(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Fail the run at its very end if a secret that it used stands in a log, in a database or in Redis (GEN-11)."""
    yield
    betrayals = LEDGER.betrayals(tmp_path_factory.getbasetemp())
    assert not betrayals, "secrets remain:\n" + "\n".join(betrayals)


@pytest.fixture(scope="session")
def stores(pytestconfig: pytest.Config) -> StoreKind:
    """How this run starts Postgres and Redis."""
    return store_kind(pytestconfig.stash[_STORES])


@pytest.fixture(scope="session")
def postgres_server(stores: StoreKind) -> Iterator[PostgresServer]:
    """The PostgreSQL that all tests share; those that disturb it take `own_postgres`."""
    with stores.postgres() as server:
        yield server


@pytest.fixture(scope="session")
def redis_server(stores: StoreKind) -> Iterator[RedisServer]:
    """The Redis that all tests share; those that disturb it take `own_redis`."""
    with stores.redis() as server:
        yield server


@pytest.fixture(scope="session")
def fragile_postgres(stores: StoreKind) -> Iterator[PostgresServer]:
    """The PostgreSQL that `own_postgres` lends."""
    with stores.postgres() as server:
        yield server


@pytest.fixture(scope="session")
def fragile_redis(stores: StoreKind) -> Iterator[RedisServer]:
    """The Redis that `own_redis` lends."""
    with stores.redis() as server:
        yield server


@pytest.fixture
def own_postgres(fragile_postgres: PostgresServer) -> Iterator[PostgresServer]:
    """A PostgreSQL to pause, kill and restart: this test's own for as long as it runs, and the next one's then."""
    yield fragile_postgres
    fragile_postgres.mend()


@pytest.fixture
def own_redis(fragile_redis: RedisServer) -> Iterator[RedisServer]:
    """A Redis to pause, kill and restart: this test's own for as long as it runs, and the next one's then."""
    yield fragile_redis
    fragile_redis.mend()


@pytest.fixture(scope="session")
def fragile_databases(fragile_postgres: PostgresServer) -> Databases:
    """Makes databases on the PostgreSQL that `own_postgres` lends."""
    return Databases(fragile_postgres)


@pytest.fixture
def own_database(fragile_databases: Databases, own_postgres: PostgresServer) -> Iterator[Database]:
    """A migrated database on `own_postgres`."""
    with fragile_databases.migrated() as database:
        yield database
        own_postgres.mend()


@pytest.fixture(scope="session")
def databases(postgres_server: PostgresServer) -> Databases:
    """Makes migrated and empty databases on the shared PostgreSQL."""
    return Databases(postgres_server)


@pytest.fixture(scope="session")
def redis_databases(redis_server: RedisServer) -> RedisDatabases:
    """Lends empty databases of the shared Redis."""
    return RedisDatabases(redis_server)


@pytest.fixture(scope="module")
def database(databases: Databases) -> Iterator[Database]:
    """A migrated database of this module's own: `.dsn()` for the owner, `.dsn("tallystick_token")` for a role."""
    with databases.migrated() as copy:
        yield copy


@pytest.fixture(scope="module")
def redis_url(redis_databases: RedisDatabases) -> Iterator[str]:
    """The address of an empty Redis database of this module's own."""
    with redis_databases.lent() as url:
        yield url


@pytest.fixture(scope="session")
def cluster(
    databases: Databases, redis_databases: RedisDatabases, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Cluster]:
    """The three services as processes over a database and a Redis of their own, one replica each."""
    with (
        databases.migrated() as database,
        redis_databases.lent() as redis_url,
        running_cluster(database, redis_url, tmp_path_factory.mktemp("cluster")) as running,
    ):
        yield running


@pytest.fixture(scope="session")
def fragile_cluster(fragile_databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClusterLender]:
    """The cluster that `own_cluster` lends."""
    lender = ClusterLender(fragile_databases, lambda: tmp_path_factory.mktemp("fragile"))
    yield lender
    lender.close()


@pytest.fixture
def own_cluster(
    fragile_cluster: ClusterLender, own_postgres: PostgresServer, own_redis: RedisServer
) -> Iterator[Cluster]:
    """The three services over `own_postgres` and `own_redis`: whoever ends a process gives the next test new ones."""
    with fragile_cluster.lent(own_postgres, own_redis) as running:
        yield running
