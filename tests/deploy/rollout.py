"""What Kubernetes does with the replicas of a service: start, add to and take from the endpoints, roll, scale."""

import itertools
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from tests.support.cluster import Cluster
from tests.support.dns_server import DnsServer
from tests.support.environment import ROOT
from tests.support.ports import free_port
from tests.support.service_process import ServiceProcess

_PROPAGATION_SECONDS = 0.4
"""How long after a pod was told to end others still send to it; the services wait a second."""
_READY_SECONDS = 30.0
_CLEAN_EXIT = 0


@dataclass(frozen=True, slots=True)
class Pod:
    """A replica with an address of its own, as pods have; the port of gRPC is that of all its service's replicas."""

    address: str
    process: ServiceProcess


@dataclass
class Deployment:
    """The replicas of one service behind a name and a balancer that knows which of them are ready.

    New replicas are of the version in `checkout`.
    """

    service: str
    cluster: Cluster
    names: DnsServer
    addresses: Iterator[int]
    settings: Mapping[str, object]
    checkout: Path = ROOT
    grpc_port: int = field(default_factory=free_port)
    _pods: list[Pod] = field(default_factory=list)
    _ready: tuple[Pod, ...] = ()
    _turn: Iterator[int] = field(default_factory=itertools.count)
    _lock: Lock = field(default_factory=Lock)

    @property
    def target(self) -> str:
        """The gRPC target of the headless Service."""
        return self.names.target(f"{self.service}.test", self.grpc_port)

    def next(self) -> Pod:
        """Return the ready replica whose turn it is."""
        with self._lock:
            return self._ready[next(self._turn) % len(self._ready)]

    def scale(self, replicas: int) -> list[Pod]:
        """Add replicas until there are so many, and return the new ones."""
        new = [self._start() for _ in range(replicas - len(self._pods))]
        self._pods += new
        self._announce()
        return new

    def roll(self) -> None:
        """Replace every replica: a new one is ready before an old one is told to end (maxSurge 1, maxUnavailable 0)."""
        for old in list(self._pods):
            self._pods.append(self._start())
            self._announce()
            self._pods.remove(old)
            old.process.terminate()
            time.sleep(_PROPAGATION_SECONDS)
            self._announce()
            ended = old.process.finish()
            assert ended.code == _CLEAN_EXIT, old.process.tail()

    def _start(self) -> Pod:
        address = f"127.0.0.{next(self.addresses)}"
        listen = {"GRPC_LISTEN": f"{address}:{self.grpc_port}"}
        pod = Pod(address, self.cluster.start(self.service, {**self.settings, **listen}, checkout=self.checkout))
        with grpc.insecure_channel(f"{address}:{self.grpc_port}") as channel:
            answer = health_pb2_grpc.HealthStub(channel).Check(
                health_pb2.HealthCheckRequest(service="readiness"), timeout=_READY_SECONDS, wait_for_ready=True
            )
        assert answer.status == health_pb2.HealthCheckResponse.SERVING
        return pod

    def _announce(self) -> None:
        with self._lock:
            self._ready = tuple(self._pods)
        self.names.say(f"{self.service}.test", *(pod.address for pod in self._pods))


@dataclass(frozen=True, slots=True)
class Rollout:
    """The three services, each behind a name."""

    cluster: Cluster
    authorize: Deployment
    token: Deployment
    introspect: Deployment


@contextmanager
def rollout(cluster: Cluster, *, replicas: Mapping[str, int], drain_seconds: float) -> Iterator[Rollout]:
    """Run so many replicas of each service beside those of the cluster, which nobody asks."""
    addresses = itertools.count(10)
    settings: dict[str, object] = {"DRAIN_SECONDS": drain_seconds}
    with DnsServer() as names:
        authorize = Deployment("authorize", cluster, names, addresses, settings)
        token = Deployment(
            "token",
            cluster,
            names,
            addresses,
            {**settings, "AUTHORIZE_TARGET": authorize.target, "ALLOW_PLAINTEXT": "true"},
        )
        introspect = Deployment("introspect", cluster, names, addresses, settings)
        for deployment in (authorize, token, introspect):
            deployment.scale(replicas[deployment.service])
        yield Rollout(cluster, authorize, token, introspect)
