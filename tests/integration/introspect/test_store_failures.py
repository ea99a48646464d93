"""When Postgres fails, introspect says so, and never that a token is good or bad."""

import json
import subprocess
import sys
import time
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import grpc
import httpx
import pytest
from google.protobuf.duration_pb2 import Duration
from grpc_health.v1 import health_pb2, health_pb2_grpc

from tallystick.introspect.v1 import introspection_pb2, introspection_pb2_grpc
from tallystick.runtime.failures import Unavailable
from tallystick.runtime.postgres import SyncPostgres
from tallystick.schema.revision import REQUIRED
from tests.integration.introspect.conftest import ROLE
from tests.integration.introspect.rows import Rows
from tests.support.cluster import DRAIN_SECONDS
from tests.support.databases import Database, Databases
from tests.support.environment import ROOT, program_environment
from tests.support.ports import free_ports
from tests.support.service_process import ServiceProcess
from tests.support.store_proxy import ProxiedDatabase, StoreProxy
from tests.support.stores import PostgresServer

PHOTOS = "https://photos.example"


def settings(dsn: str, **more: object) -> dict[str, object]:
    return {
        "ISSUER": "http://127.0.0.1:8080",
        "HTTP_LISTEN": "127.0.0.1:0",
        "GRPC_LISTEN": "127.0.0.1:0",
        "POSTGRES_DSN": dsn,
        "DRAIN_SECONDS": DRAIN_SECONDS,
        **more,
    }


class Asked:
    """A service over a Postgres of its own, a live token, and the caller that may ask about it."""

    def __init__(self, process: ServiceProcess, rows: Rows) -> None:
        app, api = rows.client("photos.read"), rows.client(serves=[PHOTOS])
        pair = f"{api.client_id}:{api.secret}"
        self.process = process
        self.authorization = f"Basic {b64encode(pair.encode()).decode()}"
        self.live = rows.access_token(app, "photos.read", audience=PHOTOS).text

    def over_http(self, authorization: str | None = None) -> httpx.Response:
        return httpx.post(
            f"{self.process.http_url}/oauth2/introspect",
            data={"token": self.live},
            headers={"authorization": authorization or self.authorization},
            timeout=15,
        )

    def over_grpc(
        self, freshness: introspection_pb2.Freshness | None = None
    ) -> introspection_pb2.IntrospectResponse | grpc.StatusCode:
        """Return the answer, which is active, or the status of the error."""
        with grpc.insecure_channel(self.process.grpc_target) as channel:
            stub = introspection_pb2_grpc.IntrospectionServiceStub(channel)
            request = introspection_pb2.IntrospectRequest(token=self.live.encode(), freshness=freshness)
            try:
                answer = stub.Introspect(request, timeout=15, metadata=(("authorization", self.authorization),))
            except grpc.RpcError as error:
                code: grpc.StatusCode = error.code()
                return code
            assert answer.active
            return answer

    def until_unavailable(self) -> list[tuple[float, introspection_pb2.IntrospectResponse]]:
        """Ask until nobody knows; return when each call began that was answered, in seconds from now, and the answer.

        Nothing is refused and nobody is called inactive meanwhile.
        """
        began = time.monotonic()
        answered: list[tuple[float, introspection_pb2.IntrospectResponse]] = []
        while True:
            asked_at = time.monotonic() - began
            answer = self.over_grpc()
            if isinstance(answer, grpc.StatusCode):
                assert answer is grpc.StatusCode.UNAVAILABLE
                return answered
            answered.append((asked_at, answer))

    def until_it_answers_again(self) -> httpx.Response:
        """Ask until the pool has found the store again."""
        deadline = time.monotonic() + 20
        while (response := self.over_http()).status_code != 200 and time.monotonic() < deadline:
            assert response.status_code == 503
        return response


@contextmanager
def served(database: Database, folder: Path) -> Iterator[Asked]:
    """Give a service that has just answered."""
    process = ServiceProcess("introspect", settings(database.dsn(ROLE)), folder)
    process.wait_until_listening()
    with database.connect() as connection:
        made = Asked(process, Rows(connection))
    assert made.over_http().json()["active"]
    yield made
    ended = process.stop()
    assert ended.code == 0, ended.stderr


@pytest.fixture
def asked(own_database: Database, tmp_path: Path) -> Iterator[Asked]:
    """A service whose Postgres may be disturbed."""
    with served(own_database, tmp_path) as made:
        yield made


@pytest.mark.parametrize(
    ("fail", "mend"),
    [
        pytest.param("pause", "resume", id="frozen, connections open"),
        pytest.param("kill", "restart", id="crashed"),
    ],
)
def test_a_failing_store_is_no_verdict(asked: Asked, own_postgres: PostgresServer, fail: str, mend: str) -> None:
    """503 with Retry-After and UNAVAILABLE, for good and bad credentials alike, and nothing is lost (GRPC-03)."""
    disturb: Callable[[], None] = getattr(own_postgres, fail)
    end: Callable[[], None] = getattr(own_postgres, mend)
    disturb()
    try:
        asked.until_unavailable()
        for response in (asked.over_http(), asked.over_http("Basic bm9ib2R5Om5vdGhpbmc=")):
            assert (response.status_code, response.json()["error"]) == (503, "temporarily_unavailable")
            assert int(response.headers["retry-after"]) > 0
            assert "active" not in response.text
        assert asked.over_grpc() is grpc.StatusCode.UNAVAILABLE
        with grpc.insecure_channel(asked.process.grpc_target) as channel:
            request = health_pb2.HealthCheckRequest(service="liveness")
            health = health_pb2_grpc.HealthStub(channel).Check(request, timeout=15)
        assert health.status == health_pb2.HealthCheckResponse.SERVING
    finally:
        end()
    assert asked.until_it_answers_again().json()["active"]
    assert not isinstance(asked.over_grpc(), grpc.StatusCode)


REVOCATION_WAIT = 1.5
LEASE = 0.8 * REVOCATION_WAIT


@pytest.fixture(scope="module")
def behind_a_proxy(databases: Databases) -> Iterator[ProxiedDatabase]:
    """A database that can be cut off from one moment to the next."""
    with databases.migrated() as database, StoreProxy(database.dsn()) as proxy:
        database.set_revocation_wait(int(REVOCATION_WAIT * 1000))
        yield ProxiedDatabase(database.server, database.name, proxy=proxy)


def accepting(seconds: int) -> introspection_pb2.Freshness:
    return introspection_pb2.Freshness(accept_staleness=Duration(seconds=seconds))


def test_memory_answers_until_the_lease_ends(behind_a_proxy: ProxiedDatabase, tmp_path: Path) -> None:
    """Cut off a replica knows what it knew for 0.8 R, and then only for who accepts it (INTR-07, GRPC-03)."""
    again = introspection_pb2.Freshness(read_again=True)
    with served(behind_a_proxy, tmp_path) as asked:
        before = asked.over_grpc()
        assert not isinstance(before, grpc.StatusCode)
        assert 0 < before.valid_for.ToTimedelta().total_seconds() <= LEASE
        with behind_a_proxy.proxy.cut():
            answered = asked.until_unavailable()
            assert answered
            for asked_at, answer in answered:
                left = answer.valid_for.ToTimedelta().total_seconds()
                assert 0 < asked_at + left <= LEASE + 0.05
            stale = asked.over_grpc(accepting(60))
            assert not isinstance(stale, grpc.StatusCode)
            assert not stale.HasField("valid_for")
            assert asked.over_grpc(again) is grpc.StatusCode.UNAVAILABLE
            # The lease alone was longer than this.
            assert asked.over_grpc(accepting(1)) is grpc.StatusCode.UNAVAILABLE
        assert asked.until_it_answers_again().json()["active"]
        assert not isinstance(asked.over_grpc(again), grpc.StatusCode)


def test_a_slow_statement_is_given_up(database: Database) -> None:
    """A statement that takes too long is ended by the server, and the next one is answered."""
    with closing(SyncPostgres(database.dsn(ROLE), name="introspect", size=1)) as postgres:
        postgres.open()
        with pytest.raises(Unavailable):
            postgres.one("SELECT pg_sleep(30)")
        assert postgres.one("SELECT 1 AS one") == {"one": 1}


def run(environment: dict[str, object]) -> tuple[int, list[str]]:
    """Run a service that cannot start and return how it ended and what it told people."""
    ended = subprocess.run(
        [sys.executable, "-m", "services.introspect"],
        cwd=ROOT,
        env=program_environment(environment),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return ended.returncode, ended.stderr.splitlines()


@pytest.mark.long
def test_without_a_store_it_does_not_start() -> None:
    """A database that cannot be reached is one clear line."""
    code, lines = run(settings("postgresql://tallystick:secret@127.0.0.1:1/postgres?connect_timeout=1"))
    assert code == 1
    assert len(lines) == 1
    assert "TALLYSTICK_POSTGRES_DSN" in lines[0]
    assert "secret" not in lines[0]


def test_without_a_schema_it_does_not_start(databases: Databases) -> None:
    """A database that was never migrated is one clear line that says what to run."""
    with databases.empty() as empty:
        code, lines = run(settings(empty.dsn()))
    assert code == 1
    assert lines == [
        f"tallystick introspect: the database has no schema, this version needs {REQUIRED}: run `tallystick migrate`"
    ]


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"ISSUER": "http://issuer.example"}, "TALLYSTICK_ISSUER"),
        ({"ISSUER": None}, "TALLYSTICK_ISSUER"),
        ({"POSTGRES_DSN": None}, "TALLYSTICK_POSTGRES_DSN"),
        ({"GRPC_LISTEN": "0.0.0.0:9082"}, "TALLYSTICK_GRPC_LISTEN"),
        ({"HTTP_LISTEN": "nowhere"}, "TALLYSTICK_HTTP_LISTEN"),
        ({"ISSUR": "https://issuer.example"}, "TALLYSTICK_ISSUR"),
    ],
)
def test_wrong_settings_are_one_line(wrong: dict[str, object], named: str) -> None:
    """Each wrong setting stops the start with one line that names it."""
    code, lines = run(settings("postgresql://127.0.0.1:1/postgres") | wrong)
    assert code == 1
    assert len(lines) == 1
    assert named in lines[0]


@pytest.mark.parametrize("setting", ["GRPC_LISTEN", "HTTP_LISTEN", "HEALTH_LISTEN"])
def test_a_taken_port_is_one_line(database: Database, asked_port: int, setting: str) -> None:
    """An address that somebody else uses stops the start with one line that names the setting."""
    code, lines = run(settings(database.dsn(ROLE), **{setting: f"127.0.0.1:{asked_port}"}))
    assert code == 1
    assert len([line for line in lines if f"TALLYSTICK_{setting}" in line]) == 1


@pytest.fixture
def asked_port() -> Iterator[int]:
    """A port on which somebody else serves gRPC."""
    server = grpc.server(None)
    yield server.add_insecure_port("127.0.0.1:0")
    server.stop(None)


def test_it_drains_and_ends_well(database: Database, tmp_path: Path) -> None:
    """After SIGTERM it says so, ends what it began, closes the pool and exits with 0."""
    health_port = free_ports(1)[0]
    process = ServiceProcess(
        "introspect", settings(database.dsn(ROLE), HEALTH_LISTEN=f"127.0.0.1:{health_port}"), tmp_path
    )
    process.wait_until_listening()
    with grpc.insecure_channel(f"127.0.0.1:{health_port}") as channel:
        watched = health_pb2_grpc.HealthStub(channel).Watch(health_pb2.HealthCheckRequest(service="readiness"))
        assert next(watched).status == health_pb2.HealthCheckResponse.SERVING
        process.terminate()
        assert next(watched).status == health_pb2.HealthCheckResponse.NOT_SERVING
        ended = process.wait(20)
    assert ended.code == 0
    assert ended.stderr == ""
    events = [json.loads(line)["event"] for line in ended.stdout.splitlines()]
    assert [event for event in events if event in {"listening", "draining", "stopped"}] == [
        "listening",
        "draining",
        "stopped",
    ]
