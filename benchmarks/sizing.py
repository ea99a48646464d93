"""What each kind of request costs each service in processor time, for `docs/sizing.md`.

`.venv/bin/python -m benchmarks.sizing [REQUESTS]` starts the stores from their wheels, one replica of each service and
the floor, an empty HTTP request to a server of the same kind. It counts the time that processes have computed, not the
time that has passed, which would depend on what else the machine does, and on clients that are slower than services.
"""

import os
import subprocess
import sys
import tempfile
import time
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import LiteralString

import grpc
import httpx

from tallystick.introspect.v1 import introspection_pb2 as pb
from tallystick.introspect.v1.introspection_pb2_grpc import IntrospectionServiceStub
from tallystick.oauth2.client import ClientType, GrantType
from tests.support.cluster import SERVICES, Cluster, running_cluster
from tests.support.databases import Databases, RedisDatabases
from tests.support.embedded import EmbeddedPostgresServer, EmbeddedRedisServer
from tests.support.flow import SECONDS, Approval, Visitor
from tests.support.operator_client import Client, Scope, User

_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE_MEGABYTES = os.sysconf("SC_PAGE_SIZE") / 1_000_000
_AT_ONCE = 8
_FLOOR = "empty HTTP request"
_IDLE_SECONDS = 10.0
_PROCESSES = (*SERVICES, "postgres")
_STORED = "stored"
_SIZE: LiteralString = "SELECT pg_database_size(current_database()) AS size"

Costs = Mapping[str, float]
"""Milliseconds of processor time by process, and bytes by which the database has grown."""


def computed(pid: int) -> float:
    """Return the milliseconds that a process and its children, ended ones included, have computed."""
    fields = _stat(pid)
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    own = sum(int(fields[place]) for place in (11, 12, 13, 14)) * 1000 / _TICKS
    return own + sum(_of_child(int(child)) for child in children)


def _of_child(pid: int) -> float:
    try:
        return computed(pid)
    except (FileNotFoundError, ProcessLookupError):
        # It has ended meanwhile, and is its parent's now.
        return 0.0


def resident(pid: int) -> float:
    """Return the megabytes that a process has in memory."""
    return int(_stat(pid)[21]) * _PAGE_MEGABYTES


def _stat(pid: int) -> Sequence[str]:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


@dataclass(frozen=True, slots=True)
class Bench:
    """The running services, by the ids of their processes."""

    cluster: Cluster
    pids: Mapping[str, int]
    requests: int

    def measured(self, request: Callable[[int], object], *, warm_up: int = 20) -> Costs:
        """Make requests, numbered, some of them at once; return what one of them cost each process."""
        with ThreadPoolExecutor(_AT_ONCE) as threads:
            list(threads.map(request, range(warm_up)))
            before = self._state()
            list(threads.map(request, range(warm_up, warm_up + self.requests)))
        return {name: (state - before[name]) / self.requests for name, state in self._state().items()}

    def idle(self) -> Costs:
        """Return what a second costs in which nobody asks anything."""
        before = self._state()
        time.sleep(_IDLE_SECONDS)
        return {name: (state - before[name]) / _IDLE_SECONDS for name, state in self._state().items()}

    def _state(self) -> Costs:
        with self.cluster.database.connect() as connection:
            row = connection.execute(_SIZE).fetchone()
        return {name: computed(pid) for name, pid in self.pids.items()} | {_STORED: float(row["size"]) if row else 0.0}


class World:
    """Who asks, and for what."""

    def __init__(self, cluster: Cluster, users: int) -> None:
        self.cluster = cluster
        operator = cluster.operator
        self.resource_server, _, scope = operator.create_resource_server()
        self.client = operator.create_client(ClientType.PUBLIC, scopes=[scope])
        self.machine = operator.create_client(
            ClientType.CONFIDENTIAL, scopes=[scope], redirect_uris=(), grant_types=(GrantType.CLIENT_CREDENTIALS,)
        )
        self.scope: Scope = scope
        self.users: list[User] = [operator.create_user() for _ in range(users)]
        self.http = httpx.Client(timeout=SECONDS, trust_env=False, limits=httpx.Limits(max_connections=_AT_ONCE))
        self.visitors: list[Visitor] = []
        self.approvals: list[Approval] = []
        self.tokens: list[dict[str, str]] = []

    def sign_in(self, number: int) -> None:
        """Sign in at a browser that nobody has used, and approve."""
        visitor = Visitor(self.cluster, self.users[number % len(self.users)])
        self.visitors.append(visitor)
        self.approvals.append(visitor.approve(self.client))

    def approve(self, number: int) -> None:
        """Approve, signed in already; a visitor walks alone, as a browser does."""
        self.approvals.append(self.visitors[number % len(self.visitors)].approve(self.client))

    def redeem(self, number: int) -> None:
        """Redeem a code."""
        form = {**self.approvals[number].form(), "client_id": self.client.client_id}
        self.tokens.append(self._token(form))

    def refresh(self, number: int) -> None:
        """Refresh, with a token that was not used before."""
        form = {"grant_type": "refresh_token", "refresh_token": self.tokens[number]["refresh_token"]}
        self.tokens[number] = self._token({**form, "client_id": self.client.client_id})

    def client_credentials(self, _number: int) -> None:
        """Get a token for a machine."""
        self._token({"grant_type": "client_credentials"}, self.machine)

    def revoke(self, number: int) -> None:
        """Revoke a grant."""
        form = {"token": self.tokens[number]["refresh_token"], "client_id": self.client.client_id}
        self.http.post(f"{self.cluster.token.http_url}/oauth2/revoke", data=form).raise_for_status()

    def introspect(self, number: int) -> None:
        """Ask about a token over HTTP."""
        answer = self.http.post(
            f"{self.cluster.introspect.http_url}/oauth2/introspect",
            data={"token": self.tokens[number % len(self.tokens)]["access_token"]},
            auth=(self.resource_server.client_id, self.resource_server.client_secret or ""),
        )
        assert answer.json()["active"]  # noqa: S101 - a benchmark of refusals would say nothing

    def _token(self, form: Mapping[str, str], client: Client | None = None) -> dict[str, str]:
        auth = httpx.BasicAuth(client.client_id, client.client_secret or "") if client else None
        answer = self.http.post(f"{self.cluster.token.http_url}/oauth2/token", data=form, auth=auth or httpx.Auth())
        answer.raise_for_status()
        tokens: dict[str, str] = answer.json()
        return tokens


class AskingOverGrpc:
    """A resource server over gRPC."""

    def __init__(self, world: World) -> None:
        self.channel = grpc.insecure_channel(world.cluster.introspect.grpc_target)
        self._stub = IntrospectionServiceStub(self.channel)
        own = f"{world.resource_server.client_id}:{world.resource_server.client_secret}".encode()
        self._metadata = (("authorization", f"Basic {b64encode(own).decode()}"),)
        self._tokens = world.tokens

    def __call__(self, number: int) -> None:
        """Ask about a token."""
        token = self._tokens[number % len(self._tokens)]["access_token"].encode()
        request = pb.IntrospectRequest(token=token)
        assert self._stub.Introspect(request, metadata=self._metadata, timeout=SECONDS).active  # noqa: S101 - a refusal is answered sooner


@contextmanager
def http_floor() -> Iterator[tuple[int, str]]:
    """Run the floor; give its process and its address."""
    command = (sys.executable, "-m", "benchmarks.http_echo_server")
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as echo:  # noqa: S603 - our own program
        try:
            yield echo.pid, f"http://127.0.0.1:{next(iter(echo.stdout or ())).strip()}"
        finally:
            echo.kill()


@contextmanager
def bench(requests: int) -> Iterator[tuple[Bench, str]]:
    """Run everything."""
    with (
        EmbeddedPostgresServer.running() as postgres,
        EmbeddedRedisServer.running() as redis,
        Databases(postgres).migrated() as database,
        RedisDatabases(redis).lent() as redis_url,
        tempfile.TemporaryDirectory() as folder,
        running_cluster(
            database, redis_url, Path(folder), settings={"CODE_LIFETIME_SECONDS": 600, "QUESTIONS_PER_CALLER": 0}
        ) as cluster,
        http_floor() as (floor_pid, floor_url),
    ):
        with database.connect() as connection:
            row = connection.execute("SELECT pg_backend_pid() AS pid").fetchone()
            postmaster = int(_stat(row["pid"])[1]) if row else 0
        pids = {
            "authorize": cluster.authorize.pid,
            "token": cluster.token.pid,
            "introspect": cluster.introspect.pid,
            "postgres": postmaster,
            "floor": floor_pid,
        }
        yield Bench(cluster, pids, requests), floor_url


def run(requests: int) -> None:
    """Measure, and print a table in Markdown."""
    with bench(requests) as (running, floor_url):
        world = World(running.cluster, _AT_ONCE)
        empty = httpx.Client(timeout=SECONDS, trust_env=False)
        asking = AskingOverGrpc(world)
        steps: dict[str, Costs] = {
            _FLOOR: running.measured(lambda _: empty.post(floor_url, data={"a": "b"})),
            "a second without requests": running.idle(),
            "sign-in, consent, code": running.measured(world.sign_in),
            "consent, code": running.measured(world.approve),
            "code exchange": running.measured(world.redeem),
            "refresh": running.measured(world.refresh),
            "client credentials": running.measured(world.client_credentials),
            "introspection of a token not known yet": running.measured(world.introspect, warm_up=0),
            "introspection from memory, HTTP": running.measured(world.introspect),
            "introspection from memory, gRPC": running.measured(asking),
            "revocation": running.measured(world.revoke),
        }
        memory = {name: resident(pid) for name, pid in running.pids.items() if name in SERVICES}
    floor = steps.pop(_FLOOR)["floor"]
    _print("request", *_PROCESSES, "all services, in empty requests", "bytes stored")
    _print(*["---"] * (len(_PROCESSES) + 3))
    for name, costs in steps.items():
        ours = sum(costs[service] for service in SERVICES)
        cells = [f"{costs[each]:.2f}" for each in _PROCESSES]
        _print(name, *cells, f"{ours / floor:.1f}", f"{costs[_STORED]:.0f}")
    print(f"An empty request: {floor:.2f} ms")  # noqa: T201 - it is asked for
    print("MB in memory:", ", ".join(f"{name} {size:.0f}" for name, size in memory.items()))  # noqa: T201 - it is what was measured


def _print(*cells: str) -> None:
    print("|", " | ".join(cells), "|")  # noqa: T201 - it is asked for


if __name__ == "__main__":
    run(int(sys.argv[1]) if len(sys.argv) > 1 else 400)
