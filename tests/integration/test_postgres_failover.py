"""Postgres fails over and the old primary runs on: nothing that is over is called live, nothing acknowledged is lost.

Some connections still lead to the deposed primary, which takes everything but has nobody to confirm it. It is the
synchronous standby that makes this safe: without it, the same schedule is seen to go wrong.
"""

import asyncio
import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event, Thread

import grpc
import httpx
import pytest

from tallystick.boot_clock import boot_seconds
from tallystick.introspect.v1 import introspection_pb2, introspection_pb2_grpc
from tallystick.oauth2.client import ClientType, GrantType
from tallystick.runtime.lease.async_follower import AsyncFollower
from tallystick.runtime.lease.follower import Follower
from tests.integration.fault_scene import post
from tests.support.cluster import Cluster, running_cluster
from tests.support.databases import RedisDatabases
from tests.support.doors import Basic
from tests.support.operator_client import Client
from tests.support.replicated_postgres import ReplicatedPostgres
from tests.support.service_process import ServiceProcess
from tests.support.store_proxy import StoreProxy

pytestmark = [pytest.mark.long, pytest.mark.timeout(240)]

TOKENS = 8
REVOKED_BEFORE, REVOKED_AFTER = 2, 4
SECONDS_AFTER = 5.0
PATIENCE_SECONDS = 30.0
ANSWER_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Answer:
    """What a replica said of a token, None if it could not tell, to a question that was sent at a moment."""

    replica: str
    token: str = field(repr=False)
    sent_at: float
    active: bool | None


class Asker:
    """Asks one replica about tokens, one after the other, until it is told to stop."""

    def __init__(self, replica: ServiceProcess, caller: Client, tokens: list[str]) -> None:
        self._replica = replica
        self._metadata = tuple(Basic(caller.client_id, caller.client_secret or "").header.items())
        self._tokens = tokens
        self._over = Event()
        self._thread = Thread(target=self._run)
        self.answers: list[Answer] = []

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End after the question that is asked."""
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        with grpc.insecure_channel(self._replica.grpc_target) as channel:
            stub = introspection_pb2_grpc.IntrospectionServiceStub(channel)
            while not self._over.is_set():
                for token in list(self._tokens):
                    self.answers.append(self._asked(stub, token))
                self._over.wait(0.02)

    def _asked(self, stub: introspection_pb2_grpc.IntrospectionServiceStub, token: str) -> Answer:
        request = introspection_pb2.IntrospectRequest(token=token.encode())
        sent_at = time.monotonic()
        try:
            active = stub.Introspect(request, timeout=ANSWER_SECONDS, metadata=self._metadata).active
        except grpc.RpcError as error:
            if error.code() not in {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED}:
                raise
            active = None
        return Answer(self._replica.name, token, sent_at, active)


class Scene:
    """Replicas that reach Postgres by different ways, and tokens of one client."""

    def __init__(self, cluster: Cluster, postgres: ReplicatedPostgres, mixed: StoreProxy) -> None:
        operator, database = cluster.operator, postgres.database
        self.postgres = postgres
        self._cluster = cluster
        self._mixed = mixed
        self.caller, _, scope = operator.create_resource_server()
        self._robot = operator.create_client(
            ClientType.CONFIDENTIAL, scopes=[scope], grant_types=(GrantType.CLIENT_CREDENTIALS,), redirect_uris=()
        )
        asks, issues = "tallystick_introspect", "tallystick_token"
        stays = {"POSTGRES_DSN": database.primary_first(asks)}
        through = {"POSTGRES_DSN": mixed.url(postgres.addresses()[0]) + f"&options=-c%20role%3D{asks}"}
        self.moving, self.token = cluster.introspect, cluster.token
        # Not asked until its follower has moved: what its pool holds still leads to the old primary then.
        self.idle = cluster.start("introspect")
        self.staying = cluster.start("introspect", stays)
        self.torn = cluster.start("introspect", through)
        self.deposed_token = cluster.start("token", {"POSTGRES_DSN": database.primary_first(issues)})
        self.tokens = [self.issued() for _ in range(TOKENS)]
        self.returned_at: dict[str, float] = {}

    def issued(self) -> str:
        """Return a new token of the client, as soon as one is given."""
        answer = self._eventually(self.token, "token", {"grant_type": "client_credentials"})
        token: str = answer.json()["access_token"]
        return token

    def revoke(self, token: str, replica: ServiceProcess | None = None) -> None:
        """Revoke a token, and note when that was acknowledged."""
        self._eventually(replica or self.token, "revoke", {"token": token})
        self.returned_at[token] = time.monotonic()

    def revoke_at_the_new_primary(self, tokens: list[str]) -> None:
        """Revoke tokens at a replica that has never known the old primary."""
        replica = self._cluster.start("token")
        with ThreadPoolExecutor(len(tokens)) as threads:
            list(threads.map(lambda token: self.revoke(token, replica), tokens))

    def at_the_deposed(self, endpoint: str, form: dict[str, str]) -> httpx.Response:
        """Ask the token replica whose connections all lead to the old primary."""
        return post(self.deposed_token, endpoint, self._robot, form)

    def tear(self) -> None:
        """Let new connections of one replica lead to both servers, in turn."""
        self._mixed.lead_to(*self.postgres.addresses())

    def stale(self, answers: list[Answer]) -> list[Answer]:
        """Return where a token is called active by a call that began after its revocation had returned."""
        return [
            each for each in answers if each.active and each.sent_at > self.returned_at.get(each.token, each.sent_at)
        ]

    def wrongly_refused(self, answers: list[Answer]) -> list[Answer]:
        """Return where a token is called inactive that nobody has revoked."""
        return [each for each in answers if each.active is False and each.token not in self.returned_at]

    def is_live(self, token: str) -> bool:
        """Tell what the new primary says of a token."""
        answer = self._eventually(self.moving, "introspect", {"token": token}, self.caller)
        active: bool = answer.json()["active"]
        return active

    def _eventually(
        self, replica: ServiceProcess, endpoint: str, form: dict[str, str], client: Client | None = None
    ) -> httpx.Response:
        until = time.monotonic() + PATIENCE_SECONDS
        while (answer := post(replica, endpoint, client or self._robot, form)).status_code != httpx.codes.OK:
            assert answer.status_code == httpx.codes.SERVICE_UNAVAILABLE, answer.text
            assert time.monotonic() < until, f"{replica.name} is away for too long"
        return answer


@contextmanager
def scene(redis_databases: RedisDatabases, folder: Path, *, synchronous: bool) -> Iterator[Scene]:
    """Give a scene over two servers."""
    with (
        ReplicatedPostgres.running(synchronous=synchronous) as postgres,
        StoreProxy(postgres.addresses()[0]) as mixed,
        redis_databases.lent() as redis_url,
        running_cluster(postgres.database, redis_url, folder) as cluster,
    ):
        yield Scene(cluster, postgres, mixed)


def timelines_followed(replica: ServiceProcess) -> list[str]:
    """Return the timelines on which a replica has followed the log."""
    lines = [line for line in replica.stdout.splitlines() if '"log_followed"' in line]
    return [json.loads(line)["timeline"] for line in lines]


def wait_until_followed(replica: ServiceProcess, timeline: str) -> None:
    """Return when a replica follows the log of another timeline."""
    until = time.monotonic() + PATIENCE_SECONDS
    while timeline not in timelines_followed(replica):
        assert time.monotonic() < until, f"{replica.name} does not find the new primary"
        time.sleep(0.02)


def fail_over(scene: Scene, *, idle_until: str) -> list[Answer]:
    """Revoke some tokens, fail over under traffic, revoke others, and return everything that was answered.

    The idle replica is asked once it follows the log of a timeline.
    """
    askers = {
        replica.name: Asker(replica, scene.caller, scene.tokens)
        for replica in (scene.moving, scene.staying, scene.torn, scene.idle)
    }
    idle = askers[scene.idle.name]
    busy = [asker for asker in askers.values() if asker is not idle]
    for asker in busy:
        asker.start()
    for token in scene.tokens[:REVOKED_BEFORE]:
        scene.revoke(token)
    try:
        with scene.postgres.failed_over():
            scene.tear()
            scene.revoke_at_the_new_primary(scene.tokens[REVOKED_BEFORE : REVOKED_BEFORE + REVOKED_AFTER])
            wait_until_followed(scene.idle, idle_until)
            idle.start()
            time.sleep(SECONDS_AFTER)
            for asker in askers.values():
                asker.stop()
    finally:
        for asker in busy:
            asker.stop()
    return [answer for asker in askers.values() for answer in asker.answers]


def test_a_deposed_primary_can_neither_vouch_nor_acknowledge(redis_databases: RedisDatabases, tmp_path: Path) -> None:
    """However connections are spread, no call that began after a revocation is told active (promises 3, 4 and 5)."""
    with scene(redis_databases, tmp_path, synchronous=True) as here:
        answers = fail_over(here, idle_until="00000002")
        last_revoked = max(here.returned_at.values())
        assert here.stale(answers) == []
        assert here.wrongly_refused(answers) == []
        after = [answer for answer in answers if answer.sent_at > last_revoked]
        told = {
            name: {answer.active for answer in after if answer.replica == name} for name in {a.replica for a in after}
        }
        assert told[here.moving.name] >= {True, False}
        assert told[here.idle.name] >= {True, False}
        # All its connections lead to the old primary, which answers nobody: it knows nothing, and says so.
        assert told[here.staying.name] == {None}
        assert timelines_followed(here.staying) == ["00000001"]

        with ThreadPoolExecutor(2) as threads:
            issued = threads.submit(here.at_the_deposed, "token", {"grant_type": "client_credentials"})
            ended = threads.submit(here.at_the_deposed, "revoke", {"token": here.tokens[-1]})
        for answer in (issued.result(), ended.result()):
            assert (answer.status_code, answer.json()["error"]) == (503, "temporarily_unavailable")
        later = here.issued()
        assert {token: here.is_live(token) for token in (*here.tokens, later)} == {
            token: token not in here.returned_at for token in (*here.tokens, later)
        }


def test_without_a_synchronous_standby_it_does_go_wrong(redis_databases: RedisDatabases, tmp_path: Path) -> None:
    """A primary that waits for nobody vouches for what is over, and gives what is lost: this schedule can tell."""
    with scene(redis_databases, tmp_path, synchronous=False) as here:
        answers = fail_over(here, idle_until="00000001")
        stale = {answer.replica for answer in here.stale(answers)}
        # Even where new connections would lead to the new primary: those that there are work, so nobody opens any.
        assert stale == {each.name for each in (here.moving, here.staying, here.torn, here.idle)}
        lost = here.at_the_deposed("token", {"grant_type": "client_credentials"}).json()["access_token"]
        assert not here.postgres.new_primary_has(lost)


CONNECTIONS_FOLLOWING = """
SELECT count(*) FROM pg_stat_activity WHERE application_name IN ('tallystick.sync.log', 'tallystick.async.log')
"""


async def test_polls_that_are_given_up_leave_nothing_behind() -> None:
    """While the standby is away each follower holds one connection, and when it is back there are leases again."""
    with ReplicatedPostgres.running(synchronous=True) as postgres:
        dsn = postgres.database.dsn("tallystick_introspect")
        async with AsyncFollower(dsn, name="async") as one:
            with closing(Follower(dsn, name="sync")) as another:
                another.start()
                followers = (one, another)
                await all_leased(*followers)
                with postgres.parted():
                    await asyncio.sleep(8.0)
                    with postgres.old_primary() as owner:
                        counted = owner.execute(CONNECTIONS_FOLLOWING).fetchone()
                    assert counted is not None
                    assert counted[0] in {0, 1, 2}
                    assert [each.view.lease_left(boot_seconds()) for each in followers] == [0, 0]
                await all_leased(*followers)


async def all_leased(*followers: Follower | AsyncFollower) -> None:
    """Return once each has a lease."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        for follower in followers:
            while not follower.view.lease_left(boot_seconds()):  # noqa: ASYNC110 - nothing tells when it is so
                await asyncio.sleep(0.02)
