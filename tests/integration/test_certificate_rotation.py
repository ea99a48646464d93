"""Certificates, and the authority itself, replaced under the running services while codes are exchanged."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from ssl import get_server_certificate
from threading import Event, Lock

import httpx
import pytest

from tallystick.resource import CertificateFiles, IntrospectionClient
from tallystick.runtime.private_files import write_private
from tests.support.authority import Authority, CertificateFolder
from tests.support.cluster import SERVICES, Cluster, running_cluster
from tests.support.cluster_certificates import ClusterCertificates
from tests.support.databases import Database
from tests.support.flow import Visitor, redeem, refresh
from tests.support.operator_client import Client, User

pytestmark = [pytest.mark.long, pytest.mark.timeout(240)]

ROTATIONS = 3
WORKERS = 3
EXCHANGES_BETWEEN = 10
NOTICED_SECONDS = 20.0
_POLL_SECONDS = 0.1
# proc(5), /proc/net/tcp.
_ESTABLISHED = "01"


@dataclass
class Exchanges:
    """Workers that buy tokens with codes, refresh them and ask for them over TLS; nothing of it may fail."""

    cluster: Cluster
    authorities: Path
    client: Client
    user: User
    caller: Client
    over: Event = field(default_factory=Event)
    done: int = 0
    failures: list[str] = field(default_factory=list)
    _lock: Lock = field(default_factory=Lock)

    def work(self) -> None:
        """Go on until told to end, or until something fails."""
        with (
            Visitor(self.cluster, self.user) as visitor,
            IntrospectionClient(
                self.cluster.introspect.grpc_target,
                client_id=self.caller.client_id,
                client_secret=self.caller.client_secret or "",
                channel_credentials=CertificateFiles(self.authorities),
                timeout_seconds=10,
                reuse=0,
            ) as introspection,
        ):
            while not self.over.is_set():
                try:
                    self._once(visitor, introspection)
                except Exception as error:  # noqa: BLE001 - whatever it is, the test tells it
                    self.failures.append(repr(error))
                    return

    def _once(self, visitor: Visitor, introspection: IntrospectionClient) -> None:
        bought = redeem(self.cluster, visitor.approve(self.client))
        assert bought.status_code == httpx.codes.OK, bought.text
        refreshed = refresh(self.cluster, self.client, bought.json()["refresh_token"])
        assert refreshed.status_code == httpx.codes.OK, refreshed.text
        assert introspection.introspect(refreshed.json()["access_token"]).active
        with self._lock:
            self.done += 1

    def until(self, condition: Callable[[], bool]) -> None:
        """Wait for a condition while nothing fails."""
        deadline = time.monotonic() + NOTICED_SECONDS
        while not condition():
            assert not self.failures, self.failures
            assert time.monotonic() < deadline, self.cluster.tail()
            time.sleep(_POLL_SECONDS)

    def go_on(self) -> None:
        """Wait for some more exchanges."""
        enough = self.done + EXCHANGES_BETWEEN
        self.until(lambda: self.done >= enough)


@contextmanager
def exchanging(cluster: Cluster, authorities: Path) -> Iterator[Exchanges]:
    """Let workers exchange codes until the end; none of it may have failed."""
    operator = cluster.operator
    caller, _, scope = operator.create_resource_server()
    load = Exchanges(cluster, authorities, operator.create_client(scopes=[scope]), operator.create_user(), caller)
    with ThreadPoolExecutor(WORKERS) as threads:
        working = [threads.submit(load.work) for _ in range(WORKERS)]
        try:
            load.go_on()
            yield load
            load.go_on()
        finally:
            load.over.set()
        for each in working:
            each.result(NOTICED_SECONDS)
    assert load.failures == []


def port_of(cluster: Cluster, service: str) -> tuple[str, int]:
    host, _, port = str(getattr(cluster, service).grpc_target).rpartition(":")
    return host, int(port)


def served(cluster: Cluster) -> dict[str, str]:
    """Return the certificates that whoever connects anew is shown; as somebody does, services look at their files."""
    return {service: get_server_certificate(port_of(cluster, service)) for service in SERVICES}


def connections(cluster: Cluster) -> set[str]:
    """Return the connections to where authorize is asked with certificates, by the ports that they come from."""
    port = f"{int(cluster.authorize.grpc_mutual_target.rpartition(':')[2]):04X}"
    # gRPC speaks IPv4 by sockets of either family.
    tables = (Path("/proc/net/tcp").read_text(), Path("/proc/net/tcp6").read_text())
    rows = [row.split() for table in tables for row in table.splitlines()[1:]]
    return {row[1] for row in rows if row[2].endswith(f":{port}") and row[3] == _ESTABLISHED}


def are_over(cluster: Cluster, former: set[str]) -> Callable[[], bool]:
    """Return whether none of these connections is left, and others are in their place."""
    assert former
    return lambda: bool(connections(cluster)) and not former & connections(cluster)


def told(cluster: Cluster, event: str, times: int, certificates: ClusterCertificates) -> Callable[[], bool]:
    """Return whether each service has told of an event so often, and shows the certificate that it should."""

    def is_so() -> bool:
        shown = {service: leaf.certificate for service, leaf in certificates.leaves.items()}
        is_shown = served(cluster) == shown
        return is_shown and all(
            getattr(cluster, service).stdout.count(f'"event": "{event}"') == times for service in SERVICES
        )

    return is_so


@pytest.fixture
def certificates(tmp_path: Path) -> ClusterCertificates:
    return ClusterCertificates(tmp_path)


@pytest.fixture
def secured(database: Database, redis_url: str, tmp_path: Path, certificates: ClusterCertificates) -> Iterator[Cluster]:
    """One replica of each service, which know one another by their certificates."""
    with running_cluster(database, redis_url, tmp_path, certificates=certificates) as cluster:
        yield cluster
        assert "PRIVATE KEY" not in cluster.output()


def test_certificates_are_replaced_under_load(secured: Cluster, certificates: ClusterCertificates) -> None:
    """Three times on all sides, each time after files that were broken; no call fails."""
    with exchanging(secured, certificates.folders["introspect"].authorities) as load:
        for rotation in range(1, ROTATIONS + 1):
            broken = {"authorize": "", "token": "no PEM", "introspect": certificates.authority.service("token").key}
            for service, text in broken.items():
                write_private(certificates.folders[service].key, text)
            load.until(told(secured, "certificates_not_renewed", rotation, certificates))
            load.go_on()
            former = connections(secured)
            certificates.renew(certificates.authority)
            load.until(told(secured, "certificates_renewed", rotation, certificates))
            load.until(are_over(secured, former))
            load.go_on()


def test_the_authority_is_replaced_under_load(
    secured: Cluster, certificates: ClusterCertificates, tmp_path: Path
) -> None:
    """First both are believed, then certificates are of the next, then the former is believed no longer."""
    former, latter = certificates.authority, Authority("of the cluster")
    believed = CertificateFolder(tmp_path / "resource-server")
    believed.trust([former])
    with exchanging(secured, believed.authorities) as load:
        believed.trust([former, latter])
        certificates.trust(former, latter)
        load.until(told(secured, "certificates_renewed", 1, certificates))
        certificates.renew(latter)
        load.until(told(secured, "certificates_renewed", 2, certificates))
        load.go_on()
        former_connections = connections(secured)
        believed.trust([latter])
        certificates.trust(latter)
        load.until(told(secured, "certificates_renewed", 3, certificates))
        load.until(are_over(secured, former_connections))
        load.go_on()
