"""One live refresh branch per family, whatever is lost, repeated or raced."""

import asyncio
import random
import time
from collections.abc import Iterator
from dataclasses import dataclass

import httpx
import pytest
from psycopg.rows import DictRow

from tallystick.token.v1 import grant_pb2
from tests.support.cluster import Cluster, running_cluster
from tests.support.databases import Database
from tests.support.flow import introspect, post_token, redeem, refresh, sign_in_and_approve
from tests.support.operator_client import Client, Scope
from tests.support.parallel import NOBODY, post_at_once, statuses, token_urls
from tests.support.stores import PostgresServer

DEAD = {"active": False}
GOOD, REFUSED = (200, ""), (400, "invalid_grant")
BOUNDED_SECONDS = 12.0

GRACE_SECONDS = 300
NEARLY, JUST_OVER = 0.9 * GRACE_SECONDS, 1.1 * GRACE_SECONDS
"""As 9 and 11 seconds are to a grace of ten, with room for slow machines."""

# Every rotation of a client's grants is so much older than it was.
AGE_ROTATIONS = """
UPDATE grants SET rotated_at = ARRAY(
    SELECT each - %(age)s * interval '1 second'
    FROM unnest(rotated_at) WITH ORDINALITY AS rotation (each, number) ORDER BY number
) WHERE client_id = %(client_id)s
"""
# What a client's grant has become.
READ_GRANT = "SELECT grant_id, refresh_generation, end_reason FROM grants WHERE client_id = %(client_id)s"


@pytest.fixture(scope="module")
def pair(database: Database, redis_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Two replicas of token, with a grace that no slow machine outlasts."""
    settings = {"REFRESH_GRACE_SECONDS": GRACE_SECONDS}
    with running_cluster(database, redis_url, tmp_path_factory.mktemp("pair"), token=2, settings=settings) as cluster:
        yield cluster


@dataclass(frozen=True, slots=True)
class Family:
    """A fresh grant with its first tokens, the client that holds them and the resource server that is asked."""

    cluster: Cluster
    client: Client
    resource_server: Client
    scope: Scope
    access_token: str
    refresh_token: str

    def refresh(self, refresh_token: str) -> httpx.Response:
        """Present a refresh token."""
        return refresh(self.cluster, self.client, refresh_token)

    def next_of(self, refresh_token: str) -> str:
        """Present a refresh token that must be good, and return its successor."""
        answer = self.refresh(refresh_token)
        assert answer.status_code == httpx.codes.OK, answer.text
        successor: str = answer.json()["refresh_token"]
        return successor

    def grow_older(self, seconds: float) -> None:
        """Let so much time pass since every rotation."""
        with self.cluster.database.connect() as connection:
            connection.execute(AGE_ROTATIONS, {"client_id": self.client.client_id, "age": seconds})

    def outlast_the_grace(self) -> None:
        """Let an hour pass since every rotation."""
        self.grow_older(3600)

    def rows(self) -> list[DictRow]:
        """Return what is kept of the client's grants."""
        with self.cluster.database.connect() as connection:
            return connection.execute(READ_GRANT, {"client_id": self.client.client_id}).fetchall()

    def state(self) -> tuple[int, str | None]:
        """Return the generation and why the grant ended, if it has."""
        (row,) = self.rows()
        return row["refresh_generation"], row["end_reason"]

    def is_live(self, access_token: str) -> bool:
        """Tell whether the resource server would accept an access token."""
        return introspect(self.cluster, self.resource_server, access_token) != DEAD


def new_family(cluster: Cluster, *, refresh_limit: int | None = None) -> Family:
    """Register everything that one test needs, and buy a grant."""
    caller, _, scope = cluster.operator.create_resource_server()
    client = cluster.operator.create_client(scopes=[scope], refresh_limit=refresh_limit)
    answer = redeem(cluster, sign_in_and_approve(cluster, client, cluster.operator.create_user()))
    assert answer.status_code == httpx.codes.OK, answer.text
    tokens = answer.json()
    return Family(cluster, client, caller, scope, tokens["access_token"], tokens["refresh_token"])


@pytest.fixture
def family(pair: Cluster) -> Family:
    """A fresh grant over two replicas of token."""
    return new_family(pair)


def refused(answer: httpx.Response) -> bool:
    """Tell whether the answer is `invalid_grant`."""
    return (answer.status_code, answer.json().get("error")) == REFUSED


async def present_at_once(family: Family, refresh_token: str, count: int) -> list[httpx.Response]:
    """Present one refresh token so many times at once, over all replicas."""
    form = {"grant_type": "refresh_token", "refresh_token": refresh_token}
    answers = await post_at_once(token_urls(family.cluster), family.client, form, count)
    return [answer for answer in answers if answer is not None]


async def test_parallel_refreshes_share_one_branch(family: Family) -> None:
    """Of 50 refreshes at once over two replicas all get the same current refresh token (REFR-04)."""
    answers = await present_at_once(family, family.refresh_token, 50)
    assert statuses(answers) == {GOOD: 50}
    successors = {answer.json()["refresh_token"] for answer in answers}
    assert len(successors) == 1
    assert family.state() == (1, None)
    access_tokens = {answer.json()["access_token"] for answer in answers}
    assert len(access_tokens) == 50
    assert all(family.is_live(token) for token in access_tokens)
    assert family.next_of(successors.pop()) != family.refresh_token


async def test_parallel_refreshes_of_all_generations_share_one_branch(family: Family) -> None:
    """Tabs that hold generations of different age, refreshing at once, end up with one token (REFR-04)."""
    generations = [family.refresh_token]
    for _ in range(3):
        generations.append(family.next_of(generations[-1]))
    rounds = await asyncio.gather(*(present_at_once(family, token, 8) for token in generations))
    answers = [answer for each in rounds for answer in each]
    assert statuses(answers) == {GOOD: 32}
    generation, ended = family.state()
    assert (generation, ended) == (4, None)
    held = {answer.json()["refresh_token"] for answer in answers}
    current = family.next_of(generations[-1])
    assert {family.next_of(token) for token in (*generations, *held - {current})} == {current}
    assert family.state() == (4, None)


async def test_parallel_refreshes_cost_one_of_the_limit(pair: Cluster) -> None:
    """With one refresh left, all of 20 at once get the one successor, and it is the last (REFR-04)."""
    family = new_family(pair, refresh_limit=1)
    answers = await present_at_once(family, family.refresh_token, 20)
    assert statuses(answers) == {GOOD: 20}
    assert family.state() == (1, None)
    last = {answer.json().get("refresh_token") for answer in answers}
    assert len(last) == 1


def test_a_late_tab_gets_the_current_token(family: Family) -> None:
    """A predecessor's predecessor within the grace gets the current token and ends nobody's session (REFR-04)."""
    second = family.next_of(family.refresh_token)
    third = family.next_of(second)
    assert family.next_of(family.refresh_token) == third
    assert family.next_of(second) == third
    assert family.state() == (2, None)


async def test_a_lost_answer_is_repeated_until_the_grace_is_over(family: Family) -> None:
    """Whoever got no answer asks again at any replica, late in the grace, and holds the current token (REFR-04)."""
    await present_at_once(family, family.refresh_token, 1)
    family.grow_older(NEARLY)
    answers = await present_at_once(family, family.refresh_token, 10)
    assert statuses(answers) == {GOOD: 10}
    [current] = {answer.json()["refresh_token"] for answer in answers}
    assert family.state() == (1, None)
    assert family.next_of(current) != current


async def test_a_tab_behind_gets_the_current_token_until_the_grace_is_over(family: Family) -> None:
    """The grace counts from when a token was replaced, not from the branch's last rotation (REFR-03, REFR-04)."""
    second = family.next_of(family.refresh_token)
    family.grow_older(NEARLY)
    third = family.next_of(second)
    assert family.next_of(family.refresh_token) == third
    family.grow_older(JUST_OVER - NEARLY)
    assert family.next_of(second) == third
    assert refused(family.refresh(family.refresh_token))
    assert family.state() == (2, "refresh_reused")
    assert refused(family.refresh(third))


def test_reuse_just_after_the_grace_kills_the_family(family: Family) -> None:
    """What was a lost answer a moment ago is theft as soon as the grace is over (REFR-03)."""
    current = family.next_of(family.refresh_token)
    family.grow_older(NEARLY)
    assert family.next_of(family.refresh_token) == current
    family.grow_older(JUST_OVER - NEARLY)
    assert refused(family.refresh(family.refresh_token))
    assert family.state() == (1, "refresh_reused")
    assert refused(family.refresh(current))


@pytest.mark.long
@pytest.mark.parametrize(("seconds", "end_reason"), [(9.0, None), (11.0, "refresh_reused")])
async def test_the_grace_by_a_real_clock(cluster: Cluster, seconds: float, end_reason: str | None) -> None:
    """A retry after nine seconds gets the current token, and one after eleven ends all (REFR-03, REFR-04)."""
    family = new_family(cluster)
    sent = time.monotonic()
    current = family.next_of(family.refresh_token)
    answered = time.monotonic()
    # The wait is what is tested: from before the rotation for the one, from after it for the other.
    await asyncio.sleep(seconds - (0.0 if end_reason else answered - sent))
    answer = family.refresh(family.refresh_token)
    assert refused(answer) if end_reason else answer.json()["refresh_token"] == current
    assert family.state() == (1, end_reason)


def test_reuse_after_the_grace_kills_the_family(family: Family) -> None:
    """A refresh token that was replaced long ago ends the grant with its current tokens (REFR-03)."""
    answer = family.refresh(family.refresh_token)
    current = answer.json()
    family.outlast_the_grace()
    assert refused(family.refresh(family.refresh_token))
    assert family.state() == (1, "refresh_reused")
    assert refused(family.refresh(current["refresh_token"]))
    assert not family.is_live(current["access_token"])
    assert not family.is_live(family.access_token)


def test_a_thief_who_refreshed_first_loses_all(family: Family) -> None:
    """When the owner comes with what a thief has refreshed already, the thief's tokens die too (REFR-03)."""
    stolen = family.refresh_token
    for _ in range(3):
        stolen = family.next_of(stolen)
    family.outlast_the_grace()
    assert refused(family.refresh(family.refresh_token))
    assert refused(family.refresh(stolen))


def test_a_generation_older_than_all_kept_is_theft(family: Family) -> None:
    """A generation that is no longer among the rotations kept counts as older than the grace (REFR-03)."""
    current = family.refresh_token
    for _ in range(9):
        current = family.next_of(current)
    assert refused(family.refresh(family.refresh_token))
    assert family.state() == (9, "refresh_reused")
    assert refused(family.refresh(current))


async def test_parallel_reuse_kills_the_family_once(family: Family) -> None:
    """Of 20 reuses at once none is served, and the family has one reason to have ended (REFR-03)."""
    current = family.next_of(family.refresh_token)
    family.outlast_the_grace()
    answers = await present_at_once(family, family.refresh_token, 20)
    assert statuses(answers) == {REFUSED: 20}
    assert family.state() == (1, "refresh_reused")
    assert refused(family.refresh(current))


async def test_reuse_beside_a_refresh_leaves_nothing_alive(family: Family) -> None:
    """A refresh that races with the discovery of a theft leaves no live branch behind (REFR-03)."""
    current = family.next_of(family.refresh_token)
    family.outlast_the_grace()
    reuses, refreshes = await asyncio.gather(
        present_at_once(family, family.refresh_token, 5), present_at_once(family, current, 5)
    )
    assert statuses(reuses) == {REFUSED: 5}
    for answer in refreshes:
        if answer.status_code == httpx.codes.OK:
            assert refused(family.refresh(answer.json()["refresh_token"]))
            assert not family.is_live(answer.json()["access_token"])
    assert refused(family.refresh(current))


@pytest.mark.parametrize("round_", range(4))
async def test_a_refresh_beside_a_revocation_leaves_nothing_alive(family: Family, round_: int) -> None:
    """Of 20 refreshes that race with an operator's revocation none leaves a live token behind (REVO-02)."""

    async def revoke() -> None:
        await asyncio.sleep(round_ * 0.005)
        (row,) = await asyncio.to_thread(family.rows)
        request = grant_pb2.RevokeGrantRequest(grant_id=str(row["grant_id"]))
        operator = family.cluster.operator
        await asyncio.to_thread(operator.call, operator.grants.RevokeGrant, request)

    answers, _ = await asyncio.gather(present_at_once(family, family.refresh_token, 20), revoke())
    counted = statuses(answers)
    assert counted[GOOD] + counted[REFUSED] == 20, counted
    assert family.state()[1] == "revoked_by_operator"
    for answer in answers:
        if answer.status_code == httpx.codes.OK:
            assert not family.is_live(answer.json()["access_token"])
    held = {answer.json()["refresh_token"] for answer in answers if answer.status_code == httpx.codes.OK}
    assert all(refused(family.refresh(token)) for token in (family.refresh_token, *held))
    assert not family.is_live(family.access_token)


def test_another_client_harms_nobody(family: Family) -> None:
    """Another client that presents the current token, or one replaced long ago, ends nothing (REFR-01)."""
    current = family.next_of(family.refresh_token)
    family.outlast_the_grace()
    other = family.cluster.operator.create_client(scopes=[family.scope])
    for token in (family.refresh_token, current):
        form = {"grant_type": "refresh_token", "refresh_token": token}
        assert refused(post_token(family.cluster.token.http_url, other, form))
    assert family.state() == (1, None)
    family.next_of(current)


def test_a_tampered_token_harms_nobody(family: Family) -> None:
    """A flipped character anywhere, or a cut, in a token replaced long ago is refused and ends nothing (REFR-08)."""
    current = family.next_of(family.refresh_token)
    family.outlast_the_grace()
    old = family.refresh_token
    for position in range(4, len(old), 11):
        flipped = "A" if old[position] != "A" else "B"
        assert refused(family.refresh(old[:position] + flipped + old[position + 1 :]))
    assert refused(family.refresh(old[:-1]))
    assert family.state() == (1, None)
    family.next_of(current)


@pytest.mark.parametrize("seed", range(3))
async def test_a_killed_replica_signs_nobody_out(family: Family, seed: int) -> None:
    """A replica killed in the middle of refreshes costs answers, and the same token still gets the branch (REFR-04)."""
    chance = random.Random(seed)  # noqa: S311 - repeatable
    doomed = family.cluster.start("token")
    form = {"grant_type": "refresh_token", "refresh_token": family.refresh_token}

    async def kill() -> None:
        await asyncio.sleep(chance.uniform(0, 0.05))
        doomed.kill()

    answers, _ = await asyncio.gather(post_at_once([doomed.http_url], family.client, form, 20), kill())
    assert statuses(answers).keys() <= {GOOD, (NOBODY, "")}
    successor = family.next_of(family.refresh_token)
    assert {answer.json()["refresh_token"] for answer in answers if answer is not None} <= {successor}
    assert family.state()[1] is None
    family.next_of(successor)


def test_a_refresh_is_repeated_after_postgres_was_away(own_cluster: Cluster, own_postgres: PostgresServer) -> None:
    """While Postgres hangs a refresh is refused in bounded time with 503, and the same token is good afterwards."""
    family = new_family(own_cluster)
    own_postgres.pause()
    try:
        answer = family.refresh(family.refresh_token)
    finally:
        own_postgres.resume()
    assert answer.status_code == httpx.codes.SERVICE_UNAVAILABLE
    assert answer.elapsed.total_seconds() < BOUNDED_SECONDS
    successor = family.next_of(family.refresh_token)
    assert family.next_of(family.refresh_token) == successor


def test_a_refresh_is_repeated_after_postgres_was_killed(own_cluster: Cluster, own_postgres: PostgresServer) -> None:
    """A rotation that was answered is there after Postgres was killed, and the current token goes on."""
    family = new_family(own_cluster)
    current = family.next_of(family.refresh_token)
    own_postgres.kill()
    assert family.refresh(current).status_code == httpx.codes.SERVICE_UNAVAILABLE
    own_postgres.restart()
    assert family.next_of(family.refresh_token) == current
    assert family.next_of(current) != current
