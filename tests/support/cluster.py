"""The three services as processes over real stores."""

import base64
import os
import re
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from tallystick.oauth2.opaque_token import CredentialType, digest, new_credential
from tests.support.cluster_certificates import ClusterCertificates
from tests.support.databases import Database
from tests.support.environment import ROOT
from tests.support.operator_client import OperatorClient
from tests.support.ports import free_ports
from tests.support.process import AddressTaken, ProcessDied
from tests.support.secrets_ledger import LEDGER
from tests.support.service_process import ServiceProcess

SERVICES = ("authorize", "token", "introspect")
DRAIN_SECONDS = 0.2
"""How long a service that is asked to end lets balancers notice: here there are none."""
_START_ATTEMPTS = 3
# All tests come from one address.
_ALL_TESTS_TOGETHER = 1_000_000

# The first operator, as the migration makes it when it is given a file for the credential.
INSERT_OPERATOR = "INSERT INTO operators (name, digest, role) VALUES (%(name)s, %(digest)s, 'admin')"

# A token, a client secret, a credential, or an authorization code.
SECRET = re.compile(
    r"ts[arsov]_[A-Za-z0-9_-]{43}|(?<![A-Za-z0-9_-])[A-Za-z0-9_-]{22}\.[A-Za-z0-9_-]{43}(?![A-Za-z0-9_-])"
)

Settings = Mapping[str, object]


class Cluster:
    """authorize, token and introspect, with as many replicas of each as wanted.

    `cluster.token` is the first replica; `cluster.start("token")` adds another. The issuer is the first authorize's
    address. `settings` are for all services, named without `TALLYSTICK_`. With `certificates` gRPC is served over TLS.
    """

    authorize: ServiceProcess
    token: ServiceProcess
    introspect: ServiceProcess
    operator: OperatorClient

    def __init__(
        self,
        database: Database,
        redis_url: str,
        folder: Path,
        settings: Settings | None = None,
        *,
        checkout: Path = ROOT,
        certificates: ClusterCertificates | None = None,
    ) -> None:
        self.certificates = certificates
        self.database = database
        self.redis_url = redis_url
        self.folder = folder
        self._settings = dict(settings or {})
        self._checkout = checkout
        self._replicas: list[ServiceProcess] = []
        self._public_ports: dict[str, int] = {}
        self._authorize_target = ""
        self._started = 0
        self._keys = _Keys(folder)
        self.admin_credential = new_credential(CredentialType.OPERATOR, secrets.token_bytes(32))
        LEDGER.note("operator's credential", self.admin_credential)
        LEDGER.note("store's password", *(urlsplit(url).password for url in (database.dsn(), redis_url)))
        with database.connect() as connection:
            operator = {"name": f"admin-{secrets.token_hex(4)}", "digest": digest(self.admin_credential)}
            connection.execute(INSERT_OPERATOR, operator)

    @property
    def issuer(self) -> str:
        """The issuer (RFC 8414 §2)."""
        return f"http://127.0.0.1:{self._public_ports['authorize']}"

    def replicas(self, service: str) -> list[ServiceProcess]:
        """Return every replica of a service, running or not, in the order of their start."""
        return [replica for replica in self._replicas if replica.service == service]

    def start_all(self, authorize: int, token: int, introspect: int = 1) -> None:
        """Start the services; each replica of token asks all replicas of authorize in turn.

        Raises:
            AddressTaken: if a port was taken since it was chosen; whoever calls starts over.
        """
        self._public_ports = dict(zip(SERVICES, free_ports(len(SERVICES)), strict=True))
        first = [self._launch("authorize", first=number == 0) for number in range(authorize)]
        asked = [self._launch("introspect", first=number == 0) for number in range(introspect)]
        for replica in first:
            replica.wait_until_listening()
        self._authorize_target = "ipv4:" + ",".join(map(self._neighbours_target, first))
        second = [self._launch("token", first=number == 0) for number in range(token)]
        for replica in (*second, *asked):
            replica.wait_until_listening()
        self.authorize, self.token, self.introspect = first[0], second[0], asked[0]
        self._started = len(self._replicas)
        verified = None if self.certificates is None else self.certificates.of_operators
        self.operator = OperatorClient(
            self.authorize.grpc_target, self.token.grpc_target, self.admin_credential, verified
        )

    def start(self, service: str, settings: Settings | None = None, *, checkout: Path | None = None) -> ServiceProcess:
        """Start another replica, with settings of its own or of another version, and return it when it listens."""
        replica = self._launch(service, first=False, settings=settings, checkout=checkout)
        replica.wait_until_listening()
        return replica

    def settings_of(self, service: str) -> dict[str, object]:
        """Return what a further replica of a service is started with, named without `TALLYSTICK_`."""
        common = {
            "ISSUER": self.issuer,
            "HTTP_LISTEN": "127.0.0.1:0",
            "GRPC_LISTEN": "127.0.0.1:0",
            "METRICS_LISTEN": "127.0.0.1:0",
            "POSTGRES_DSN": self.database.dsn(f"tallystick_{service}"),
            "DRAIN_SECONDS": DRAIN_SECONDS,
        }
        settings = {**common, **self._own_settings(service)}
        if self.certificates is not None:
            settings = self.certificates.settings_of(service, settings)
        return {**settings, **self._settings}

    def is_as_started(self) -> bool:
        """Tell whether the replicas that it was started with run, and no others were added."""
        return len(self._replicas) == self._started and all(replica.is_running() for replica in self._replicas)

    def stop(self) -> None:
        """End all processes in order; fail if one that still ran did not end well."""
        if hasattr(self, "operator"):
            self.operator.close()
        running = [replica for replica in self._replicas if replica.is_running()]
        for replica in running:
            replica.terminate()
        failed = [f"{each.name} ended with {code}\n{each.tail()}" for each in running if (code := each.finish().code)]
        self._replicas.clear()
        if failed:
            raise ProcessDied("\n".join(failed))
        self._require_discretion()

    def kill(self) -> None:
        """End all processes at once."""
        for replica in self._replicas:
            replica.kill()
        self._replicas.clear()

    def output(self) -> str:
        """Return everything that any replica has written, ended ones included."""
        written = sorted([*self.folder.glob("*.stdout"), *self.folder.glob("*.stderr")])
        return "\n".join(file.read_text(errors="replace") for file in written)

    def tail(self) -> str:
        """Return the end of what each replica wrote, for a person to read."""
        return "\n".join(f"--- {replica.name}\n{replica.tail()}" for replica in self._replicas)

    def _require_discretion(self) -> None:
        # Whatever a test was about: no service may have written a secret (GEN-11).
        indiscreet = [line for line in self.output().splitlines() if SECRET.search(line)]
        indiscreet += [line for line in self.output().splitlines() for each in self.operator.passwords if each in line]
        if indiscreet:
            raise AssertionError("a secret is in the logs:\n" + "\n".join(indiscreet))

    def _launch(
        self, service: str, *, first: bool, settings: Settings | None = None, checkout: Path | None = None
    ) -> ServiceProcess:
        listen = {"HTTP_LISTEN": f"127.0.0.1:{self._public_ports[service]}"} if first else {}
        number = len(list(self.folder.glob(f"{service}-*.stdout"))) + 1
        replica = ServiceProcess(
            service,
            {**self.settings_of(service), **listen, **(settings or {})},
            self.folder,
            f"{service}-{number}",
            checkout=checkout or self._checkout,
        )
        self._replicas.append(replica)
        return replica

    def _neighbours_target(self, replica: ServiceProcess) -> str:
        return replica.grpc_target if self.certificates is None else replica.grpc_mutual_target

    def _own_settings(self, service: str) -> dict[str, object]:
        base = {name: f"http://127.0.0.1:{port}" for name, port in self._public_ports.items()}
        match service:
            case "authorize":
                return {
                    "TOKEN_URL": base["token"],
                    "INTROSPECT_URL": base["introspect"],
                    "REDIS_URL": self.redis_url,
                    "SERVICE_CALLERS_FILE": self._keys.callers,
                    "SIGN_IN_FAILURES_PER_SOURCE": _ALL_TESTS_TOGETHER,
                    "AUDIT_REFUSALS_PER_SOURCE": _ALL_TESTS_TOGETHER,
                }
            case "token":
                return {
                    "AUTHORIZE_TARGET": self._authorize_target,
                    "PARTITION_DSN": self.database.dsn("tallystick_partitions"),
                    "REFRESH_KEY_FILE": self._keys.refresh,
                    "SERVICE_TOKEN_FILE": self._keys.credential("token"),
                    "SECRET_FAILURES_PER_SOURCE": _ALL_TESTS_TOGETHER,
                    "AUDIT_REFUSALS_PER_SOURCE": _ALL_TESTS_TOGETHER,
                }
            case _:
                return {"SECRET_FAILURES_PER_SOURCE": _ALL_TESTS_TOGETHER}


class _Keys:
    """The key files and credential files of a cluster, for nobody else to read."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        credentials = {service: new_credential(CredentialType.SERVICE, secrets.token_bytes(32)) for service in SERVICES}
        for service, credential in credentials.items():
            self._write(f"{service}-credential", credential)
        LEDGER.note("service's credential", *credentials.values())
        callers = "\n".join(f"{service}:{digest(credential).hex()}" for service, credential in credentials.items())
        self.callers = self._write("callers", callers)
        key = base64.urlsafe_b64encode(secrets.token_bytes(32)).decode().rstrip("=")
        LEDGER.note("refresh key", key)
        self.refresh = self._write("refresh-key", f"k1:{key}")

    def credential(self, service: str) -> Path:
        """Return the file with a service's own credential."""
        return self._folder / f"{service}-credential"

    def _write(self, name: str, text: str) -> Path:
        path = self._folder / name
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(f"{text}\n")
        return path


@contextmanager
def running_cluster(
    database: Database,
    redis_url: str,
    folder: Path,
    *,
    authorize: int = 1,
    token: int = 1,
    introspect: int = 1,
    settings: Settings | None = None,
    checkout: Path = ROOT,
    certificates: ClusterCertificates | None = None,
) -> Iterator[Cluster]:
    """Give a cluster with so many replicas of each service, and end it afterwards."""
    cluster = Cluster(database, redis_url, folder, settings, checkout=checkout, certificates=certificates)
    try:
        for attempts_left in reversed(range(_START_ATTEMPTS)):
            try:
                cluster.start_all(authorize, token, introspect)
                break
            except AddressTaken:
                cluster.kill()
                if not attempts_left:
                    raise
        yield cluster
        cluster.stop()
    finally:
        cluster.kill()
