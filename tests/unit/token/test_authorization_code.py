"""`authorization_code` (RFC 6749 §4.1.3): who gets a grant, and who ends one."""

import asyncio
from dataclasses import replace

import pytest

from services.token.model import Client, EndReason, IssuedTokens
from tallystick.oauth2.client import GrantType
from tallystick.oauth2.errors import InvalidGrant, InvalidRequest, InvalidTarget
from tallystick.oauth2.opaque_token import digest
from tallystick.runtime.failures import Failure, Internal, TimedOut, Unavailable
from tests.fakes.checked_codes import REDIRECT_URI, VERIFIER, IssuedCode, new_code
from tests.fakes.clients import client, new_secret
from tests.unit.token.world import PUBLIC, World, basic

PHOTOS, MAIL = "https://photos.example", "https://mail.example"


@pytest.fixture
def world() -> World:
    return World()


async def refused(world: World, issued: IssuedCode, **parameters: str) -> None:
    """Redeem a code and be refused as by any other reason."""
    with pytest.raises(InvalidGrant) as caught:
        await world.redeem(issued, **parameters)
    assert "invalid, expired, used, or not for this request" in caught.value.description


async def is_live(world: World, tokens: IssuedTokens) -> bool:
    """Tell whether the grant of these tokens has not ended."""
    assert tokens.grant_id is not None
    record = await world.store.get(tokens.grant_id)
    assert record is not None
    return record.ended_at is None


async def test_a_code_buys_a_grant(world: World) -> None:
    """The first redemption gets an access token and generation 0 (TOK-01, REFR-10)."""
    issued = world.code(scopes=("photos.read", "photos.write"))
    tokens = await world.redeem(issued)
    record = world.store.tokens[digest(tokens.access_token)]
    assert (tokens.grant_id, tokens.scopes) == (issued.stands_for.grant_id, ("photos.read", "photos.write"))
    assert (record.grant_id, record.audience, record.client_id) == (tokens.grant_id, PHOTOS, PUBLIC)
    assert tokens.refresh_token is not None


@pytest.mark.parametrize("parameters", [{"code": ""}, {"code": "x"}, {"code": new_code().text + "A"}])
async def test_something_else_is_no_code(world: World, parameters: dict[str, str]) -> None:
    """Without a code the request is invalid, and what we cannot have issued is refused unasked (TOK-02)."""
    world.codes.failure = Unavailable("must not be asked")
    expected = InvalidRequest if parameters["code"] == "" else InvalidGrant
    with pytest.raises(expected):
        await world.redeem(world.code(), **parameters)


async def test_an_unknown_code_is_refused(world: World) -> None:
    """A code that was never issued, or that expired unspent, buys nothing (TOK-02)."""
    issued = world.code()
    world.codes.forget(issued)
    await refused(world, issued)
    assert world.store.tokens == {}


@pytest.mark.parametrize(
    "parameters",
    [
        {"code_verifier": "v" * 43},
        {"code_verifier": ""},
        {"redirect_uri": "https://client.example/other"},
        {"client_id": "other"},
    ],
)
async def test_a_mismatch_burns_nothing(world: World, parameters: dict[str, str]) -> None:
    """Whoever lacks a half of the tally is refused, and the client can still redeem (TOK-03, TOK-04, PKCE-02)."""
    world.add(client("other"))
    issued = world.code()
    await refused(world, issued, **parameters)
    assert world.is_kept(await world.redeem(issued))


async def test_a_replay_ends_the_grant(world: World) -> None:
    """A second valid redemption is refused, and the grant of the first is over (TOK-05)."""
    issued = world.code()
    tokens = await world.redeem(issued)
    await refused(world, issued)
    assert tokens.grant_id is not None
    record = await world.store.get(tokens.grant_id)
    assert record is not None
    assert record.end_reason is EndReason.CODE_REPLAYED
    assert world.store.invalidations == [("grant", str(tokens.grant_id))]
    assert len(world.store.tokens) == 1


async def test_a_replay_is_judged_when_authorize_has_forgotten(world: World) -> None:
    """As long as the grant is kept, a valid replay ends it though Redis knows the code no more (TOK-05)."""
    issued = world.code()
    tokens = await world.redeem(issued)
    world.codes.forget(issued)
    await refused(world, issued)
    assert not await is_live(world, tokens)


async def test_no_bad_target_hides_a_replay(world: World) -> None:
    """A valid replay ends the grant though it names a resource that is not to be had (TOK-05)."""
    issued = world.code()
    tokens = await world.redeem(issued)
    await refused(world, issued, resource="https://other.example")
    assert not await is_live(world, tokens)


async def test_no_disabled_user_hides_a_replay(world: World) -> None:
    """A valid replay ends the grant for good though the code would be refused for another reason anyway (TOK-05)."""
    issued = world.code()
    tokens = await world.redeem(issued)
    world.codes.withdrawn = True
    await refused(world, issued)
    assert not await is_live(world, tokens)


async def test_no_lack_of_scopes_hides_a_replay(world: World) -> None:
    """A valid replay ends the grant though the client may ask for nothing any more (TOK-05)."""
    issued = world.code()
    tokens = await world.redeem(issued)
    world.add(client(PUBLIC, scopes=frozenset({"other"})))
    await refused(world, issued)
    assert not await is_live(world, tokens)


async def test_a_withdrawn_code_that_nobody_spent_is_refused(world: World) -> None:
    """While the user is disabled a code buys nothing, and nothing ends."""
    issued = world.code()
    world.codes.withdrawn = True
    await refused(world, issued)
    assert world.store.invalidations == []
    world.codes.withdrawn = False
    assert world.is_kept(await world.redeem(issued))


@pytest.mark.parametrize("resource", [{}, {"resource": "https://other.example"}], ids=["target", "bad target"])
@pytest.mark.parametrize("withdrawn", [True, False], ids=["withdrawn", "standing"])
@pytest.mark.parametrize("forgotten", [True, False], ids=["forgotten", "known"])
@pytest.mark.parametrize(
    "parameters",
    [
        {"code_verifier": "v" * 43},
        {"code_verifier": ""},
        {"redirect_uri": "https://client.example/other"},
        {"client_id": "other"},
    ],
)
async def test_a_replay_by_somebody_else_harms_nobody(
    world: World,
    parameters: dict[str, str],
    forgotten: bool,  # noqa: FBT001 - a parameter of the test
    withdrawn: bool,  # noqa: FBT001 - a parameter of the test
    resource: dict[str, str],
) -> None:
    """A replay with a wrong verifier, redirect URI or client is refused, and the tokens live on (TOK-06)."""
    world.add(client("other"))
    issued = world.code()
    tokens = await world.redeem(issued)
    if forgotten:
        world.codes.forget(issued)
    world.codes.withdrawn = withdrawn
    await refused(world, issued, **parameters, **resource)
    assert await is_live(world, tokens)


async def test_another_secret_under_a_known_id_harms_nobody(world: World) -> None:
    """Whoever knows the public half of a spent code cannot end its grant (TOK-06)."""
    issued = world.code()
    tokens = await world.redeem(issued)
    forged = f"{issued.code.code_id}.{new_code().text.partition('.')[2]}"
    await refused(world, issued, code=forged)
    assert await is_live(world, tokens)


async def test_of_parallel_redemptions_one_is_answered(world: World) -> None:
    """Fifty redemptions at once yield one answer, and its grant has ended when all are answered (TOK-07)."""
    issued = world.code()
    answers = await asyncio.gather(*(world.redeem(issued) for _ in range(50)), return_exceptions=True)
    won = [answer for answer in answers if isinstance(answer, IssuedTokens)]
    assert len(won) == 1
    assert all(isinstance(answer, InvalidGrant) for answer in answers if answer is not won[0])
    assert not await is_live(world, won[0])


@pytest.mark.parametrize("failure", [Unavailable("away"), TimedOut("slow"), Internal("broken")])
async def test_a_failing_authorize_is_not_a_bad_code(world: World, failure: Failure) -> None:
    """When the code cannot be checked nobody says that it is bad, and it can be redeemed later (promise 4)."""
    issued = world.code()
    world.codes.failure = failure
    with pytest.raises(type(failure)):
        await world.redeem(issued)
    world.codes.failure = None
    assert world.is_kept(await world.redeem(issued))


async def test_scope_is_no_parameter_here(world: World) -> None:
    """A scope sent with the code neither widens nor narrows what was approved (TOK-08)."""
    tokens = await world.redeem(world.code(), scope="photos.read photos.write admin")
    assert tokens.scopes == ("photos.read",)


async def test_a_scope_taken_from_the_client_is_not_issued(world: World) -> None:
    """Between approval and redemption the client's list may shrink, and the token with it (TOK-08)."""
    issued = world.code(scopes=("photos.read", "photos.write"))
    world.add(client(PUBLIC, scopes=frozenset({"photos.write"})))
    assert (await world.redeem(issued)).scopes == ("photos.write",)


async def test_a_code_of_which_nothing_is_left_is_refused(world: World) -> None:
    """When the client may ask for none of the approved scopes any more, the code buys nothing (TOK-08)."""
    issued = world.code()
    world.add(client(PUBLIC, scopes=frozenset({"other"})))
    await refused(world, issued)
    assert world.store.tokens == {}


async def test_a_bad_target_does_not_spend_the_code(world: World) -> None:
    """Whatever can be refused is refused before the code is spent, so that it can be redeemed rightly."""
    covers = {"photos.read": frozenset({PHOTOS}), "photos.write": frozenset({MAIL})}
    world.add(replace(client(PUBLIC), resources_of=covers))
    issued = world.code(scopes=("photos.read", "photos.write"))
    for resource in ({}, {"resource": "https://other.example"}):
        with pytest.raises(InvalidTarget):
            await world.redeem(issued, **resource)
    tokens = await world.redeem(issued, resource=MAIL)
    state = await world.store.state(issued.stands_for.grant_id)
    assert tokens.scopes == ("photos.write",)
    assert state is not None
    assert state.scopes == ("photos.read", "photos.write")


@pytest.mark.parametrize(
    "registered",
    [
        client(PUBLIC, refresh_limit=0),
        client(PUBLIC, grant_types=frozenset({GrantType.AUTHORIZATION_CODE})),
    ],
    ids=["limit 0", "not registered"],
)
async def test_no_refresh_token_without_a_use_for_it(world: World, registered: Client) -> None:
    """Limit 0, or a client that may not refresh, gets no refresh token (REFR-10)."""
    world.add(registered)
    issued = world.code()
    assert (await world.redeem(issued)).refresh_token is None
    assert await world.store.state(issued.stands_for.grant_id) is None


async def test_a_confidential_client_owes_the_verifier_too(world: World) -> None:
    """PKCE holds for clients with a secret as well (PKCE-06)."""
    secret = new_secret()
    world.add(client("confidential", secret=secret))
    issued = world.code("confidential")
    form = {"grant_type": "authorization_code", "code": issued.code.text, "redirect_uri": REDIRECT_URI}
    for verifier in ({}, {"code_verifier": VERIFIER[::-1]}):
        with pytest.raises(InvalidGrant):
            await world.post(basic("confidential", secret), **form, **verifier)
    assert world.is_kept(await world.post(basic("confidential", secret), **form, code_verifier=VERIFIER))
