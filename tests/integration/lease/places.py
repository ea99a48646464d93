"""Where replicas run, each with a link to Postgres of its own, and what can be done to them there."""

import random
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from threading import Lock

from tests.support.cluster import SERVICES, Cluster
from tests.support.databases import Database
from tests.support.process import AddressTaken
from tests.support.store_proxy import StoreProxy

_START_ATTEMPTS = 5
_ROLES = tuple(f"tallystick_{service}" for service in SERVICES)


class Link(StoreProxy):
    """A line that is unevenly slow when it is slow, so that answers on several connections overtake one another."""

    _longest = 0.0
    _chance = random.Random(0)  # noqa: S311 - repeatable

    @property
    def delay_seconds(self) -> float:
        """By how much the next piece of an answer is late."""
        return self._longest * self._chance.random()

    @delay_seconds.setter
    def delay_seconds(self, longest: float) -> None:
        self._longest = longest


@dataclass(frozen=True, slots=True)
class LinkedDatabase(Database):
    """A database to which whoever asks for the address of a service's role is given a link of his own."""

    resources: ExitStack = field(kw_only=True)
    links: dict[str, list[Link]] = field(default_factory=lambda: {role: [] for role in _ROLES}, kw_only=True)

    def dsn(self, role: str | None = None) -> str:
        """Return its address for the owner, or acting as a role."""
        address = Database.dsn(self, role)
        if role not in self.links:
            return address
        link = self.resources.enter_context(Link(address))
        self.links[role].append(link)
        return link.url(address)


class Place:
    """Where a replica runs: one process after another, at one address, and a line to its gRPC that may be slow."""

    def __init__(self, cluster: Cluster, database: LinkedDatabase, service: str, number: int, starting: Lock) -> None:
        self._cluster = cluster
        self._links = database.links[f"tallystick_{service}"]
        self._starting = starting
        self._process = cluster.replicas(service)[number]
        # Whoever starts a cluster anew, as a port was taken, leaves links that nobody uses.
        self._link = self._links[number - len(cluster.replicas(service))]
        self.service = service
        self.name = f"{service}-{number + 1}"
        self.http_url = self._process.http_url
        self.grpc_target = self._process.grpc_target
        door = f"grpc://{self.grpc_target}"
        self._door = database.resources.enter_context(Link(door))
        self.slow_target = self._door.url(door).removeprefix("grpc://")

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Stop the process where it is, and let it go on."""
        self._process.pause()
        try:
            yield
        finally:
            self._process.resume()

    @contextmanager
    def cut_off(self) -> Iterator[None]:
        """Break its connections to Postgres, and let it make new ones afterwards."""
        with self._link.cut():
            yield

    @contextmanager
    def slowed(self, seconds: float) -> Iterator[None]:
        """Let what Postgres answers arrive up to so much later."""
        with self._link.slow(seconds):
            yield

    @contextmanager
    def far_away(self, seconds: float) -> Iterator[None]:
        """Let what it answers whoever comes over the slow line arrive up to so much later."""
        with self._door.slow(seconds):
            yield

    @contextmanager
    def down(self) -> Iterator[None]:
        """Kill the process, and start another at the same address."""
        self._process.kill()
        try:
            yield
        finally:
            self._start()

    def _start(self) -> None:
        listen = {"HTTP_LISTEN": self.http_url.removeprefix("http://"), "GRPC_LISTEN": self.grpc_target}
        # One at a time, so that the newest link is its own.
        with self._starting:
            for attempts_left in reversed(range(_START_ATTEMPTS)):
                try:
                    self._process = self._cluster.start(self.service, listen)
                    break
                except AddressTaken:
                    if not attempts_left:
                        raise
                    time.sleep(0.2)
            self._link = self._links[-1]


def places(cluster: Cluster, database: LinkedDatabase) -> dict[str, list[Place]]:
    """Return where the replicas of each service run."""
    starting = Lock()
    return {
        service: [Place(cluster, database, service, n, starting) for n in range(len(cluster.replicas(service)))]
        for service in SERVICES
    }
