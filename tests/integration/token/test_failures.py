"""A store or a neighbour that fails is never mistaken for a bad code or token (promise 4)."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from tallystick.runtime.failures import Failure, Internal, PermissionDenied, Refused, Unauthenticated, Unavailable
from tests.fakes.authorize_service import FakeAuthorize
from tests.integration.token.desk import Client, Desk
from tests.support.databases import Database
from tests.support.stores import PostgresServer

PATIENCE_SECONDS = 20.0


@pytest.fixture(scope="module")
def client(desk: Desk) -> Client:
    return desk.register()


def assert_unavailable(answer: httpx.Response) -> None:
    """Check that the client is told to come back, and nothing else."""
    assert (answer.status_code, answer.json()["error"]) == (503, "temporarily_unavailable"), answer.text
    assert int(answer.headers["retry-after"]) >= 1
    assert answer.headers["cache-control"] == "no-store"


def eventually(check: Callable[[], bool]) -> None:
    """Return once a condition holds."""
    until = time.monotonic() + PATIENCE_SECONDS
    while not check():
        assert time.monotonic() < until, "it did not come to pass"


def test_authorize_away_is_not_a_bad_code(desk: Desk, client: Client) -> None:
    """While authorize is down codes are 503, refresh and client credentials go on, and the code is good afterwards."""
    code = desk.code(client)
    robot = desk.register("client_secret_basic")
    tokens = desk.redeem(client, desk.code(client)).json()
    desk.authorize.stop()
    try:
        assert_unavailable(desk.redeem(client, code))
        assert desk.refresh(client, tokens["refresh_token"]).status_code == 200
        assert desk.post(robot, {"grant_type": "client_credentials"}).status_code == 200
    finally:
        desk.authorize.start()
    eventually(lambda: desk.redeem(client, code).status_code == 200)


def test_authorize_hanging_ends_at_the_deadline(desk: Desk, client: Client) -> None:
    """An authorize that does not answer is given up in bounded time, and the code is good afterwards (GRPC-03)."""
    code = desk.code(client)
    desk.authorize.hang()
    began = time.monotonic()
    try:
        assert_unavailable(desk.redeem(client, code))
    finally:
        desk.authorize.resume()
    assert time.monotonic() - began < 8
    assert desk.redeem(client, code).status_code == 200


def test_a_moment_of_absence_is_bridged(desk: Desk, client: Client) -> None:
    """One UNAVAILABLE, as of a replica that goes, is asked again, since asking changes nothing."""
    desk.authorize.failures.append(Unavailable("going"))
    assert desk.redeem(client, desk.code(client)).status_code == 200


@pytest.mark.parametrize(
    "failure",
    [
        Internal("secret internals"),
        Unauthenticated("secret internals"),
        PermissionDenied("secret internals"),
        Refused("secret internals", reason="SOMETHING_ELSE"),
    ],
    ids=lambda failure: type(failure).__name__,
)
def test_our_own_mistakes_are_500_without_a_word(desk: Desk, client: Client, failure: Failure) -> None:
    """What only our configuration or code can cause is server_error, tells nothing, and spends nothing (GEN-13)."""
    code = desk.code(client)
    desk.authorize.failures.append(failure)
    answer = desk.redeem(client, code)
    assert (answer.status_code, answer.json()["error"]) == (500, "server_error")
    assert "internals" not in answer.text
    assert answer.headers["cache-control"] == "no-store"
    assert desk.redeem(client, code).status_code == 200


def test_a_connection_lost_under_an_insert_is_bridged(desk: Desk, client: Client) -> None:
    """When the connection breaks under a redemption token repeats it by itself, and it is no replay (GRPC-02)."""
    code = desk.code(client)
    waiting = (
        "SELECT pid FROM pg_stat_activity WHERE application_name = 'tallystick.token' AND wait_event_type = 'Lock'"
        " AND datname = current_database()"
    )
    with ThreadPoolExecutor(1) as thread, desk.database.connect() as owner:
        owner.execute("BEGIN")
        owner.execute("LOCK TABLE grants IN ACCESS EXCLUSIVE MODE")
        answer = thread.submit(desk.redeem, client, code)
        eventually(lambda: desk.row(waiting) is not None)
        row = desk.row(waiting)
        assert row is not None
        owner.execute("SELECT pg_terminate_backend(%s)", (row["pid"],))
        owner.execute("COMMIT")
        assert answer.result(PATIENCE_SECONDS).status_code == 200
    assert desk.grant_of(code)["ended_at"] is None


def test_a_missing_partition_is_not_a_bad_code(desk: Desk, client: Client) -> None:
    """When there is nowhere to keep the token, the code is not spent (promise 5)."""
    code = desk.code(client)
    row = desk.row("SELECT floor(extract(epoch FROM now() + interval '10 min') / 3600)::int AS hour")
    assert row is not None
    partition = f"partitions.access_tokens_{row['hour']}"
    with desk.database.connect() as owner:
        owner.execute(f"ALTER TABLE access_tokens DETACH PARTITION {partition}")
        try:
            assert_unavailable(desk.redeem(client, code))
        finally:
            owner.execute(f"ALTER TABLE access_tokens ATTACH PARTITION {partition} FOR VALUES IN ({row['hour']})")
    assert desk.redeem(client, code).status_code == 200


@pytest.fixture
def lonely_desk(own_database: Database, authorize: FakeAuthorize, tmp_path: Path) -> Iterator[Desk]:
    """A service over a Postgres that a test may kill."""
    desk = Desk(own_database, authorize, tmp_path)
    yield desk
    desk.close()


def test_postgres_killed_is_not_a_bad_token(lonely_desk: Desk, own_postgres: PostgresServer) -> None:
    """While Postgres is away all is 503; afterwards code and tokens are as good as before (REVO-06, promise 5)."""
    desk = lonely_desk
    client, robot = desk.register(), desk.register("client_secret_basic")
    tokens, code = desk.redeem(client, desk.code(client)).json(), desk.code(client)
    own_postgres.kill()
    for token in (tokens["access_token"], tokens["refresh_token"]):
        assert_unavailable(desk.revoke(client, token))
    assert_unavailable(desk.redeem(client, code))
    assert_unavailable(desk.refresh(client, tokens["refresh_token"]))
    assert_unavailable(desk.post(robot, {"grant_type": "client_credentials"}))
    own_postgres.restart()
    eventually(lambda: desk.redeem(client, code).status_code == 200)
    assert desk.refresh(client, tokens["refresh_token"]).status_code == 200
    assert desk.token_row(tokens["access_token"]) is not None
