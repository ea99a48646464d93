"""Postgres switches to its synchronous standby: nothing that was acknowledged is lost, and all goes on by itself."""

import time
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from tallystick.oauth2.client import ClientType
from tests.support.cluster import running_cluster
from tests.support.databases import RedisDatabases
from tests.support.flow import Visitor, introspect, redeem, refresh, revoke
from tests.support.replicated_postgres import ReplicatedPostgres

pytestmark = [pytest.mark.long, pytest.mark.timeout(180)]

PATIENCE_SECONDS = 30.0
PAUSE_SECONDS = 0.1
INACTIVE = {"active": False}


def eventually(ask: Callable[[], httpx.Response]) -> httpx.Response:
    """Ask until somebody can answer; nothing but 503 is said meanwhile."""
    until = time.monotonic() + PATIENCE_SECONDS
    while (answer := ask()).status_code == httpx.codes.SERVICE_UNAVAILABLE:
        assert time.monotonic() < until, "nobody takes over"
        time.sleep(PAUSE_SECONDS)
    return answer


def test_the_whole_flow_survives_the_switch(redis_databases: RedisDatabases, tmp_path: Path) -> None:
    """Codes, refresh tokens and revocations from before are what they were, and new ones are made (promise 4)."""
    with (
        ReplicatedPostgres.running(synchronous=True) as postgres,
        redis_databases.lent() as redis_url,
        running_cluster(postgres.database, redis_url, tmp_path) as cluster,
    ):
        resource_server, _, scope = cluster.operator.create_resource_server()
        client = cluster.operator.create_client(ClientType.PUBLIC, scopes=[scope])
        with Visitor(cluster, cluster.operator.create_user()) as visitor:
            kept, ended = (redeem(cluster, visitor.approve(client)).json() for _ in range(2))
            assert revoke(cluster, client, ended["refresh_token"]).status_code == httpx.codes.OK
            used, unused = visitor.approve(client), visitor.approve(client)
            assert redeem(cluster, used).status_code == httpx.codes.OK
            with postgres.failed_over():
                redeemed = eventually(lambda: redeem(cluster, unused))
                assert redeemed.status_code == httpx.codes.OK, redeemed.text
                for code in (used, unused):
                    answer = eventually(lambda code=code: redeem(cluster, code))
                    assert answer.json()["error"] == "invalid_grant"
                refreshed = eventually(lambda: refresh(cluster, client, kept["refresh_token"]))
                assert refreshed.status_code == httpx.codes.OK, refreshed.text
                dead = eventually(lambda: refresh(cluster, client, ended["refresh_token"]))
                assert dead.json()["error"] == "invalid_grant"
                # Signed in still, and approving anew.
                again = eventually(lambda: redeem(cluster, visitor.approve(client))).json()
                for tokens in (refreshed.json(), again):
                    assert introspect(cluster, resource_server, tokens["access_token"])["active"] is True
                    assert revoke(cluster, client, tokens["refresh_token"]).status_code == httpx.codes.OK
                    assert introspect(cluster, resource_server, tokens["access_token"]) == INACTIVE
                assert introspect(cluster, resource_server, ended["access_token"]) == INACTIVE
