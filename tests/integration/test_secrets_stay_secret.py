"""After a whole life of tokens nothing that was secret is in the database, in Redis or in a log.

The same is asked once more of everything that a run leaves behind: see `nothing_secret_remains` in tests/conftest.py.
"""

import secrets
from pathlib import Path

import httpx
import pytest
import redis

from tallystick.oauth2.client import ClientType
from tests.support import remains
from tests.support.cluster import Cluster
from tests.support.databases import Database
from tests.support.flow import AuthorizationRequest, Visitor, introspect, parameters_of, post_token, redeem, refresh
from tests.support.secrets_ledger import SecretsLedger

# Plants a secret where a person's words stand.
PLANT = "INSERT INTO scopes (name, description) VALUES ('planted', %(secret)s)"


@pytest.fixture(scope="module")
def ledger(cluster: Cluster) -> SecretsLedger:
    """Everything secret that one user, one client and one resource server had to do with."""
    operator = cluster.operator
    caller, _, scope = operator.create_resource_server()
    client = operator.create_client(ClientType.CONFIDENTIAL, scopes=[scope])
    user = operator.create_user()
    request = AuthorizationRequest(cluster.issuer, client, client.redirect_uris[0])
    ledger = SecretsLedger()
    with Visitor(cluster, user) as visitor:
        spent = request.approval(parameters_of(visitor.follow(request.url)))
        unspent = visitor.approve(client)
        ledger.note("cookie", *visitor.browser.cookies.values())
    first = redeem(cluster, spent).json()
    second = refresh(cluster, client, first["refresh_token"]).json()
    assert introspect(cluster, caller, second["access_token"])["active"]
    wrong = {**unspent.form(), "code_verifier": "wrong" * 10}
    assert post_token(cluster.token.http_url, client, wrong).status_code == httpx.codes.BAD_REQUEST
    ledger.note("password", user.password)
    ledger.note("client secret", client.client_secret, caller.client_secret)
    ledger.note("credential", cluster.admin_credential, (cluster.folder / "token-credential").read_text().strip())
    ledger.note("refresh key", (cluster.folder / "refresh-key").read_text().strip().partition(":")[2])
    for approval in (spent, unspent):
        ledger.note("code", approval.code, approval.code.partition(".")[2])
        ledger.note("verifier", approval.verifier)
    for tokens in (first, second):
        ledger.note("token", tokens["access_token"], tokens["refresh_token"])
    assert len(ledger) >= 18
    return ledger


def test_the_database_holds_no_secret(cluster: Cluster, ledger: SecretsLedger, tmp_path: Path) -> None:
    """A dump of every table holds digests and hashes only (GEN-11)."""
    dump = remains.of_database("cluster", cluster.database.dsn())
    filled = {each.place.rpartition(" ")[2] for each in dump if each.text}
    assert {"grants", "client_secrets", "users", "operators"} <= filled
    ledger.keep(*dump)
    assert ledger.betrayals(tmp_path) == []


def test_redis_holds_no_secret(cluster: Cluster, ledger: SecretsLedger, tmp_path: Path) -> None:
    """A dump of every key and value in Redis holds no code, cookie, password or token (GEN-11)."""
    dump = remains.of_redis(cluster.redis_url)
    assert {"code", "session"} <= {each.place.rpartition(":")[2] for each in dump if each.text}
    ledger.keep(*dump)
    assert ledger.betrayals(tmp_path) == []


def test_the_logs_hold_no_secret(cluster: Cluster, ledger: SecretsLedger) -> None:
    """No service has written a secret to its log (GEN-11)."""
    assert '"token_issued"' in cluster.output()
    assert ledger.betrayals(cluster.folder) == []


def test_a_secret_in_a_store_would_be_found(database: Database, redis_url: str, tmp_path: Path) -> None:
    """What is planted in a table and in each kind of Redis key is found, by its place and not by its value (GEN-11)."""
    secret = secrets.token_urlsafe(12)
    ledger = SecretsLedger()
    ledger.note("password", secret)
    with database.connect() as connection:
        connection.execute(PLANT, {"secret": f"the word is {secret}"})
    with redis.Redis.from_url(redis_url, socket_timeout=5) as client:
        client.set("tallystick:string:1", secret)
        client.hset("tallystick:hash:1", "field", secret)
        client.zadd("tallystick:zset:1", {secret: 1})
        client.sadd("tallystick:set:1", secret)
        client.lpush("tallystick:list:1", secret)
        client.set(f"tallystick:{secret}:1", "")
    ledger.keep(*remains.of_database("own", database.dsn()), *remains.of_redis(redis_url))
    found = ledger.betrayals(tmp_path)
    assert len(found) == 7
    assert any(each.startswith("database own, table scopes, line ") for each in found)
