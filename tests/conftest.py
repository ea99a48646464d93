"""Fixtures for all tests, and what a run says about itself. `tests.support` has what they are made of."""

import os
import signal
from collections import Counter
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest

from tests.support import engine, needs
from tests.support.cluster import Cluster, running_cluster
from tests.support.databases import Database, Databases, RedisDatabases
from tests.support.stores import PostgresServer, RedisServer, StoreKind, store_kind

LONG = "TALLYSTICK_TEST_LONG"
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
    config.stash[_MISSING].update(need for missing in lacking.values() for need in missing)
    if config.stash[_MISSING] and needs.nothing_may_be_missing():
        raise pytest.UsageError(f"{needs.REQUIRE}=all, but {_counted(config)} cannot run")
    if len(kept) < len(items):
        config.hook.pytest_deselected(items=[item for item in items if item not in set(kept)])
        items[:] = kept


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Name, in one closing line, what was missing."""
    if config.stash[_MISSING]:
        terminalreporter.write_line(f"not run, missing {_counted(config)}", yellow=True)


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


@pytest.fixture
def own_postgres(stores: StoreKind) -> Iterator[PostgresServer]:
    """A PostgreSQL of this test's own, to pause, kill and restart."""
    with stores.postgres() as server:
        yield server


@pytest.fixture
def own_redis(stores: StoreKind) -> Iterator[RedisServer]:
    """A Redis of this test's own, to pause, kill and restart."""
    with stores.redis() as server:
        yield server


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


@pytest.fixture
def own_cluster(own_postgres: PostgresServer, own_redis: RedisServer, tmp_path: Path) -> Iterator[Cluster]:
    """The three services of this test's own, over stores of its own."""
    with (
        Databases(own_postgres).migrated() as database,
        running_cluster(database, own_redis.url(), tmp_path) as running,
    ):
        yield running
