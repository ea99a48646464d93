"""What a client revokes is over everywhere: at introspection, at every replica, whoever refreshes meanwhile."""

import asyncio
import random
from collections.abc import Iterator
from dataclasses import dataclass

import httpx
import pytest

from tallystick.oauth2.client import AuthMethod, ClientType, GrantType
from tests.support.cluster import Cluster
from tests.support.flow import (
    SECONDS,
    Visitor,
    credentials_of,
    introspect,
    post_token,
    redeem,
    refresh,
    revoke,
)
from tests.support.operator_client import Client, Scope

DEAD = {"active": False}
ROUNDS = 6
BOUNDED_SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class World:
    """A resource server that is asked, a scope of it, and somebody who approves."""

    cluster: Cluster
    visitor: Visitor
    resource_server: Client
    scope: Scope

    def client(self, auth_method: AuthMethod = AuthMethod.NONE) -> Client:
        """Register a client."""
        kind = ClientType.PUBLIC if auth_method is AuthMethod.NONE else ClientType.CONFIDENTIAL
        return self.cluster.operator.create_client(kind, scopes=[self.scope], auth_method=auth_method)

    def tokens(self, client: Client) -> dict[str, str]:
        """Buy a grant."""
        answer = redeem(self.cluster, self.visitor.approve(client))
        assert answer.status_code == httpx.codes.OK, answer.text
        tokens: dict[str, str] = answer.json()
        return tokens

    def is_live(self, access_token: str) -> bool:
        """Tell whether the resource server would accept an access token."""
        return introspect(self.cluster, self.resource_server, access_token) != DEAD


@pytest.fixture(scope="module")
def world(cluster: Cluster) -> Iterator[World]:
    resource_server, _, scope = cluster.operator.create_resource_server()
    with Visitor(cluster, cluster.operator.create_user()) as visitor:
        yield World(cluster, visitor, resource_server, scope)


@pytest.mark.parametrize("kind", ["access_token", "refresh_token"])
def test_either_token_takes_the_other_along(world: World, kind: str) -> None:
    """Whichever is revoked, access tokens and refresh token of the grant are inactive at once (REVO-02, INTR-03)."""
    client = world.client(AuthMethod.CLIENT_SECRET_BASIC)
    first = world.tokens(client)
    second = refresh(world.cluster, client, first["refresh_token"]).json()
    for token in (first["access_token"], second["access_token"]):
        assert world.is_live(token)
    assert introspect(world.cluster, client, second["refresh_token"]) != DEAD
    assert revoke(world.cluster, client, second[kind]).status_code == httpx.codes.OK
    for token in (first["access_token"], second["access_token"]):
        assert not world.is_live(token)
    assert introspect(world.cluster, client, second["refresh_token"]) == DEAD
    assert refresh(world.cluster, client, second["refresh_token"]).json()["error"] == "invalid_grant"


def test_a_grant_beside_it_lives(world: World) -> None:
    """What the same user granted the same client another time is not touched."""
    client = world.client()
    revoked, other = world.tokens(client), world.tokens(client)
    assert revoke(world.cluster, client, revoked["refresh_token"]).status_code == httpx.codes.OK
    assert not world.is_live(revoked["access_token"])
    assert world.is_live(other["access_token"])
    assert refresh(world.cluster, client, other["refresh_token"]).status_code == httpx.codes.OK


def test_a_clients_own_token_is_over_alone(world: World) -> None:
    """A revoked token of client credentials is inactive, and another of the same client lives (INTR-03, REVO-02)."""
    client = world.cluster.operator.create_client(
        ClientType.CONFIDENTIAL, scopes=[world.scope], grant_types=(GrantType.CLIENT_CREDENTIALS,), redirect_uris=()
    )
    form = {"grant_type": "client_credentials"}
    token, other = (post_token(world.cluster.token.http_url, client, form).json()["access_token"] for _ in range(2))
    assert world.is_live(token)
    assert revoke(world.cluster, client, token).status_code == httpx.codes.OK
    assert not world.is_live(token)
    assert introspect(world.cluster, client, token) == DEAD
    assert world.is_live(other)


def test_another_clients_tokens_are_provably_alive(world: World) -> None:
    """After another client's attempts the resource server accepts the token and it still refreshes (D-05, REVO-04)."""
    client, stranger = world.client(), world.client(AuthMethod.CLIENT_SECRET_BASIC)
    tokens = world.tokens(client)
    for kind in ("access_token", "refresh_token"):
        answer = revoke(world.cluster, stranger, tokens[kind])
        assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant")
    assert world.is_live(tokens["access_token"])
    assert introspect(world.cluster, stranger, tokens["access_token"]) == DEAD
    assert refresh(world.cluster, client, tokens["refresh_token"]).status_code == httpx.codes.OK


@pytest.fixture(scope="module")
def second_replica(world: World) -> Iterator[str]:
    """Another replica of token; where it serves HTTP."""
    replica = world.cluster.start("token")
    yield replica.http_url
    replica.stop()


async def race(urls: list[str], client: Client, tokens: dict[str, str], shuffle: random.Random) -> list[httpx.Response]:
    """Send eight refreshes and a revocation at once, in any order and to any replica; return what the former got."""
    own, auth = credentials_of(client)
    kind = shuffle.choice(["access_token", "refresh_token"])
    refreshes = [{"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}] * 8
    requests: list[tuple[str, dict[str, str]]] = [("token", form) for form in refreshes]
    requests.insert(shuffle.randrange(len(requests) + 1), ("revoke", {"token": tokens[kind]}))
    async with httpx.AsyncClient(timeout=SECONDS, trust_env=False) as http:
        answers = await asyncio.gather(
            *(
                http.post(f"{urls[number % 2]}/oauth2/{path}", data={**form, **own}, auth=auth)
                for number, (path, form) in enumerate(requests)
            )
        )
    [revoked] = [answer for answer, (path, _) in zip(answers, requests, strict=True) if path == "revoke"]
    assert (revoked.status_code, revoked.content) == (200, b"")
    return [answer for answer, (path, _) in zip(answers, requests, strict=True) if path == "token"]


async def test_who_refreshes_meanwhile_holds_nothing(world: World, second_replica: str) -> None:
    """Of refreshes that race a revocation over two replicas no token is left alive, round after round (REVO-02)."""
    client, shuffle = world.client(), random.Random(7009)  # noqa: S311 - picks an order, draws no secret
    async with asyncio.timeout(BOUNDED_SECONDS):
        for _ in range(ROUNDS):
            tokens = world.tokens(client)
            answers = await race([world.cluster.token.http_url, second_replica], client, tokens, shuffle)
            assert {answer.status_code for answer in answers} <= {200, 400}
            issued = [tokens, *(answer.json() for answer in answers if answer.status_code == httpx.codes.OK)]
            for each in {each["access_token"] for each in issued}:
                assert not world.is_live(each)
            for each in {each["refresh_token"] for each in issued}:
                assert introspect(world.cluster, world.resource_server, each) == DEAD
                assert refresh(world.cluster, client, each).json()["error"] == "invalid_grant"
