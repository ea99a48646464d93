"""Nothing acknowledged is lost while token, authorize and Postgres are killed at random (promise 5)."""

import random
import secrets
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from threading import Event

import httpx
import pytest

from tests.integration.fault_scene import Scene, post
from tests.support.cluster import Cluster, running_cluster
from tests.support.databases import Databases, RedisDatabases
from tests.support.flow import Approval, Visitor
from tests.support.operator_client import Client
from tests.support.service_process import ServiceProcess
from tests.support.stores import PostgresServer

pytestmark = pytest.mark.long

STORM_SECONDS = 20.0
CLIENTS = 4
MOST_REFRESHES = 3
GRACE_SECONDS = 6.0
"""A refresh that was not answered within this time is given up, while a repeat still gets the successor."""
PATIENCE_SECONDS = 20.0


@dataclass(slots=True)
class Held:
    """What a client was given, and must be able to rely on."""

    client: Client
    access_tokens: list[str] = field(default_factory=list)
    refresh_token: str = ""

    def take(self, answer: httpx.Response) -> None:
        """Keep what a good answer holds."""
        self.access_tokens.append(answer.json()["access_token"])
        self.refresh_token = answer.json()["refresh_token"]


class App:
    """A client that buys grants and refreshes them for as long as the storm lasts."""

    def __init__(self, scene: Scene, replicas: list[ServiceProcess], seed: int) -> None:
        self._scene = scene
        self._client = scene.client()
        self._replicas = replicas
        self._chance = random.Random(seed)  # noqa: S311 - repeatable
        self._visitor = Visitor(scene.cluster, scene.cluster.operator.create_user())
        self.held: list[Held] = []
        self.refreshes = 0
        self.unanswered = 0

    def run(self, over: Event) -> None:
        """Work until the storm is over."""
        with self._visitor:
            while not over.is_set():
                approval = self._approval()
                if approval is not None:
                    self._live(approval)

    def _approval(self) -> Approval | None:
        try:
            return self._visitor.approve(self._client)
        except (httpx.TransportError, AssertionError):
            # authorize is away, or says that its store is: the person begins anew.
            time.sleep(self._chance.uniform(0.05, 0.2))
            return None

    def _live(self, approval: Approval) -> None:
        before = self.unanswered
        answer = self._answered(approval.form())
        if answer is None:
            return
        if answer.status_code == httpx.codes.BAD_REQUEST:
            # The answer to a redemption that was done was lost, and the repeat counted as a replay.
            assert answer.json()["error"] == "invalid_grant"
            assert self.unanswered > before
            return
        assert answer.status_code == httpx.codes.OK, answer.text
        held = Held(self._client)
        held.take(answer)
        for _ in range(self._chance.randint(0, MOST_REFRESHES)):
            refreshed = self._answered({"grant_type": "refresh_token", "refresh_token": held.refresh_token})
            if refreshed is None:
                return
            assert refreshed.status_code == httpx.codes.OK, refreshed.text
            held.take(refreshed)
            self.refreshes += 1
        self.held.append(held)

    def _answered(self, form: dict[str, str]) -> httpx.Response | None:
        """Send a request until it is answered for good; None when that takes longer than a repeat is good for."""
        until = time.monotonic() + GRACE_SECONDS
        while time.monotonic() < until:
            try:
                answer = post(self._chance.choice(self._replicas), "token", self._client, form)
            except httpx.TransportError:
                self.unanswered += 1
                continue
            if answer.status_code != httpx.codes.SERVICE_UNAVAILABLE:
                return answer
            assert answer.json()["error"] == "temporarily_unavailable"
            self.unanswered += 1
            time.sleep(self._chance.uniform(0.05, 0.2))
        return None


@pytest.fixture
def cluster(
    fragile_databases: Databases,
    redis_databases: RedisDatabases,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Cluster]:
    """Two replicas of authorize and of token, over a Postgres that may be killed."""
    with (
        fragile_databases.migrated() as database,
        redis_databases.lent() as redis_url,
        running_cluster(database, redis_url, tmp_path_factory.mktemp("storm"), authorize=2, token=2) as cluster,
    ):
        yield cluster


def restart(cluster: Cluster, killed: ServiceProcess) -> ServiceProcess:
    """Start a replica where another was."""
    listen = {"HTTP_LISTEN": killed.http_url.removeprefix("http://"), "GRPC_LISTEN": killed.grpc_target}
    return cluster.start(killed.service, listen)


def storm(cluster: Cluster, postgres: PostgresServer, chance: random.Random) -> int:
    """Kill and restart one after another, for twenty seconds; return how many."""
    running, kills = [*cluster.replicas("token"), *cluster.replicas("authorize")], 0
    until = time.monotonic() + STORM_SECONDS
    while time.monotonic() < until:
        time.sleep(chance.uniform(0.3, 1.0))
        victim = chance.choice([*running, None])
        kills += 1
        if victim is None:
            postgres.kill()
            time.sleep(chance.uniform(0, 0.5))
            postgres.restart()
        else:
            victim.kill()
            time.sleep(chance.uniform(0, 0.5))
            running[running.index(victim)] = restart(cluster, victim)
    return kills


@pytest.mark.parametrize("seed", [5, secrets.randbelow(1 << 30)], ids=["always", "new"])
def test_nothing_acknowledged_is_lost(cluster: Cluster, own_postgres: PostgresServer, seed: int) -> None:
    """After a storm each token that was given is active, and each refresh token works (promise 5)."""
    with Scene.at(cluster) as scene:
        apps = [App(scene, cluster.replicas("token"), seed + number) for number in range(CLIENTS)]
        over = Event()
        with ThreadPoolExecutor(CLIENTS) as threads:
            running = [threads.submit(app.run, over) for app in apps]
            try:
                storm(cluster, own_postgres, random.Random(seed))  # noqa: S311 - repeatable
            finally:
                over.set()
        for work in running:
            work.result()
        held = [each for app in apps for each in app.held]
        assert held
        assert any(app.unanswered for app in apps)
        wait_until_served(scene)
        lost = [token for each in held for token in each.access_tokens if not scene.is_live(token)]
        assert len(lost) == 0, f"{seed=}: {len(lost)} access tokens are lost"
        for each in held:
            form = {"grant_type": "refresh_token", "refresh_token": each.refresh_token}
            answer = post(cluster.replicas("token")[0], "token", each.client, form)
            assert answer.status_code == httpx.codes.OK, f"{seed=}: {answer.text}"


def wait_until_served(scene: Scene) -> None:
    """Return when introspection answers again."""
    until, question = time.monotonic() + PATIENCE_SECONDS, {"token": "unknown"}
    while post(scene.introspect, "introspect", scene.resource_server, question).status_code != httpx.codes.OK:
        assert time.monotonic() < until
