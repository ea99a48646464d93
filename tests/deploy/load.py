"""Steady load on all services: people who sign in and approve, clients that redeem and refresh, an API that asks."""

import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Event, Lock

import httpx

from tallystick.resource import IntrospectionClient
from tests.deploy.rollout import Rollout
from tests.support.flow import Visitor, post_token
from tests.support.operator_client import Client, Resource, User

_WORKERS = 4
_QUESTIONS = 6
_POLL_SECONDS = 0.05
_LAST_SECONDS = 60


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
        for _ in range(_QUESTIONS):
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

    def until(self, condition: Callable[[], bool], seconds: float) -> None:
        """Wait for a condition while the load goes on without failure."""
        deadline = time.monotonic() + seconds
        while not condition():
            assert not self.failures, self.failures
            assert time.monotonic() < deadline, self.sent
            time.sleep(_POLL_SECONDS)

    def more(self, requests: int, seconds: float) -> None:
        """Wait until so many more requests were sent."""
        wanted = self.total() + requests
        self.until(lambda: self.total() >= wanted, seconds)


@contextmanager
def load(to: Rollout) -> Iterator[Load]:
    """Put load on the services until the end; none of it may have failed."""
    operator = to.cluster.operator
    user = operator.create_user()
    api, resource, scope = operator.create_resource_server(groups=[operator.create_group(users=[user])])
    under = Load(to, operator.create_client(scopes=[scope]), user, api, resource)
    with ThreadPoolExecutor(_WORKERS) as threads:
        working = [threads.submit(under.work) for _ in range(_WORKERS)]
        try:
            yield under
        finally:
            under.end()
        for each in working:
            each.result(_LAST_SECONDS)
    assert not under.failures, under.failures
