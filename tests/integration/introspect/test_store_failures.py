"""When Postgres fails, introspect says so, and never that a token is good or bad."""

import json
import subprocess
import sys
import time
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import grpc
import httpx
import pytest
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

    def over_grpc(self) -> grpc.StatusCode:
        """Return the status; an answer that is no error must be active."""
        with grpc.insecure_channel(self.process.grpc_target) as channel:
            stub = introspection_pb2_grpc.IntrospectionServiceStub(channel)
            request = introspection_pb2.IntrospectRequest(token=self.live.encode())
            try:
                answer = stub.Introspect(request, timeout=15, metadata=(("authorization", self.authorization),))
            except grpc.RpcError as error:
                code: grpc.StatusCode = error.code()
                return code
            assert answer.active
            return grpc.StatusCode.OK

    def until_it_answers_again(self) -> httpx.Response:
        """Ask until the pool has found the store again."""
        deadline = time.monotonic() + 20
        while (response := self.over_http()).status_code != 200 and time.monotonic() < deadline:
            assert response.status_code == 503
        return response


@pytest.fixture
def asked(own_database: Database, tmp_path: Path) -> Iterator[Asked]:
    """A service whose Postgres may be disturbed."""
    process = ServiceProcess("introspect", settings(own_database.dsn(ROLE)), tmp_path)
    process.wait_until_listening()
    with own_database.connect() as connection:
        made = Asked(process, Rows(connection))
    assert made.over_http().json()["active"]
    yield made
    ended = process.stop()
    assert ended.code == 0, ended.stderr


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
    assert asked.over_grpc() is grpc.StatusCode.OK


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
