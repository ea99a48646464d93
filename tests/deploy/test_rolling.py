"""Rolling and scaling under load: no request fails, and new replicas get their share."""

import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from threading import Event, Lock

import httpx
import pytest

from tallystick.resource import IntrospectionClient
from tests.deploy.rollout import Deployment, Rollout, rollout
from tests.support.cluster import running_cluster
from tests.support.databases import Database
from tests.support.flow import Visitor, post_token
from tests.support.operator_client import Client, Resource, User

pytestmark = [pytest.mark.long, pytest.mark.timeout(400)]

WORKERS = 4
QUESTIONS = 6
DRAIN_SECONDS = 10.0
REQUESTS = 5000
SHARE_SECONDS = 5.0
"""Within this time of being ready a new replica of token has its share of what a balancer sends."""


class VisitorOfAll(Visitor):
    """A resource owner behind a balancer: each request goes to the next replica that is ready."""

    def __init__(self, to: Rollout, user: User, sent: Callable[[str], None]) -> None:
        super().__init__(to.cluster, user)
        self._deployment = to.authorize
        self._sent = sent

    def _at_this_replica(self, url: str) -> str:
        path = url.removeprefix(self._issuer).removeprefix(self._base)
        self._base = self._deployment.next().process.http_url
        self._sent("authorize")
        return self._base + path


@dataclass
class Load:
    """Workers that go through the whole flow, over and over, and count what they send."""

    to: Rollout
    client: Client
    user: User
    api: Client
    resource: Resource
    failures: list[str] = field(default_factory=list)
    sent: Counter[str] = field(default_factory=Counter)
    by_replica: Counter[str] = field(default_factory=Counter)
    _ending: Event = field(default_factory=Event)
    _lock: Lock = field(default_factory=Lock)

    def work(self) -> None:
        """Go on until told to end, or until something fails."""
        to = self.to
        with (
            VisitorOfAll(to, self.user, self._count) as visitor,
            IntrospectionClient(
                to.introspect.target,
                client_id=self.api.client_id,
                client_secret=self.api.client_secret or "",
                insecure=True,
                timeout_seconds=10,
                reuse=0,
            ) as introspection,
        ):
            while not self._ending.is_set():
                try:
                    self._once(visitor, introspection)
                except Exception as error:  # noqa: BLE001 - whatever it is, the test tells it
                    self.failures.append(repr(error))
                    return

    def end(self) -> None:
        """Let workers finish what they are at."""
        self._ending.set()

    def total(self) -> int:
        """Return how many requests were sent."""
        return sum(self.sent.values())

    def _once(self, visitor: VisitorOfAll, introspection: IntrospectionClient) -> None:
        tokens = self._post(visitor.approve(self.client).form())
        tokens = self._post({"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]})
        for _ in range(QUESTIONS):
            self._count("introspect")
            access = introspection.check_access(
                tokens["access_token"], self.resource.identifier, self.resource.services[0]
            )
            assert access.allowed, access

    def _post(self, form: dict[str, str]) -> dict[str, str]:
        replica = self.to.token.next().process
        self._count("token")
        self.by_replica[replica.name] += 1
        answer = post_token(replica.http_url, self.client, form)
        assert answer.status_code == httpx.codes.OK, answer.text
        tokens: dict[str, str] = answer.json()
        return tokens

    def _count(self, service: str) -> None:
        with self._lock:
            self.sent[service] += 1


@dataclass(frozen=True)
class Under:
    """A rollout under load."""

    load: Load
    to: Rollout

    def until(self, condition: Callable[[], bool], seconds: float) -> None:
        """Wait for a condition while the load goes on without failure."""
        deadline = time.monotonic() + seconds
        while not condition():
            assert not self.load.failures, self.load.failures
            assert time.monotonic() < deadline, self.load.sent
            time.sleep(0.05)


@pytest.fixture
def under(
    request: pytest.FixtureRequest, database: Database, redis_url: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Under]:
    """The services under load, with as many replicas as the test is marked with."""
    folder = tmp_path_factory.mktemp("rollout")
    with (
        running_cluster(database, redis_url, folder) as cluster,
        rollout(cluster, replicas=request.param, drain_seconds=DRAIN_SECONDS) as to,
        ThreadPoolExecutor(WORKERS) as threads,
    ):
        operator = cluster.operator
        user = operator.create_user()
        api, resource, scope = operator.create_resource_server(groups=[operator.create_group(users=[user])])
        load = Load(to, operator.create_client(scopes=[scope]), user, api, resource)
        working = [threads.submit(load.work) for _ in range(WORKERS)]
        try:
            yield Under(load, to)
        finally:
            load.end()
        for each in working:
            each.result(60)
        assert not load.failures, load.failures


@pytest.mark.parametrize("under", [{"authorize": 2, "token": 2, "introspect": 2}], indirect=True, ids=["two of each"])
def test_rolling_any_service_drops_no_request(under: Under) -> None:
    """Every replica of every service is replaced under load, and of 5,000 requests none fails (promise 7)."""
    under.until(lambda: under.load.total() > 100, 60)
    deployments: tuple[Deployment, ...] = (under.to.authorize, under.to.token, under.to.introspect)
    for deployment in deployments:
        before = under.load.sent[deployment.service]
        deployment.roll()
        assert under.load.sent[deployment.service] > before
    under.until(lambda: under.load.total() >= REQUESTS, 240)


@pytest.mark.parametrize("under", [{"authorize": 1, "token": 1, "introspect": 1}], indirect=True, ids=["one of each"])
def test_new_replicas_take_their_share(under: Under) -> None:
    """Token goes from one replica to three while codes are redeemed; five seconds later each has its share."""
    under.until(lambda: under.load.total() > 100, 60)
    new = {pod.process.name for pod in under.to.token.scale(3)}
    time.sleep(SHARE_SECONDS)
    before = Counter(under.load.by_replica)
    under.until(lambda: (under.load.by_replica - before).total() >= 150, 120)
    since = under.load.by_replica - before
    assert new < since.keys()
    assert all(0.25 < since[name] / since.total() < 0.42 for name in since), since
