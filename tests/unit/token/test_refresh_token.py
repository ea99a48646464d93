"""`refresh_token` (RFC 6749 §6): rotation, repeats, theft, and what a new access token may do."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest

from services.token.model import AccessTokenRecord, EndReason, IssuedTokens, Rotation
from tallystick.oauth2.client import GrantType
from tallystick.oauth2.errors import (
    InvalidClient,
    InvalidGrant,
    InvalidRequest,
    InvalidScope,
    InvalidTarget,
    TemporarilyUnavailable,
    UnauthorizedClient,
)
from tallystick.oauth2.refresh_token import parse_refresh_token
from tallystick.runtime.audit_event import AuditEvent
from tests.fakes.clients import client
from tests.fakes.grants import FakeGrantStore
from tests.unit.token.world import GRACE, IDLE_LIFETIME, PUBLIC, World, ring


@pytest.fixture
def world() -> World:
    return World()


async def granted(world: World, *scopes: str) -> IssuedTokens:
    """Redeem a code for these scopes."""
    return await world.redeem(world.code(scopes=scopes or ("photos.read",)))


async def refused(world: World, refresh_token: str | None, **parameters: str) -> None:
    """Refresh and be refused as by any other reason."""
    with pytest.raises(InvalidGrant) as caught:
        await world.refresh(refresh_token, **parameters)
    assert "invalid, expired, used, or not for this client" in caught.value.description


async def end_reason(world: World, tokens: IssuedTokens) -> EndReason | None:
    """Return why the grant of these tokens ended."""
    assert tokens.grant_id is not None
    record = await world.store.get(tokens.grant_id)
    assert record is not None
    return record.end_reason


async def test_each_use_rotates(world: World) -> None:
    """Every refresh gives a new pair, and each new refresh token works once more (REFR-02)."""
    tokens = await granted(world)
    for _ in range(12):
        following = await world.refresh(tokens.refresh_token)
        assert world.is_kept(following)
        assert following.refresh_token != tokens.refresh_token
        assert following.access_token != tokens.access_token
        tokens = following


@pytest.mark.parametrize("text", ["x", "tsr_", "tsa_" + "A" * 57, "é" * 40, "tsr_" + "A" * 130])
async def test_something_else_is_no_refresh_token(world: World, text: str) -> None:
    """What we cannot have issued is refused before anything is looked up (REFR-08)."""
    await refused(world, text)


async def test_a_refresh_token_is_needed(world: World) -> None:
    """Without refresh_token the request is invalid (GEN-04)."""
    for form in ({}, {"refresh_token": ""}):
        with pytest.raises(InvalidRequest):
            await world.post(grant_type="refresh_token", client_id=PUBLIC, **form)


async def test_an_access_token_is_no_refresh_token(world: World) -> None:
    """Tokens cannot stand in for one another, and neither can a code (TOK-10)."""
    issued = world.code()
    tokens = await world.redeem(issued)
    await refused(world, tokens.access_token)
    await refused(world, issued.code.text)


async def test_a_forged_token_harms_nobody(world: World) -> None:
    """A token with another key's MAC, another generation or a family of its own is refused (REFR-08)."""
    tokens = await granted(world)
    token = parse_refresh_token(tokens.refresh_token or "")
    assert token is not None
    stranger = World(keys=ring("k1x"))
    for forged in (
        replace(token, generation=1),
        replace(token, family=UUID(int=5)),
        replace(token, secret=bytes(32)),
        stranger.chain.first(token.family, token.secret),
        world.chain.first(UUID(int=5), bytes(32)),
    ):
        await refused(world, str(forged))
    assert world.is_kept(await world.refresh(tokens.refresh_token))


async def test_another_client_harms_nobody(world: World) -> None:
    """Another client is refused with any token of the family, and the family lives (REFR-01)."""
    world.add(client("other"))
    tokens = await granted(world)
    following = await world.refresh(tokens.refresh_token)
    world.store.now += GRACE * 2
    for stolen in (tokens.refresh_token, following.refresh_token):
        await refused(world, stolen, client_id="other")
    assert world.is_kept(await world.refresh(following.refresh_token))


async def test_a_lost_answer_is_given_again(world: World) -> None:
    """Within the grace the same refresh token comes back, with a new access token (REFR-04)."""
    tokens = await granted(world)
    lost = await world.refresh(tokens.refresh_token)
    world.store.now += GRACE - timedelta(microseconds=1)
    again = await world.refresh(tokens.refresh_token)
    assert again.refresh_token == lost.refresh_token
    assert again.access_token != lost.access_token
    assert world.is_kept(again)


async def test_two_tabs_share_one_branch(world: World) -> None:
    """A tab whose first request was overtaken by two refreshes of another gets the branch's current token (REFR-04)."""
    tokens = await granted(world)
    first = await world.refresh(tokens.refresh_token)
    second = await world.refresh(first.refresh_token)
    late = await world.refresh(tokens.refresh_token)
    assert late.refresh_token == second.refresh_token
    assert await end_reason(world, tokens) is None


async def test_parallel_refreshes_leave_one_live_token(world: World) -> None:
    """Fifty refreshes at once all get the same refresh token and rotate once (REFR-04)."""
    tokens = await granted(world)
    answers = await asyncio.gather(*(world.refresh(tokens.refresh_token) for _ in range(50)))
    assert len({answer.refresh_token for answer in answers}) == 1
    assert len({answer.access_token for answer in answers}) == 50
    assert world.is_kept(await world.refresh(answers[0].refresh_token))


async def test_theft_ends_the_family(world: World) -> None:
    """A token used again after the grace ends the grant for both who hold it (REFR-03)."""
    tokens = await granted(world)
    following = await world.refresh(tokens.refresh_token)
    world.store.now += GRACE
    await refused(world, tokens.refresh_token)
    assert await end_reason(world, tokens) is EndReason.REFRESH_REUSED
    assert world.store.invalidations == [("grant", str(tokens.grant_id))]
    await refused(world, following.refresh_token)


async def test_theft_is_seen_when_the_thief_came_first(world: World) -> None:
    """Whoever refreshed first, the other's late use ends the family (REFR-03)."""
    tokens = await granted(world)
    for_the_thief = await world.refresh(tokens.refresh_token)
    world.store.now += timedelta(hours=1)
    for_the_thief = await world.refresh(for_the_thief.refresh_token)
    await refused(world, tokens.refresh_token)
    await refused(world, for_the_thief.refresh_token)


async def test_theft_is_seen_beyond_the_rotations_kept(world: World) -> None:
    """A generation older than the last eight is theft by its MAC alone, within seconds (REFR-03)."""
    first = await granted(world)
    tokens = first
    for _ in range(9):
        tokens = await world.refresh(tokens.refresh_token)
    await refused(world, first.refresh_token)
    assert await end_reason(world, first) is EndReason.REFRESH_REUSED


async def test_the_limit_counts_down_to_the_end(world: World) -> None:
    """Two refreshes are two: the last answer has a spent token, and using that harms nobody."""
    world.add(client(PUBLIC, refresh_limit=2))
    tokens = await granted(world)
    for _ in range(2):
        tokens = await world.refresh(tokens.refresh_token)
    await refused(world, tokens.refresh_token)
    assert await end_reason(world, tokens) is None


async def test_the_grace_costs_no_limit(world: World) -> None:
    """The answer to the last refresh can be lost and repeated (REFR-04)."""
    world.add(client(PUBLIC, refresh_limit=1))
    tokens = await granted(world)
    lost = await world.refresh(tokens.refresh_token)
    again = await world.refresh(tokens.refresh_token)
    assert again.refresh_token == lost.refresh_token
    assert world.is_kept(again)


async def test_idle_and_absolute_lifetime_end_refreshing(world: World) -> None:
    """A token left idle expires, and refreshing in time does not extend the absolute lifetime (REFR-06)."""
    idle, busy = await granted(world), await granted(world)
    for _ in range(2):
        world.store.now += IDLE_LIFETIME - timedelta(seconds=1)
        busy = await world.refresh(busy.refresh_token)
    await refused(world, idle.refresh_token)
    world.store.now += timedelta(days=3)
    await refused(world, busy.refresh_token)


async def test_a_key_rotation_in_between_is_survived(world: World) -> None:
    """With a new current key old tokens still refresh, and a lost answer made by the old key is repeated (REFR-04)."""
    tokens = await granted(world)
    lost = await world.refresh(tokens.refresh_token)
    world.keys = ring("k2", "k1")
    assert (await world.refresh(tokens.refresh_token)).refresh_token == lost.refresh_token
    following = await world.refresh(lost.refresh_token)
    world.keys = ring("k2")
    assert world.is_kept(await world.refresh(following.refresh_token))


async def test_a_retired_key_takes_its_tokens_along(world: World) -> None:
    """A token of a key that is gone is refused, and harms nobody."""
    tokens = await granted(world)
    world.keys = ring("k2")
    await refused(world, tokens.refresh_token)
    assert await end_reason(world, tokens) is None


@pytest.mark.parametrize(
    ("scope", "expected"),
    [("photos.read", ("photos.read",)), ("photos.write", ("photos.write",)), ("", ("photos.read", "photos.write"))],
)
async def test_scope_may_narrow_the_access_token(world: World, scope: str, expected: tuple[str, ...]) -> None:
    """Narrowing is for one access token; the refresh token keeps its scopes (REFR-05)."""
    tokens = await granted(world, "photos.read", "photos.write")
    narrowed = await world.refresh(tokens.refresh_token, scope=scope)
    assert narrowed.scopes == expected
    assert (await world.refresh(narrowed.refresh_token)).scopes == ("photos.read", "photos.write")


@pytest.mark.parametrize("scope", ["photos.write", "photos.read photos.write", "photos", "admin", "a  b"])
async def test_scope_cannot_widen(world: World, scope: str) -> None:
    """What was not granted is refused though the client may ask for it, and the token is not used up (REFR-05)."""
    tokens = await granted(world)
    with pytest.raises(InvalidScope):
        await world.refresh(tokens.refresh_token, scope=scope)
    state = await world.store.state(tokens.grant_id or UUID(int=0))
    assert state is not None
    assert state.generation == 0


async def test_a_scope_taken_from_the_client_drops_out(world: World) -> None:
    """Refreshing gives what client and scope allow now; with nothing left it is refused."""
    tokens = await granted(world, "photos.read", "photos.write")
    world.add(client(PUBLIC, scopes=frozenset({"photos.write"})))
    tokens = await world.refresh(tokens.refresh_token)
    assert tokens.scopes == ("photos.write",)
    world.add(client(PUBLIC, scopes=frozenset({"other"})))
    await refused(world, tokens.refresh_token)
    world.add(client(PUBLIC))
    assert (await world.refresh(tokens.refresh_token)).scopes == ("photos.read", "photos.write")


async def test_a_bad_target_uses_nothing_up(world: World) -> None:
    """A resource that no scope covers is refused before anything rotates."""
    tokens = await granted(world)
    with pytest.raises(InvalidTarget):
        await world.refresh(tokens.refresh_token, resource="https://other.example")
    assert world.is_kept(await world.refresh(tokens.refresh_token, resource="https://photos.example"))


async def test_a_client_that_may_refresh_no_more_is_refused(world: World) -> None:
    """Taking the grant type away or disabling the client ends refreshing, reversibly (REFR-07)."""
    tokens = await granted(world)
    world.add(client(PUBLIC, grant_types=frozenset({GrantType.AUTHORIZATION_CODE})))
    with pytest.raises(UnauthorizedClient):
        await world.refresh(tokens.refresh_token)
    world.add(client(PUBLIC, enabled=False))
    with pytest.raises(InvalidClient):
        await world.refresh(tokens.refresh_token)
    world.add(client(PUBLIC))
    assert world.is_kept(await world.refresh(tokens.refresh_token))


async def test_a_disabled_user_ends_refreshing(world: World) -> None:
    """While the resource owner is disabled nothing is refreshed; afterwards it is again (REFR-07)."""
    tokens = await granted(world)
    world.store.users[world.user_id].enabled = False
    await refused(world, tokens.refresh_token)
    world.store.users[world.user_id].enabled = True
    assert world.is_kept(await world.refresh(tokens.refresh_token))


async def test_a_replayed_code_ends_refreshing(world: World) -> None:
    """After a replay every descendant of the code is dead (TOK-05)."""
    issued = world.code()
    tokens = await world.redeem(issued)
    following = await world.refresh(tokens.refresh_token)
    with pytest.raises(InvalidGrant):
        await world.redeem(issued)
    await refused(world, following.refresh_token)


class RestlessStore(FakeGrantStore):
    """A store in which somebody else is always a moment faster."""

    async def rotate(self, rotation: Rotation, token: AccessTokenRecord, event: AuditEvent) -> bool:
        del rotation, token, event
        return False


async def test_endless_rivalry_is_no_bad_token() -> None:
    """Whoever loses again and again is asked to come back, and is not told that the token is bad (promise 4)."""
    world = World(store=RestlessStore())
    tokens = await granted(world)
    with pytest.raises(TemporarilyUnavailable):
        await world.refresh(tokens.refresh_token)
    assert await end_reason(world, tokens) is None


class ForgetfulStore(FakeGrantStore):
    """A store that rotates and then knows nothing of it, as when the write was repeated after a lost connection."""

    async def rotate(self, rotation: Rotation, token: AccessTokenRecord, event: AuditEvent) -> bool:
        await super().rotate(rotation, token, event)
        return False


@pytest.mark.parametrize("grace", [timedelta(0), GRACE])
async def test_our_own_repetition_is_no_theft(grace: timedelta) -> None:
    """A rotation that was committed, though its answer was lost, has won, even without any grace (REFR-03)."""
    world = World(store=ForgetfulStore(), grace=grace)
    tokens = await granted(world)
    for _ in range(3):
        tokens = await world.refresh(tokens.refresh_token)
        assert world.is_kept(tokens)
    assert await end_reason(world, tokens) is None
    assert len(world.store.tokens) == 4


async def test_without_grace_a_second_use_is_theft() -> None:
    """Without grace a replaced token ends the family at once (REFR-03)."""
    world = World(grace=timedelta(0))
    tokens = await granted(world)
    await world.refresh(tokens.refresh_token)
    await refused(world, tokens.refresh_token)
    assert await end_reason(world, tokens) is EndReason.REFRESH_REUSED


class RevokingStore(ForgetfulStore):
    """A store in which an operator ends the grant just after it was rotated."""

    async def rotate(self, rotation: Rotation, token: AccessTokenRecord, event: AuditEvent) -> bool:
        await super().rotate(rotation, token, event)
        await self.end(rotation.presented.family, EndReason.REVOKED_BY_OPERATOR)
        return False


async def test_an_end_in_between_is_no_success() -> None:
    """What was ended meanwhile is refused, though our rotation had been committed."""
    world = World(store=RevokingStore())
    tokens = await granted(world)
    await refused(world, tokens.refresh_token)
    assert await end_reason(world, tokens) is EndReason.REVOKED_BY_OPERATOR
