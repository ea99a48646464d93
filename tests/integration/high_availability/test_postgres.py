"""Postgres switches to its synchronous standby: nothing that was acknowledged is lost, and all goes on by itself."""

import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest

from tallystick.oauth2.client import ClientType
from tests.integration.high_availability.buyers import Buyers
from tests.support.cluster import running_cluster
from tests.support.databases import RedisDatabases
from tests.support.flow import Visitor, introspect, redeem, refresh, revoke
from tests.support.replicated_postgres import ReplicatedPostgres

pytestmark = [pytest.mark.long, pytest.mark.timeout(180)]

PATIENCE_SECONDS = 30.0
PAUSE_SECONDS = 0.1
BUYERS = 2
# The docs say how long it takes; this is for a machine that does other things too.
MOST_SECONDS = 20.0


def eventually(ask: Callable[[], httpx.Response]) -> httpx.Response:
    """Ask until somebody can answer; nothing but 503 is said meanwhile."""
    until = time.monotonic() + PATIENCE_SECONDS
    while (answer := ask()).status_code == httpx.codes.SERVICE_UNAVAILABLE:
        assert time.monotonic() < until, "nobody takes over"
        time.sleep(PAUSE_SECONDS)
    return answer


def test_the_whole_flow_survives_the_switch(redis_databases: RedisDatabases, tmp_path: Path) -> None:
    """What was given or ended before, during and after the switch stays so, while people keep approving (promise 5)."""
    with (
        ReplicatedPostgres.running(synchronous=True) as postgres,
        redis_databases.lent() as redis_url,
        running_cluster(postgres.database, redis_url, tmp_path) as cluster,
    ):
        resource_server, _, scope = cluster.operator.create_resource_server()
        client = cluster.operator.create_client(ClientType.PUBLIC, scopes=[scope])

        def is_live(tokens: Mapping[str, str]) -> bool:
            return introspect(cluster, resource_server, tokens["access_token"])["active"] is True

        with Visitor(cluster, cluster.operator.create_user()) as visitor:
            kept, ended = (redeem(cluster, visitor.approve(client)).json() for _ in range(2))
            assert revoke(cluster, client, ended["refresh_token"]).status_code == httpx.codes.OK
            used, unused = visitor.approve(client), visitor.approve(client)
            assert redeem(cluster, used).status_code == httpx.codes.OK
            with ExitStack() as failing:
                with Buyers(cluster, client, BUYERS) as buyers:
                    buyers.wait_until_served(since=time.monotonic())
                    switched_at = time.monotonic()
                    failing.enter_context(postgres.failed_over())
                    assert buyers.wait_until_served(since=switched_at) < MOST_SECONDS
                assert buyers.surprises() == set()
                assert all(map(is_live, buyers.bought()))
                assert eventually(lambda: redeem(cluster, unused)).status_code == httpx.codes.OK
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
                    assert is_live(tokens)
                    assert revoke(cluster, client, tokens["refresh_token"]).status_code == httpx.codes.OK
                    assert not is_live(tokens)
                assert not is_live(ended)
