"""Who is told of an end waits until it is one everywhere, the second like the first; nobody else waits."""

import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta

import pytest

from services.token.client_authentication import ClientAuthentication
from services.token.events import Actor
from services.token.grant_administration import GrantAdministration
from services.token.model import EndReason, IssuedTokens
from services.token.revocation import Revocation
from services.token.token_revocation import TokenRevocation
from tallystick.oauth2.errors import InvalidClient, InvalidGrant, OAuthError
from tallystick.oauth2.opaque_token import with_checksum
from tallystick.oauth2.parameters import Parameters
from tallystick.runtime.failure_throttle import FailureThrottle
from tallystick.runtime.failures import NotFound, Unavailable
from tests.fakes.checked_codes import new_code
from tests.fakes.clients import client, new_secret
from tests.fakes.finality import FakeFinality
from tests.unit.token.world import GRACE, IDLE_LIFETIME, PUBLIC, World, basic

ROBOT = "robot"
SECRET = new_secret()
LONG = timedelta(days=40)

Deed = Callable[[World], Awaitable[object]]


@pytest.fixture
def world() -> World:
    world = World()
    world.add(client(ROBOT, secret=SECRET))
    world.add(client("other"))
    return world


async def granted(world: World) -> IssuedTokens:
    """Return the tokens of a fresh grant of the public client."""
    return await world.redeem(world.code())


async def revoke(world: World, token: str | None, *, client_id: str = PUBLIC, authorization: str | None = None) -> None:
    """Send a revocation request (RFC 7009)."""
    revocation = TokenRevocation(
        ClientAuthentication(world.clients, FailureThrottle(time.monotonic, per_source=100), world.finality),
        world.presented,
        world.store,
        Revocation(world.store, world.finality),
        world.chain,
        world.audit,
    )
    own = () if authorization else (("client_id", client_id),)
    await revocation.revoke(Parameters((("token", token or ""), *own)), authorization)


async def revoked_by_operator(world: World, tokens: IssuedTokens) -> None:
    """Revoke a grant as operators do."""
    assert tokens.grant_id is not None
    administration = GrantAdministration(world.store, NoTimelines(), Revocation(world.store, world.finality))
    await administration.revoke(tokens.grant_id, actor="operator:ann")


class NoTimelines:
    """Implements `GrantTimelines` for those who do not ask."""

    async def of(self, *_: object, **__: object) -> tuple[()]:
        return ()


# What reports an end


async def replay(world: World) -> Deed:
    issued = world.code()
    await world.redeem(issued)
    return lambda world: world.redeem(issued)


async def replay_of_a_forgotten_code(world: World) -> Deed:
    issued = world.code()
    await world.redeem(issued)
    world.codes.forget(issued)
    return lambda world: world.redeem(issued)


async def reuse(world: World) -> Deed:
    tokens = await granted(world)
    await world.refresh(tokens.refresh_token)
    assert tokens.grant_id is not None
    world.store.pass_time(tokens.grant_id, GRACE)
    return lambda world: world.refresh(tokens.refresh_token)


async def revocation_by_access_token(world: World) -> Deed:
    tokens = await granted(world)
    return lambda world: revoke(world, tokens.access_token)


async def revocation_by_refresh_token(world: World) -> Deed:
    tokens = await granted(world)
    return lambda world: revoke(world, tokens.refresh_token)


async def revocation_of_a_clients_own_token(world: World) -> Deed:
    tokens = await world.post(basic(ROBOT, SECRET), grant_type="client_credentials")
    return lambda world: revoke(world, tokens.access_token, authorization=basic(ROBOT, SECRET))


async def revocation_by_an_operator(world: World) -> Deed:
    tokens = await granted(world)
    return lambda world: revoked_by_operator(world, tokens)


async def refresh_of_an_ended_grant(world: World) -> Deed:
    tokens = await granted(world)
    assert tokens.grant_id is not None
    await world.store.end(tokens.grant_id, EndReason.REVOKED_BY_OPERATOR)
    return lambda world: world.refresh(tokens.refresh_token)


async def refresh_after_the_user_was_disabled(world: World) -> Deed:
    tokens = await granted(world)
    world.store.users[world.user_id].enabled = False
    return lambda world: world.refresh(tokens.refresh_token)


async def refresh_after_the_consent_was_withdrawn(world: World) -> Deed:
    tokens = await granted(world)
    world.store.consents[world.user_id, PUBLIC].epoch += 1
    return lambda world: world.refresh(tokens.refresh_token)


async def refresh_with_no_scope_left(world: World) -> Deed:
    tokens = await granted(world)
    world.clients.register(replace(world.clients.by_id[PUBLIC], scopes=frozenset({"photos.write"})))
    return lambda world: world.refresh(tokens.refresh_token)


async def request_of_a_disabled_client(world: World) -> Deed:
    world.clients.register(replace(world.clients.by_id[ROBOT], enabled=False))
    return lambda world: world.post(basic(ROBOT, SECRET), grant_type="client_credentials")


REPORTS = [
    replay,
    replay_of_a_forgotten_code,
    reuse,
    revocation_by_access_token,
    revocation_by_refresh_token,
    revocation_of_a_clients_own_token,
    revocation_by_an_operator,
    refresh_of_an_ended_grant,
    refresh_after_the_user_was_disabled,
    refresh_after_the_consent_was_withdrawn,
    refresh_with_no_scope_left,
    request_of_a_disabled_client,
]


@pytest.mark.parametrize("report", REPORTS)
async def test_a_report_waits_and_so_does_its_repeat(world: World, report: Callable[[World], Awaitable[Deed]]) -> None:
    """Whoever is told that something is dead is told once it is dead everywhere, each time anew (REVO-03)."""
    deed = await report(world)
    for times in (1, 2, 3):
        with suppress(InvalidGrant, InvalidClient):
            await deed(world)
        assert world.finality.waits == times


@pytest.mark.parametrize("report", REPORTS)
async def test_what_may_still_live_is_not_called_dead(world: World, report: Callable[[World], Awaitable[Deed]]) -> None:
    """Who cannot wait long enough is told to try again, and that is all (fails closed)."""
    deed = await report(world)
    world.finality.out_of_order = True
    with pytest.raises(Unavailable):
        await deed(world)


async def test_the_end_is_committed_before_the_wait(world: World) -> None:
    """The wait that fails leaves an ended grant behind."""
    tokens = await granted(world)
    assert tokens.grant_id is not None
    world.finality.out_of_order = True
    with pytest.raises(Unavailable):
        await revoke(world, tokens.access_token)
    record = await world.store.get(tokens.grant_id)
    assert record is not None
    assert record.end_reason is EndReason.REVOKED_BY_CLIENT


# What reports none


async def use_of_everything(_: World) -> Deed:
    async def deed(world: World) -> None:
        tokens = await granted(world)
        await world.refresh(tokens.refresh_token)
        await world.refresh(tokens.refresh_token)
        await world.post(basic(ROBOT, SECRET), grant_type="client_credentials")

    return deed


async def code_that_nobody_issued(world: World) -> Deed:
    issued = replace(world.code(), code=new_code())
    return lambda world: world.redeem(issued)


async def spent_code_with_a_wrong_verifier(world: World) -> Deed:
    issued = world.code()
    await world.redeem(issued)
    return lambda world: world.redeem(issued, code_verifier="A" * 43)


async def refresh_token_of_another_client(world: World) -> Deed:
    tokens = await granted(world)
    return lambda world: world.refresh(tokens.refresh_token, "other")


async def refresh_token_of_an_ended_grant_of_another_client(world: World) -> Deed:
    tokens = await granted(world)
    assert tokens.grant_id is not None
    await world.store.end(tokens.grant_id, EndReason.REVOKED_BY_OPERATOR)
    return lambda world: world.refresh(tokens.refresh_token, "other")


async def refresh_token_that_lapsed(world: World) -> Deed:
    tokens = await granted(world)
    assert tokens.grant_id is not None
    world.store.pass_time(tokens.grant_id, IDLE_LIFETIME)
    return lambda world: world.refresh(tokens.refresh_token)


async def refresh_token_that_is_none(_: World) -> Deed:
    return lambda world: world.refresh("nonsense")


async def wrong_secret(_: World) -> Deed:
    return lambda world: world.post(basic(ROBOT, new_secret()), grant_type="client_credentials")


async def wrong_secret_of_a_disabled_client(world: World) -> Deed:
    world.clients.register(replace(world.clients.by_id[ROBOT], enabled=False))
    return lambda world: world.post(basic(ROBOT, new_secret()), grant_type="client_credentials")


async def unknown_client(_: World) -> Deed:
    return lambda world: world.post(basic("nobody", SECRET), grant_type="client_credentials")


async def revocation_of_nonsense(_: World) -> Deed:
    return lambda world: revoke(world, "nonsense")


async def revocation_of_a_token_that_nobody_issued(world: World) -> Deed:
    unknown = with_checksum((await granted(world)).access_token[:-6].swapcase())
    return lambda world: revoke(world, unknown)


async def revocation_of_another_clients_token(world: World) -> Deed:
    tokens = await granted(world)
    return lambda world: revoke(world, tokens.access_token, client_id="other")


@pytest.mark.parametrize(
    "deed",
    [
        use_of_everything,
        code_that_nobody_issued,
        spent_code_with_a_wrong_verifier,
        refresh_token_of_another_client,
        refresh_token_of_an_ended_grant_of_another_client,
        refresh_token_that_lapsed,
        refresh_token_that_is_none,
        wrong_secret,
        wrong_secret_of_a_disabled_client,
        unknown_client,
        revocation_of_nonsense,
        revocation_of_a_token_that_nobody_issued,
        revocation_of_another_clients_token,
    ],
)
async def test_where_nothing_is_called_dead_nobody_waits(
    world: World, deed: Callable[[World], Awaitable[Deed]]
) -> None:
    """What was never anybody's, or not the asker's, holds nobody up."""
    act = await deed(world)
    with suppress(OAuthError):
        await act(world)
    assert world.finality.waits == 0


async def test_an_operator_waits_for_no_grant_that_there_never_was(world: World) -> None:
    """An unknown grant is not found at once."""
    tokens = replace(await granted(world), grant_id=world.user_id)
    with pytest.raises(NotFound):
        await revoked_by_operator(world, tokens)
    assert world.finality.waits == 0


async def test_a_second_end_waits_on_its_own(world: World) -> None:
    """What somebody else has ended is waited for by everybody who hears of it."""
    tokens = await granted(world)
    assert tokens.grant_id is not None
    first, second = FakeFinality(), FakeFinality()
    await Revocation(world.store, first).end(tokens.grant_id, EndReason.WITHDRAWN, actor=Actor("user:bob"))
    await Revocation(world.store, second).end(tokens.grant_id, EndReason.WITHDRAWN, actor=Actor("user:bob"))
    assert (first.waits, second.waits) == (1, 1)
