"""After a whole life of tokens nothing that was secret is in the database, in Redis, in a log or in an answer."""

from collections.abc import Iterator

import httpx
import psycopg
import pytest
import redis
from psycopg import sql

from tallystick.oauth2.client import ClientType
from tests.support.cluster import Cluster, running_cluster
from tests.support.databases import Database
from tests.support.flow import AuthorizationRequest, Visitor, introspect, parameters_of, post_token, redeem, refresh

# Every table and partition.
FIND_TABLES = (
    "SELECT oid::regclass::text AS name FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
)


@pytest.fixture(scope="module")
def lived_in(database: Database, redis_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """The three services, over stores that nobody else uses."""
    with running_cluster(database, redis_url, tmp_path_factory.mktemp("lived-in")) as cluster:
        yield cluster


@pytest.fixture(scope="module")
def secrets_of_a_life(lived_in: Cluster) -> dict[str, str]:
    """Everything secret that one user, one client and one resource server had to do with, by what it was."""
    operator = lived_in.operator
    caller, _, scope = operator.create_resource_server()
    client = operator.create_client(ClientType.CONFIDENTIAL, scopes=[scope])
    user = operator.create_user()
    request = AuthorizationRequest(lived_in.issuer, client, client.redirect_uris[0])
    with Visitor(lived_in, user) as visitor:
        spent = request.approval(parameters_of(visitor.follow(request.url)))
        unspent = visitor.approve(client)
        cookies = {f"cookie {name}": value for name, value in visitor.browser.cookies.items()}
    first = redeem(lived_in, spent).json()
    second = refresh(lived_in, client, first["refresh_token"]).json()
    assert introspect(lived_in, caller, second["access_token"])["active"]
    wrong = {**unspent.form(), "code_verifier": "wrong" * 10}
    assert post_token(lived_in.token.http_url, client, wrong).status_code == httpx.codes.BAD_REQUEST
    return {
        "password": user.password,
        "client secret": client.client_secret or "",
        "resource server's secret": caller.client_secret or "",
        "operator's credential": lived_in.admin_credential,
        "service's credential": (lived_in.folder / "token-credential").read_text().strip(),
        "refresh key": (lived_in.folder / "refresh-key").read_text().strip().partition(":")[2],
        "spent code": spent.code,
        "secret half of a spent code": spent.code.partition(".")[2],
        "unspent code": unspent.code,
        "secret half of an unspent code": unspent.code.partition(".")[2],
        "verifier": spent.verifier,
        "verifier of an unspent code": unspent.verifier,
        "first access token": first["access_token"],
        "second access token": second["access_token"],
        "first refresh token": first["refresh_token"],
        "second refresh token": second["refresh_token"],
        **cookies,
    }


def found_in(secrets_of_a_life: dict[str, str], text: str) -> list[str]:
    """Return which secrets a text holds, in plain or in hexadecimal."""
    assert all(secrets_of_a_life.values())
    return [name for name, secret in secrets_of_a_life.items() if secret in text or secret.encode().hex() in text]


def test_the_database_holds_no_secret(lived_in: Cluster, secrets_of_a_life: dict[str, str]) -> None:
    """A dump of every table holds digests and hashes only (GEN-11)."""
    with psycopg.connect(lived_in.database.dsn()) as connection:
        tables = [name for (name,) in connection.execute(FIND_TABLES).fetchall()]
        assert {"grants", "client_secrets", "users", "operators"} <= set(tables)
        rows = [
            str(row)
            for table in tables
            for row in connection.execute(sql.SQL("SELECT t::text FROM {} t").format(sql.Identifier(table))).fetchall()
        ]
    assert len(rows) > len(tables) // 2
    assert found_in(secrets_of_a_life, "\n".join(rows)) == []


def test_redis_holds_no_secret(lived_in: Cluster, secrets_of_a_life: dict[str, str]) -> None:
    """A dump of every key and value in Redis holds no code, cookie, password or token (GEN-11)."""
    with redis.Redis.from_url(lived_in.redis_url, socket_timeout=5) as client:
        kept = {key: client.type(key) for key in client.scan_iter()}
        assert set(kept.values()) <= {b"string", b"hash"}
        texts = [client.get(key) or b"" for key, kind in kept.items() if kind == b"string"]
        hashes = [client.hgetall(key) for key, kind in kept.items() if kind == b"hash"]
    dump = [*kept, *texts, *(part for each in hashes for field in each.items() for part in field)]
    assert dump
    assert found_in(secrets_of_a_life, b"\n".join(dump).decode("latin-1")) == []


def test_the_logs_hold_no_secret(lived_in: Cluster, secrets_of_a_life: dict[str, str]) -> None:
    """No service has written a secret to its log (GEN-11)."""
    assert '"token_issued"' in lived_in.output()
    assert found_in(secrets_of_a_life, lived_in.output()) == []
