"""Every step of a grant's life against everything that can fail under it (promises 4 and 5).

What was acknowledged is true afterwards; what cannot be done is answered with 503 or UNAVAILABLE in bounded time, and
never with a wrong verdict; and when the fault is over everything works again, without a restart of the services.
"""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass

import grpc
import httpx
import psycopg
import pytest
from psycopg import sql
from redis import Redis

from tests.integration.fault_scene import Need, Scene, post
from tests.integration.fault_steps import (
    EVERY_STEP,
    WRITING_STEPS,
    Approved,
    Asked,
    Introspected,
    IntrospectedOverGrpc,
    IssuedToItself,
    Redeemed,
    SignedIn,
    Step,
)
from tests.support.cluster import Cluster, running_cluster
from tests.support.databases import Databases
from tests.support.service_process import ServiceProcess
from tests.support.store_proxy import Hold, Moment, ProxiedDatabase, StoreProxy
from tests.support.stores import PostgresServer, RedisServer, Server

PROBES = (Asked, IssuedToItself, Introspected)
"""Steps that can be taken any number of times, one at least at each service."""
BOUNDED_SECONDS = 6.0
PATIENCE_SECONDS = 20.0
TELLS_THE_AUDIT = b"INSERT INTO audit_events"
"""Stands in the very statement of everything that is done."""


@dataclass(frozen=True, slots=True)
class Site:
    """A cluster that reaches its stores through proxies, and the stores."""

    cluster: Cluster
    postgres: PostgresServer
    redis: RedisServer
    to_postgres: StoreProxy
    to_redis: StoreProxy
    redis_url: str

    @contextmanager
    def owner(self) -> Iterator[psycopg.Connection[object]]:
        """Give a connection to Postgres past the proxy."""
        with psycopg.connect(self.postgres.dsn(self.cluster.database.name), autocommit=True) as connection:
            yield connection

    def redis_client(self) -> Redis:
        """Return a client of Redis past the proxy."""
        return Redis.from_url(self.redis_url, socket_timeout=5)


@pytest.fixture(scope="module")
def shared_site(
    fragile_databases: Databases,
    fragile_postgres: PostgresServer,
    fragile_redis: RedisServer,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Site]:
    """One site for all faults in turn."""
    redis_url = fragile_redis.url(9)
    with (
        fragile_databases.migrated() as database,
        StoreProxy(database.dsn()) as to_postgres,
        StoreProxy(redis_url) as to_redis,
        running_cluster(
            ProxiedDatabase(database.server, database.name, proxy=to_postgres),
            to_redis.url(redis_url),
            tmp_path_factory.mktemp("faults"),
        ) as cluster,
    ):
        yield Site(cluster, fragile_postgres, fragile_redis, to_postgres, to_redis, redis_url)


@pytest.fixture
def site(shared_site: Site) -> Iterator[Site]:
    """The site, whose stores are mended afterwards."""
    yield shared_site
    shared_site.postgres.mend()
    shared_site.redis.mend()


@pytest.fixture
def scene(site: Site) -> Iterator[Scene]:
    """People and programs whom no fault has met yet."""
    with Scene.at(site.cluster) as scene:
        yield scene


@contextmanager
def killed(server: Server) -> Iterator[None]:
    """A store crashes, and is started again."""
    server.kill()
    yield
    server.restart()


@contextmanager
def paused(server: Server) -> Iterator[None]:
    """A store answers nobody, with its connections open."""
    server.pause()
    yield
    server.resume()


@contextmanager
def read_only(site: Site) -> Iterator[None]:
    """Postgres takes no writes, as after a fail-over that went wrong."""
    name = sql.Identifier(site.cluster.database.name)
    others = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s AND pid <> pg_backend_pid()"
    with site.owner() as owner:
        for setting in ("on", "off"):
            owner.execute("SET default_transaction_read_only = off")
            statement = sql.SQL("ALTER DATABASE {} SET default_transaction_read_only = {}")
            owner.execute(statement.format(name, sql.SQL(setting)))
            owner.execute(others, (site.cluster.database.name,))
            if setting == "on":
                yield


@contextmanager
def locked(site: Site) -> Iterator[None]:
    """A session that hangs holds a lock on everything."""
    with site.owner() as owner, owner.transaction():
        owner.execute("LOCK TABLE clients, users, consents, grants, access_tokens, operators IN ACCESS EXCLUSIVE MODE")
        yield


@contextmanager
def redis_setting(site: Site, name: str, value: str, usual: str) -> Iterator[None]:
    """Redis is configured otherwise."""
    with site.redis_client() as client:
        client.config_set(name, value)
        yield
        client.config_set(name, usual)


@contextmanager
def replica(site: Site) -> Iterator[None]:
    """Redis follows another that is not there, and takes no writes."""
    with site.redis_client() as client:
        client.replicaof("127.0.0.1", 1)
        yield
        client.replicaof("NO", "ONE")


@dataclass(frozen=True, slots=True)
class Fault:
    """What fails, and what cannot be had meanwhile."""

    name: str
    takes: Need
    inflicted: Callable[[Site], AbstractContextManager[None]]
    forgets_codes: bool = False


USUAL = [
    Fault("Postgres is killed", Need.POSTGRES, lambda site: killed(site.postgres)),
    Fault("Redis is full", Need.REDIS_WRITE, lambda site: redis_setting(site, "maxmemory", "1", "0")),
]
RARE = [
    Fault("Postgres takes no writes", Need.POSTGRES_WRITE, read_only),
    Fault("Redis is killed", Need.REDIS, lambda site: killed(site.redis), forgets_codes=True),
    Fault("Postgres hangs", Need.POSTGRES, lambda site: paused(site.postgres)),
    Fault("Postgres cannot be reached", Need.POSTGRES, lambda site: site.to_postgres.cut()),
    Fault("Postgres's tables are locked", Need.POSTGRES, locked),
    Fault("Postgres answers after 3 s", Need.POSTGRES, lambda site: site.to_postgres.slow(3.0)),
    Fault("Postgres answers after 0.05 s", Need.NOTHING, lambda site: site.to_postgres.slow(0.05)),
    Fault("Redis hangs", Need.REDIS, lambda site: paused(site.redis)),
    Fault("Redis cannot be reached", Need.REDIS, lambda site: site.to_redis.cut()),
    Fault("Redis takes no writes", Need.REDIS_WRITE, replica),
    Fault("Redis answers after 3 s", Need.REDIS, lambda site: site.to_redis.slow(3.0)),
    Fault("Redis answers after 0.05 s", Need.NOTHING, lambda site: site.to_redis.slow(0.05)),
]


@pytest.mark.parametrize(
    "fault",
    [
        *(pytest.param(fault, id=fault.name) for fault in USUAL),
        *(pytest.param(fault, id=fault.name, marks=pytest.mark.long) for fault in RARE),
    ],
)
def test_a_store_fails(site: Site, scene: Scene, fault: Fault) -> None:
    """What needs the store is unavailable in bounded time, what does not is done, and all is well afterwards."""
    steps = [step(scene) for step in EVERY_STEP]
    with fault.inflicted(site):
        taken_together(steps)
    done = [step for step in steps if step.is_done()]
    assert [str(step) for step in steps if not step.is_done() and not step.is_unavailable()] == []
    assert [str(step) for step in steps if step.is_done() != (not step.needs & fault.takes)] == []
    assert [f"{step} after {step.seconds:.1f} s" for step in steps if step.seconds > BOUNDED_SECONDS] == []
    eventually_works([step for step in steps if type(step) in PROBES])
    for step in done:
        assert step.holds(), f"{step} was acknowledged"
    for step in steps:
        if step not in done:
            if fault.forgets_codes:
                step.prepare()
            works_again(step)


def taken_together(steps: list[Step]) -> None:
    """Take steps, all at the same time."""
    with ThreadPoolExecutor(len(steps)) as threads:
        list(threads.map(lambda step: step.take(), steps))


def works_again(step: Step) -> None:
    """Take a step that was not done once more."""
    step.begin_again()
    assert step.take().is_done(), step
    assert step.holds(), step


def eventually_works(probes: list[Step]) -> None:
    """Return once every service has found its stores again; until then it must say that it has not."""
    until = time.monotonic() + PATIENCE_SECONDS
    for step in probes:
        while not step.take().is_done():
            assert step.is_unavailable(), step
            assert time.monotonic() < until, step


def killed_in_flight(replica: ServiceProcess, steps: list[Step], hold: Hold) -> None:
    """Take steps, and end the replica when all of them are held."""
    with ThreadPoolExecutor(len(steps)) as threads:
        taken = [threads.submit(step.take) for step in steps]
        try:
            hold.wait(len(steps))
        finally:
            replica.kill()
    for each in taken:
        assert each.result().answer in {None, grpc.StatusCode.UNAVAILABLE}


@pytest.mark.parametrize("service", ["authorize", "token"])
@pytest.mark.parametrize(
    "moment", [pytest.param(Moment.BEFORE, id="before", marks=pytest.mark.long), pytest.param(Moment.AFTER, id="after")]
)
def test_a_service_is_killed_at_each_commit(site: Site, scene: Scene, service: str, moment: Moment) -> None:
    """Killed before Postgres commits nothing is done, and after it all of it; whoever comes back is served."""
    replica = site.cluster.start(service)
    steps = [step(scene.moved(replica)) for step in WRITING_STEPS if step.service == service]
    with site.to_postgres.holding(TELLS_THE_AUDIT, moment) as hold:
        killed_in_flight(replica, steps, hold)
    for step in steps:
        assert step.traced() == {moment is Moment.AFTER}, step
    for step in steps:
        if type(step) is Redeemed and moment is Moment.AFTER:
            # The answer was lost after the code was spent.
            step.begin_again()
            assert step.take().page.json()["error"] == "invalid_grant"
        else:
            works_again(step)


@pytest.mark.long
@pytest.mark.parametrize("moment", list(Moment), ids=lambda moment: moment.name.lower())
def test_authorize_is_killed_as_it_writes_to_redis(site: Site, scene: Scene, moment: Moment) -> None:
    """Of a request, a sign-in and a code that nobody was told of nothing is left that hinders whoever starts again."""
    replica = site.cluster.start("authorize")
    steps: list[Step] = [step(scene.moved(replica)) for step in (Asked, SignedIn, Approved)]
    with site.to_redis.holding(b"\r\nSET\r\n", moment) as hold:
        killed_in_flight(replica, steps, hold)
    for step in steps:
        works_again(step)


@pytest.mark.long
def test_introspect_is_killed_as_it_reads(site: Site, scene: Scene) -> None:
    """Whoever asked is told nothing about the token, and the next replica knows it."""
    replica = site.cluster.start("introspect")
    steps: list[Step] = [step(scene.moved(replica)) for step in (Introspected, IntrospectedOverGrpc)]
    with site.to_postgres.holding(b"access_tokens", Moment.BEFORE) as hold:
        killed_in_flight(replica, steps, hold)
    for step in steps:
        works_again(step)


@pytest.mark.long
def test_authorize_is_killed_as_token_asks_it(site: Site, scene: Scene) -> None:
    """A redemption whose code authorize was about to find is unavailable, and spends nothing (GRPC-03)."""
    authorize = site.cluster.start("authorize")
    token = site.cluster.start("token", {"AUTHORIZE_TARGET": authorize.grpc_target})
    step = Redeemed(scene.moved(token))
    with site.to_redis.holding(b"tallystick:code:", Moment.BEFORE) as hold, ThreadPoolExecutor(1) as threads:
        taken = threads.submit(step.take)
        hold.wait(1)
        authorize.kill()
        assert taken.result().is_unavailable(), step
    assert step.seconds < BOUNDED_SECONDS
    assert step.traced() == {False}
    works_again(step)


@pytest.mark.long
def test_redis_comes_back_empty(site: Site, scene: Scene) -> None:
    """Codes and people who are signing in start again; nothing else has changed (OPS-05)."""
    steps = [step(scene) for step in EVERY_STEP]
    site.redis.restart()
    taken_together(steps)
    for step in steps:
        if Need.REDIS_READ in step.needs:
            assert step.page.status_code in {httpx.codes.BAD_REQUEST, httpx.codes.GONE}, step
            step.begin_again()
            step.prepare()
            step.take()
        assert step.is_done(), step
        assert step.holds(), step


def refused_requests(site: Site, scene: Scene) -> dict[str, Callable[[], httpx.Response]]:
    """Prepare requests that are refused, and audited, one of each kind."""
    token, code = site.cluster.token, {"grant_type": "authorization_code", "code": "unknown", "code_verifier": "A" * 43}
    client, stranger, user = scene.client(), scene.client(), site.cluster.operator.create_user()
    tokens, browser, other = scene.tokens(client), scene.browser(), scene.browser()
    form, consent = browser.sign_in_page(client), other.consent_page(client, scene.user)
    return {
        "short challenge": lambda: scene.browser().ask(client, code_challenge="short"),
        "wrong password": lambda: browser.sign_in(form, user.username, "wrong"),
        "denied": lambda: other.answer(consent, "deny"),
        "unknown code": lambda: post(token, "token", client, code),
        "another's token": lambda: post(token, "revoke", stranger, {"token": tokens.access_token}),
    }


def test_the_audit_cannot_be_written(site: Site, scene: Scene) -> None:
    """What is refused is refused as ever, and soon; what must be told of is not done; reading goes on."""
    steps, requests = [step(scene) for step in EVERY_STEP], refused_requests(site, scene)
    with site.owner() as owner, owner.transaction(), ThreadPoolExecutor(len(requests)) as threads:
        owner.execute("LOCK TABLE audit_events IN EXCLUSIVE MODE")
        refused = {name: threads.submit(request) for name, request in requests.items()}
        taken_together(steps)
        answers = {name: each.result() for name, each in refused.items()}
    assert "error=invalid_request" in answers["short challenge"].headers["location"]
    assert answers["wrong password"].status_code == httpx.codes.OK
    assert "error=access_denied" in answers["denied"].headers["location"]
    assert answers["unknown code"].json()["error"] == "invalid_grant"
    assert answers["another's token"].json()["error"] == "invalid_grant"
    for step in steps:
        if Need.POSTGRES_WRITE in step.needs:
            assert step.is_unavailable(), step
            works_again(step)
        else:
            assert step.is_done(), step
            assert step.holds(), step
    slow = {name: answer.elapsed.total_seconds() for name, answer in answers.items()}
    slow |= {str(step): step.seconds for step in steps}
    assert {name: seconds for name, seconds in slow.items() if seconds > BOUNDED_SECONDS} == {}


@pytest.mark.long
def test_the_pool_is_exhausted(site: Site, scene: Scene) -> None:
    """Who finds the only connection in use waits for it, or is told to come back; nobody is refused for it."""
    tight = {"POSTGRES_POOL_SIZE": 1}
    here = scene
    for service in ("authorize", "token", "introspect"):
        here = here.moved(site.cluster.start(service, tight))
    steps = [step(here) for step in EVERY_STEP for _ in range(3)]
    with locked(site):
        taken_together(steps)
    assert [f"{step} {step.seconds:.1f} s" for step in steps if not step.is_unavailable()] == []
    assert [f"{step} {step.seconds:.1f} s" for step in steps if step.seconds > BOUNDED_SECONDS] == []
    eventually_works([step for step in steps if type(step) in PROBES])
    again = [step(here) for step in EVERY_STEP for _ in range(3)]
    taken_together(again)
    for step in again:
        assert step.is_done(), step
        assert step.holds(), step
