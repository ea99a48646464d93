"""One code buys one grant, whoever races, replays or loses what."""

import asyncio
import random
from collections.abc import Iterator
from dataclasses import dataclass, replace

import httpx
import pytest
import redis

from tallystick.oauth2.client import ClientType, GrantType
from tests.support.cluster import Cluster, running_cluster
from tests.support.databases import Database
from tests.support.flow import Approval, Pkce, Visitor, introspect, post_token, redeem, refresh, sign_in_and_approve
from tests.support.operator_client import Client, Scope
from tests.support.parallel import post_at_once, statuses, token_urls
from tests.support.stores import PostgresServer, RedisServer

DEAD = {"active": False}
WON, LOST = (200, ""), (400, "invalid_grant")
BOUNDED_SECONDS = 12.0


@pytest.fixture(scope="module")
def pairs(database: Database, redis_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Two replicas of authorize, two of token."""
    folder = tmp_path_factory.mktemp("pairs")
    settings = {"CODE_LIFETIME_SECONDS": 600}
    with running_cluster(database, redis_url, folder, authorize=2, token=2, settings=settings) as cluster:
        yield cluster


@dataclass(frozen=True, slots=True)
class Stage:
    """A client, a resource owner who is signed in, and a resource server that is asked about the tokens."""

    cluster: Cluster
    client: Client
    visitor: Visitor
    resource_server: Client
    scope: Scope

    def approve(self) -> Approval:
        """Return a fresh code."""
        return self.visitor.approve(self.client)

    def is_live(self, access_token: str) -> bool:
        """Tell whether the resource server would accept the token."""
        return introspect(self.cluster, self.resource_server, access_token) != DEAD


def set_stage(cluster: Cluster) -> Iterator[Stage]:
    """Register everything that one test needs."""
    caller, _, scope = cluster.operator.create_resource_server()
    client = cluster.operator.create_client(scopes=[scope])
    with Visitor(cluster, cluster.operator.create_user()) as visitor:
        yield Stage(cluster, client, visitor, caller, scope)


@pytest.fixture
def stage(pairs: Cluster) -> Iterator[Stage]:
    """A stage over two replicas each."""
    yield from set_stage(pairs)


def tokens_of(answer: httpx.Response) -> tuple[str, str]:
    """Return access token and refresh token of a good answer."""
    assert answer.status_code == httpx.codes.OK, answer.text
    return answer.json()["access_token"], answer.json()["refresh_token"]


def assert_dead(stage: Stage, access_token: str, refresh_token: str) -> None:
    """Check that neither token of a grant is good for anything."""
    assert introspect(stage.cluster, stage.resource_server, access_token) == DEAD
    answer = refresh(stage.cluster, stage.client, refresh_token)
    assert (answer.status_code, answer.json()["error"]) == LOST


class Memory:
    """What Redis knows, kept aside to be put back: a restored snapshot, or a fail-over to a replica that lagged."""

    def __init__(self, url: str) -> None:
        self._client = redis.Redis.from_url(url, socket_timeout=5)
        self._kept: dict[bytes, tuple[bytes, int]] = {}

    def keep(self) -> None:
        """Take every key with its remaining time."""
        self._kept.clear()
        for key in list(self._client.scan_iter()):
            value = self._client.dump(key)
            if value is not None:
                self._kept[key] = (value, max(self._client.pttl(key), 0))
        assert self._kept

    def restore(self) -> None:
        """Go back to what was kept."""
        self._client.flushdb()
        for key, (value, milliseconds) in self._kept.items():
            self._client.restore(key, milliseconds, value, replace=True)

    def flush(self) -> None:
        """Forget everything."""
        self._client.flushdb()

    def close(self) -> None:
        """Close the connection."""
        self._client.close()


@pytest.fixture
def memory(redis_url: str) -> Iterator[Memory]:
    """The memory of the shared cluster's Redis."""
    memory = Memory(redis_url)
    yield memory
    memory.close()


async def test_parallel_redemptions_buy_one_grant(stage: Stage) -> None:
    """Of 100 redemptions at once over two replicas one is answered 200, and the others end it (TOK-05, TOK-07)."""
    approval = stage.approve()
    answers = await post_at_once(token_urls(stage.cluster), stage.client, approval.form(), 100)
    assert statuses(answers) == {WON: 1, LOST: 99}
    winner = next(answer for answer in answers if answer is not None and answer.status_code == httpx.codes.OK)
    assert_dead(stage, *tokens_of(winner))


async def test_redis_restored_to_before_the_redemption(stage: Stage, memory: Memory) -> None:
    """A spent code that Redis brings back buys nothing more, and its return is a replay (TOK-05)."""
    approval = stage.approve()
    memory.keep()
    tokens = tokens_of(redeem(stage.cluster, approval))
    memory.restore()
    answers = await post_at_once(token_urls(stage.cluster), stage.client, approval.form(), 20)
    assert statuses(answers) == {LOST: 20}
    assert_dead(stage, *tokens)


async def test_redis_restored_after_a_race(stage: Stage, memory: Memory) -> None:
    """A code that a race has spent and killed buys nothing when Redis brings it back (TOK-05)."""
    approval = stage.approve()
    memory.keep()
    first = await post_at_once(token_urls(stage.cluster), stage.client, approval.form(), 20)
    memory.restore()
    second = await post_at_once(token_urls(stage.cluster), stage.client, approval.form(), 20)
    assert statuses(first) + statuses(second) == {WON: 1, LOST: 39}


async def flush_in_the_middle(stage: Stage, memory: Memory, chance: random.Random, *, restore: bool) -> None:
    """Redeem a code eight times while Redis loses it, or gets it back, and check that nobody else is served."""
    approval = stage.approve()
    memory.keep()

    async def disturb() -> None:
        await asyncio.sleep(chance.uniform(0, 0.04))
        memory.flush()
        if restore:
            await asyncio.sleep(chance.uniform(0, 0.02))
            memory.restore()

    answers, _ = await asyncio.gather(
        post_at_once(token_urls(stage.cluster), stage.client, approval.form(), 8), disturb()
    )
    afterwards = await post_at_once(token_urls(stage.cluster), stage.client, approval.form(), 2)
    counted = statuses([*answers, *afterwards])
    assert counted[WON] <= 1
    assert counted[WON] + counted[LOST] == 10, counted


@pytest.mark.parametrize("seed", range(20))
async def test_redis_emptied_at_a_random_moment(stage: Stage, memory: Memory, seed: int) -> None:
    """Redis may be emptied at any moment of a redemption without a second 200 (TOK-07)."""
    await flush_in_the_middle(stage, memory, random.Random(seed), restore=False)  # noqa: S311 - repeatable


@pytest.mark.parametrize("seed", range(10))
async def test_redis_emptied_and_restored_at_random_moments(stage: Stage, memory: Memory, seed: int) -> None:
    """Redis may lose a code and bring it back during its redemption without a second 200 (TOK-07)."""
    await flush_in_the_middle(stage, memory, random.Random(seed), restore=True)  # noqa: S311 - repeatable


@pytest.mark.long
@pytest.mark.parametrize("seed", range(1000, 1300))
async def test_redis_disturbed_at_many_random_moments(stage: Stage, memory: Memory, seed: int) -> None:
    """The same as above, for many more seeds (TOK-07)."""
    await flush_in_the_middle(stage, memory, random.Random(seed), restore=seed % 2 == 0)  # noqa: S311 - repeatable


def test_a_replay_kills_what_came_of_the_code(stage: Stage) -> None:
    """A second valid redemption ends the grant, with the tokens that were refreshed from it meanwhile (TOK-05)."""
    approval = stage.approve()
    first = tokens_of(redeem(stage.cluster, approval))
    second = tokens_of(refresh(stage.cluster, stage.client, first[1]))
    answer = redeem(stage.cluster, approval)
    assert (answer.status_code, answer.json()["error"]) == LOST
    assert_dead(stage, *first)
    assert_dead(stage, *second)


def test_a_replay_after_redis_forgot_the_code(stage: Stage, memory: Memory) -> None:
    """A replay is recognised for as long as the grant is kept, when authorize knows the code no more (TOK-05)."""
    approval = stage.approve()
    tokens = tokens_of(redeem(stage.cluster, approval))
    memory.flush()
    answer = redeem(stage.cluster, approval)
    assert (answer.status_code, answer.json()["error"]) == LOST
    assert_dead(stage, *tokens)


@pytest.mark.parametrize("redis_forgot", [False, True])
def test_an_invalid_replay_harms_nobody(stage: Stage, memory: Memory, *, redis_forgot: bool) -> None:
    """A replay with a wrong verifier, none, a wrong redirect URI or by another client ends nothing (TOK-06)."""
    approval = stage.approve()
    access_token, refresh_token = tokens_of(redeem(stage.cluster, approval))
    if redis_forgot:
        memory.flush()
    for answer in invalid_presentations(stage, approval):
        assert (answer.status_code, answer.json()["error"]) == LOST
    assert stage.is_live(access_token)
    assert refresh(stage.cluster, stage.client, refresh_token).status_code == httpx.codes.OK


def test_an_invalid_presentation_spends_nothing(stage: Stage) -> None:
    """Who has only the code, or the wrong halves to it, cannot burn it for its owner (TOK-03, PKCE-02)."""
    approval = stage.approve()
    for answer in invalid_presentations(stage, approval):
        assert (answer.status_code, answer.json()["error"]) == LOST
    tokens_of(redeem(stage.cluster, approval))


def invalid_presentations(stage: Stage, approval: Approval) -> Iterator[httpx.Response]:
    """Present a code in every way that does not fit."""
    token = stage.cluster.token.http_url
    other = stage.cluster.operator.create_client(scopes=[stage.scope])
    confidential = stage.cluster.operator.create_client(
        ClientType.CONFIDENTIAL, scopes=[stage.scope], grant_types=[GrantType.AUTHORIZATION_CODE]
    )
    form = approval.form()
    yield post_token(token, stage.client, {**form, "code_verifier": Pkce().verifier})
    yield post_token(token, stage.client, {**form, "code_verifier": Pkce(approval.verifier).challenge})
    yield post_token(token, stage.client, {name: value for name, value in form.items() if name != "code_verifier"})
    yield post_token(token, stage.client, {**form, "redirect_uri": f"{approval.redirect_uri}/"})
    yield post_token(token, other, form)
    yield post_token(token, confidential, form)
    yield post_token(
        token, stage.client, {**form, "code": f"{approval.code[:-1]}{'A' if approval.code[-1] != 'A' else 'B'}"}
    )


async def test_swapped_verifiers(stage: Stage) -> None:
    """The verifiers of two flows of one client, swapped, open neither code, and both codes stay good (PKCE-06)."""
    first, second = stage.approve(), stage.approve()
    swapped = (replace(first, verifier=second.verifier), replace(second, verifier=first.verifier))
    for approval in swapped:
        answer = redeem(stage.cluster, approval)
        assert (answer.status_code, answer.json()["error"]) == LOST
    for approval in (first, second):
        tokens_of(redeem(stage.cluster, approval))


def test_a_code_is_redeemed_after_authorize_was_away(stage: Stage) -> None:
    """While authorize does not answer a redemption is refused in bounded time with 503, and can be repeated then."""
    approval = stage.approve()
    replicas = stage.cluster.replicas("authorize")
    for replica in replicas:
        replica.pause()
    try:
        answer = redeem(stage.cluster, approval)
    finally:
        for replica in replicas:
            replica.resume()
    assert answer.status_code == httpx.codes.SERVICE_UNAVAILABLE
    assert answer.elapsed.total_seconds() < BOUNDED_SECONDS
    tokens_of(redeem(stage.cluster, approval))


@pytest.fixture
def own_stage(own_cluster: Cluster) -> Iterator[Stage]:
    """A stage whose stores may be disturbed."""
    yield from set_stage(own_cluster)


def test_a_code_is_redeemed_after_postgres_was_away(own_stage: Stage, own_postgres: PostgresServer) -> None:
    """While Postgres hangs a redemption is refused in bounded time with 503, spends nothing, and can be repeated."""
    approval = own_stage.approve()
    own_postgres.pause()
    try:
        answer = redeem(own_stage.cluster, approval)
    finally:
        own_postgres.resume()
    assert answer.status_code == httpx.codes.SERVICE_UNAVAILABLE
    assert answer.elapsed.total_seconds() < BOUNDED_SECONDS
    tokens_of(redeem(own_stage.cluster, approval))


def test_a_code_is_redeemed_after_redis_was_away(own_stage: Stage, own_redis: RedisServer) -> None:
    """While Redis hangs a redemption is refused in bounded time with 503, and can be repeated."""
    approval = own_stage.approve()
    own_redis.pause()
    try:
        answer = redeem(own_stage.cluster, approval)
    finally:
        own_redis.resume()
    assert answer.status_code == httpx.codes.SERVICE_UNAVAILABLE
    assert answer.elapsed.total_seconds() < BOUNDED_SECONDS
    tokens_of(redeem(own_stage.cluster, approval))


def test_redis_killed_costs_one_retry(own_stage: Stage, own_redis: RedisServer) -> None:
    """A code that a killed Redis has lost is refused, and whoever signs in anew gets tokens."""
    approval = own_stage.approve()
    own_redis.kill()
    assert redeem(own_stage.cluster, approval).status_code == httpx.codes.SERVICE_UNAVAILABLE
    own_redis.restart()
    answer = redeem(own_stage.cluster, approval)
    assert (answer.status_code, answer.json()["error"]) == LOST
    user = own_stage.cluster.operator.create_user()
    tokens_of(redeem(own_stage.cluster, sign_in_and_approve(own_stage.cluster, own_stage.client, user)))


def test_postgres_killed_loses_no_grant(own_stage: Stage, own_postgres: PostgresServer) -> None:
    """Tokens that were answered are good after Postgres was killed, and their code is spent."""
    approval = own_stage.approve()
    access_token, refresh_token = tokens_of(redeem(own_stage.cluster, approval))
    own_postgres.kill()
    assert redeem(own_stage.cluster, approval).status_code == httpx.codes.SERVICE_UNAVAILABLE
    own_postgres.restart()
    assert own_stage.is_live(access_token)
    tokens_of(refresh(own_stage.cluster, own_stage.client, refresh_token))
    answer = redeem(own_stage.cluster, approval)
    assert (answer.status_code, answer.json()["error"]) == LOST
