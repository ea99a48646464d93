"""What every store of grants promises (`services.token.ports`), proven on the fake and on Postgres alike."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
import pytest_asyncio

from services.token.events import Actor, grant_ended
from services.token.model import (
    AccessTokenRecord,
    CheckedCode,
    EndReason,
    FamilyState,
    GrantFilter,
    GrantParties,
    GrantPosition,
    Redemption,
    RefreshFamily,
    Rotation,
    SpentCode,
)
from tallystick.oauth2.opaque_token import bucket_of
from tallystick.oauth2.pkce import CodeChallenge, CodeChallengeMethod, s256
from tallystick.oauth2.refresh_token import RefreshToken
from tallystick.runtime.audit_event import AuditEvent, EventKind
from tests.contracts.grant_store_worlds import Couple, FakeWorld, World, postgres_world
from tests.support.databases import Database

CROWD = 50
LIFETIME, IDLE_LIFETIME = timedelta(days=30), timedelta(days=14)
MOMENT = timedelta(seconds=5)
REDIRECT_URI = "https://client.example/callback"
CHALLENGE = CodeChallenge(s256("v" * 43), CodeChallengeMethod.S256)


@pytest_asyncio.fixture(params=["fake", "postgres"], scope="module", loop_scope="session")
async def world(request: pytest.FixtureRequest) -> AsyncIterator[World]:
    if request.param == "fake":
        yield FakeWorld()
    else:
        database: Database = request.getfixturevalue("database")
        async with postgres_world(database) as world:
            yield world


def access_token(client_id: str, grant_id: UUID | None, *, expires_at: datetime | None = None) -> AccessTokenRecord:
    """Return a record as an issuer draws it, for ten minutes unless asked otherwise."""
    issued_at = datetime.now(UTC)
    expires_at = expires_at or issued_at + timedelta(minutes=10)
    return AccessTokenRecord(
        bucket=bucket_of(expires_at),
        digest=secrets.token_bytes(32),
        grant_id=grant_id,
        client_id=client_id,
        client_epoch=0,
        scopes=("photos.read",),
        audience="https://photos.example",
        issued_at=issued_at,
        expires_at=expires_at,
    )


def told(
    client_id: str, grant_id: UUID | None, kind: EventKind = EventKind.TOKEN_ISSUED, **attributes: str
) -> AuditEvent:
    """Return an event as a use case hands it to the store."""
    return AuditEvent(kind, actor=f"client:{client_id}", client_id=client_id, grant_id=grant_id, attributes=attributes)


def end_told(couple: Couple, grant_id: UUID, reason: EndReason) -> tuple[AuditEvent, ...]:
    """Return the events of an end."""
    return grant_ended(grant_id, GrantParties(couple.client_id, couple.user_id), reason, actor=Actor("operator:test"))


def refresh_token(family: UUID, generation: int = 0) -> RefreshToken:
    """Return a token of a generation; a store reads neither secret nor MAC."""
    return RefreshToken(family, generation, secrets.token_bytes(32), bytes(32), "k1")


def checked_code(couple: Couple) -> CheckedCode:
    """Return what a fresh code of a couple stands for."""
    return CheckedCode(
        grant_id=uuid4(),
        code_id=secrets.token_urlsafe(16),
        code_digest=secrets.token_bytes(32),
        user_id=couple.user_id,
        scopes=("photos.read", "photos.write"),
        redirect_uri=REDIRECT_URI,
        redirect_uri_sent=True,
        code_challenge=CHALLENGE,
        client_epoch=0,
        user_epoch=0,
        consent_epoch=0,
    )


def redemption(couple: Couple, first: RefreshToken | None = None, *, limit: int | None = None) -> Redemption:
    """Return an attempt to spend a fresh code, with a refresh family if there is a first token of it."""
    code = checked_code(couple)
    if first is None:
        return Redemption(uuid4(), couple.client_id, code, None)
    family = RefreshFamily(first.digest, limit, LIFETIME, IDLE_LIFETIME)
    return Redemption(uuid4(), couple.client_id, replace(code, grant_id=first.family), family)


async def redeem(world: World, attempt: Redemption) -> AccessTokenRecord:
    """Redeem with a fresh access token and return that, whoever wins."""
    token = access_token(attempt.client_id, attempt.code.grant_id)
    await world.grants.redeem(attempt, token, told(attempt.client_id, attempt.code.grant_id))
    return token


async def new_family(world: World, couple: Couple, *, limit: int | None = None) -> RefreshToken:
    """Redeem a code and return the first refresh token."""
    first = refresh_token(uuid4())
    await redeem(world, redemption(couple, first, limit=limit))
    return first


def rotation(presented: RefreshToken, client_id: str) -> Rotation:
    """Return a wish to replace a token."""
    successor = refresh_token(presented.family, presented.generation + 1)
    return Rotation(presented, successor, client_id, secrets.token_bytes(32), IDLE_LIFETIME)


async def rotate(world: World, wish: Rotation) -> bool:
    """Rotate with a fresh access token."""
    event = told(wish.client_id, wish.presented.family, EventKind.REFRESHED, generation=str(wish.successor.generation))
    return await world.families.rotate(wish, access_token(wish.client_id, wish.presented.family), event)


async def keep_beside(world: World, state: FamilyState, couple: Couple) -> bool:
    """Keep a fresh access token beside the current generation."""
    event = told(couple.client_id, state.grant_id, EventKind.REFRESH_RACED)
    return await world.families.keep_beside(state, access_token(couple.client_id, state.grant_id), event)


async def kinds_of(world: World, grant_id: UUID) -> list[EventKind]:
    """Return what was told of a grant."""
    return [event.kind for event in await world.events_of(grant_id)]


async def state_of(world: World, token: RefreshToken) -> FamilyState:
    """Return the state of a family that is there."""
    state = await world.families.state(token.family)
    assert state is not None
    return state


# Redemption


async def test_a_redemption_makes_a_grant_and_a_token_together(world: World) -> None:
    """Whoever redeems first is told so, and grant, access token and event are kept (OPS-04)."""
    couple = await world.couple()
    attempt = redemption(couple)
    token = access_token(couple.client_id, attempt.code.grant_id)
    event = told(couple.client_id, attempt.code.grant_id, scope="photos.read", label="é")
    spender = await world.grants.redeem(attempt, token, event)
    record = await world.records.get(attempt.code.grant_id)
    assert (attempt.code.grant_id, attempt.redemption_id) == (spender.grant_id, spender.redemption_id)
    assert record is not None
    assert (couple.client_id, couple.user_id, attempt.code.scopes) == (record.client_id, record.user_id, record.scopes)
    assert {token.digest} == await world.tokens_of(attempt.code.grant_id)
    assert [event] == await world.events_of(attempt.code.grant_id)


async def test_a_repeated_redemption_is_recognised(world: World) -> None:
    """A redemption repeated after a lost answer wins again, without a second token or event (GRPC-02)."""
    attempt = redemption(await world.couple())
    token, event = (
        access_token(attempt.client_id, attempt.code.grant_id),
        told(attempt.client_id, attempt.code.grant_id),
    )
    first = await world.grants.redeem(attempt, token, event)
    assert first == await world.grants.redeem(attempt, token, event)
    assert {token.digest} == await world.tokens_of(attempt.code.grant_id)
    assert [event] == await world.events_of(attempt.code.grant_id)


async def test_a_second_redemption_loses(world: World) -> None:
    """Whoever comes later is told who won, and neither its token nor its event is kept (TOK-05)."""
    winner = redemption(await world.couple())
    loser = replace(winner, redemption_id=uuid4())
    token = await redeem(world, winner)
    grant_id = loser.code.grant_id
    late = told(loser.client_id, grant_id, late="true")
    spender = await world.grants.redeem(loser, access_token(loser.client_id, grant_id), late)
    assert late not in await world.events_of(grant_id)
    assert winner.redemption_id == spender.redemption_id
    assert {token.digest} == await world.tokens_of(winner.code.grant_id)


async def test_code_and_grant_are_each_spent_once(world: World) -> None:
    """Neither a code under another grant id nor a grant id under another code can be spent again."""
    winner = redemption(await world.couple())
    await redeem(world, winner)
    for code in (replace(winner.code, grant_id=uuid4()), replace(winner.code, code_id=secrets.token_urlsafe(16))):
        loser = replace(winner, redemption_id=uuid4(), code=code)
        event = told(loser.client_id, code.grant_id)
        spender = await world.grants.redeem(loser, access_token(loser.client_id, code.grant_id), event)
        assert (winner.code.grant_id, winner.redemption_id) == (spender.grant_id, spender.redemption_id)


async def test_of_parallel_redemptions_one_wins(world: World) -> None:
    """Fifty redemptions of one code at once all name the same winner; one token and event is kept (TOK-07)."""
    attempt = redemption(await world.couple())
    rivals = [replace(attempt, redemption_id=uuid4()) for _ in range(CROWD)]
    grant_id = attempt.code.grant_id
    spenders = await asyncio.gather(
        *(
            world.grants.redeem(rival, access_token(rival.client_id, grant_id), told(rival.client_id, grant_id))
            for rival in rivals
        )
    )
    assert len(set(spenders)) == 1
    assert spenders[0].redemption_id in {rival.redemption_id for rival in rivals}
    assert len(await world.tokens_of(grant_id)) == 1
    assert len(await world.events_of(grant_id)) == 1


@pytest.mark.parametrize("challenge", [None, CHALLENGE, CodeChallenge("p" * 43, CodeChallengeMethod.PLAIN)])
async def test_a_spent_code_is_remembered(world: World, challenge: CodeChallenge | None) -> None:
    """A grant keeps what its code was issued for."""
    attempt = redemption(await world.couple())
    attempt = replace(attempt, code=replace(attempt.code, code_challenge=challenge, redirect_uri_sent=False))
    await redeem(world, attempt)
    code = attempt.code
    kept = SpentCode(code.grant_id, attempt.client_id, code.user_id, code.code_digest, REDIRECT_URI, False, challenge)
    assert kept == await world.grants.spent_code(code.code_id)


async def test_an_unknown_code_was_not_spent(world: World) -> None:
    """A code that no grant came of is unknown."""
    assert await world.grants.spent_code("nobody-spent-this") is None


# The end


async def test_a_grant_ends_once(world: World) -> None:
    """The first end stays, with its reason, and is logged and told once, however often it is repeated (TOK-05)."""
    couple = await world.couple()
    attempt = redemption(couple)
    grant_id = attempt.code.grant_id
    await redeem(world, attempt)
    events = end_told(couple, grant_id, EndReason.CODE_REPLAYED)
    assert await world.grants.end(grant_id, EndReason.CODE_REPLAYED, *events)
    assert not await world.grants.end(grant_id, EndReason.CODE_REPLAYED, *events)
    assert not await world.grants.end(
        grant_id, EndReason.REVOKED_BY_OPERATOR, *end_told(couple, grant_id, EndReason.REVOKED_BY_OPERATOR)
    )
    assert [told(couple.client_id, grant_id), *events] == await world.events_of(grant_id)
    record = await world.records.get(grant_id)
    assert record is not None
    assert record.end_reason == EndReason.CODE_REPLAYED
    assert record.ended_at is not None
    assert await world.invalidations_of(grant_id) == 1


async def test_what_is_not_there_cannot_end(world: World) -> None:
    """Ending an unknown grant changes, logs and tells nothing."""
    grant_id, couple = uuid4(), await world.couple()
    assert await world.grants.parties(grant_id) is None
    events = end_told(couple, grant_id, EndReason.CODE_REPLAYED)
    assert not await world.grants.end(grant_id, EndReason.CODE_REPLAYED, *events)
    assert await world.invalidations_of(grant_id) == 0
    assert await world.events_of(grant_id) == []


async def test_of_parallel_ends_one_is_the_first(world: World) -> None:
    """Many ends at once are one end, one line in the log, and one story (OPS-04)."""
    couple = await world.couple()
    attempt = redemption(couple)
    grant_id = attempt.code.grant_id
    await redeem(world, attempt)
    assert GrantParties(couple.client_id, couple.user_id) == await world.grants.parties(grant_id)
    events = end_told(couple, grant_id, EndReason.CODE_REPLAYED)
    ends = await asyncio.gather(*(world.grants.end(grant_id, EndReason.CODE_REPLAYED, *events) for _ in range(CROWD)))
    assert sum(ends) == 1
    assert await world.invalidations_of(grant_id) == 1
    assert list(events) == (await world.events_of(grant_id))[1:]


# Tokens that no grant stands behind


async def test_a_clients_own_token_is_told_once(world: World) -> None:
    """A token that is kept twice, after a lost answer, is one token and one event (OPS-04)."""
    couple = await world.couple()
    token, event = access_token(couple.client_id, None), told(couple.client_id, None, label="nightly")
    for _ in range(2):
        await world.access_tokens.keep(token, event)
    assert [event] == await world.events_of_client(couple.client_id)


# Rotation


async def test_a_family_begins_as_it_was_wished(world: World) -> None:
    """Generation, digest, limit and lifetimes are those of the redemption, by the store's clock."""
    first = await new_family(world, await world.couple(), limit=3)
    state = await state_of(world, first)
    assert (0, first.digest, 3, ()) == (state.generation, state.digest, state.limit_left, state.rotations)
    assert abs(state.expires_at - state.now - LIFETIME) < MOMENT
    assert abs(state.idle_expires_at - state.now - IDLE_LIFETIME) < MOMENT
    assert state.stands
    assert not state.ended


async def test_without_refresh_token_there_is_no_family(world: World) -> None:
    """A grant without refresh token has no family, and an unknown grant neither."""
    attempt = redemption(await world.couple())
    await redeem(world, attempt)
    assert await world.families.state(attempt.code.grant_id) is None
    assert await world.families.state(uuid4()) is None


async def test_a_rotation_replaces_the_generation(world: World) -> None:
    """A rotation keeps digest, nonce and key id of what it replaced, counts down, and keeps the new access token."""
    couple = await world.couple()
    first = await new_family(world, couple, limit=2)
    wish = rotation(first, couple.client_id)
    assert await rotate(world, wish)
    state = await state_of(world, first)
    assert (1, wish.successor.digest, 1) == (state.generation, state.digest, state.limit_left)
    [rotated] = state.rotations
    assert (first.digest, wish.nonce, "k1") == (rotated.digest, rotated.nonce, rotated.key_id)
    assert abs(state.now - rotated.at) < MOMENT
    assert len(await world.tokens_of(first.family)) == 2


async def test_of_parallel_rotations_one_wins(world: World) -> None:
    """Fifty rotations of one generation at once are one rotation and one event, time after time (REFR-04)."""
    couple = await world.couple()
    first = await new_family(world, couple)
    presented = first
    for _ in range(3):
        wishes = [rotation(presented, couple.client_id) for _ in range(CROWD)]
        outcomes = await asyncio.gather(*(rotate(world, wish) for wish in wishes))
        assert sum(outcomes) == 1
        presented = wishes[outcomes.index(True)].successor
    state = await state_of(world, first)
    assert state.generation == 3
    assert len(await world.tokens_of(first.family)) == 4
    generations = [event.attributes.get("generation") for event in await world.events_of(first.family)]
    assert generations == [None, "1", "2", "3"]


async def test_a_repeated_rotation_is_told_once(world: World) -> None:
    """A rotation repeated after a lost answer finds itself done, without a second event (REFR-04)."""
    couple = await world.couple()
    first = await new_family(world, couple)
    wish, token = rotation(first, couple.client_id), access_token(couple.client_id, first.family)
    event = told(couple.client_id, first.family, EventKind.REFRESHED)
    assert await world.families.rotate(wish, token, event)
    assert not await world.families.rotate(wish, token, event)
    assert await kinds_of(world, first.family) == [EventKind.TOKEN_ISSUED, EventKind.REFRESHED]


async def test_the_last_eight_rotations_are_kept(world: World) -> None:
    """Of ten rotations the last eight are remembered, oldest first."""
    couple = await world.couple()
    first = await new_family(world, couple)
    chain = [first]
    for _ in range(10):
        wish = rotation(chain[-1], couple.client_id)
        assert await rotate(world, wish)
        chain.append(wish.successor)
    state = await state_of(world, first)
    assert state.generation == 10
    assert [token.digest for token in chain[2:10]] == [rotated.digest for rotated in state.rotations]
    assert sorted(state.rotations, key=lambda rotated: rotated.at) == list(state.rotations)


async def test_rotation_extends_the_idle_lifetime_only(world: World) -> None:
    """Refreshing starts the idle lifetime anew and leaves the absolute one alone (REFR-06)."""
    couple = await world.couple()
    first = await new_family(world, couple)
    await world.pass_time(first.family, timedelta(days=13))
    assert await rotate(world, rotation(first, couple.client_id))
    state = await state_of(world, first)
    assert abs(state.idle_expires_at - state.now - IDLE_LIFETIME) < MOMENT
    assert abs(state.expires_at - state.now - (LIFETIME - timedelta(days=13))) < MOMENT


async def test_an_exhausted_family_does_not_rotate(world: World) -> None:
    """When the limit is used up nothing rotates any more."""
    couple = await world.couple()
    first = await new_family(world, couple, limit=1)
    wish = rotation(first, couple.client_id)
    assert await rotate(world, wish)
    assert not await rotate(world, rotation(wish.successor, couple.client_id))
    assert len(await world.tokens_of(first.family)) == 2


async def test_only_the_current_token_rotates(world: World) -> None:
    """Neither a replaced generation nor another secret nor a generation to come rotates anything (REFR-03)."""
    couple = await world.couple()
    first = await new_family(world, couple)
    wish = rotation(first, couple.client_id)
    assert await rotate(world, wish)
    for presented in (first, refresh_token(first.family, 1), replace(wish.successor, generation=2)):
        assert not await rotate(world, rotation(presented, couple.client_id))
    assert (await state_of(world, first)).generation == 1


async def test_only_its_own_client_rotates(world: World) -> None:
    """Another client cannot rotate, and the token stays good (REFR-01)."""
    couple, other = await world.couple(), await world.couple()
    first = await new_family(world, couple)
    assert not await rotate(world, rotation(first, other.client_id))
    assert await rotate(world, rotation(first, couple.client_id))


Change = Callable[[World, Couple, UUID], Awaitable[None]]


async def end_it(world: World, _: Couple, grant_id: UUID) -> None:
    """End the grant."""
    await world.grants.end(grant_id, EndReason.REVOKED_BY_OPERATOR)


async def be_idle(world: World, _: Couple, grant_id: UUID) -> None:
    """Let the idle lifetime pass."""
    await world.pass_time(grant_id, IDLE_LIFETIME)


async def grow_old(world: World, _: Couple, grant_id: UUID) -> None:
    """Let the absolute lifetime pass."""
    await world.pass_time(grant_id, LIFETIME)


def to_the_couple(name: str) -> Change:
    """Return a change of client, user or consent."""

    async def change(world: World, couple: Couple, _: UUID) -> None:
        await getattr(world, name)(couple)

    change.__name__ = name
    return change


CHANGES = [
    end_it,
    be_idle,
    grow_old,
    *map(
        to_the_couple,
        (
            "disable_client",
            "raise_client_epoch",
            "delete_client",
            "disable_user",
            "raise_user_epoch",
            "delete_user",
            "withdraw_consent",
            "delete_consent",
        ),
    ),
]


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
async def test_nothing_rotates_after(world: World, change: Change) -> None:
    """Whatever ends the trust behind a grant ends refreshing at once: no token, no event (REFR-06, REFR-07)."""
    couple = await world.couple()
    first = await new_family(world, couple)
    await change(world, couple, first.family)
    assert not await rotate(world, rotation(first, couple.client_id))
    assert len(await world.tokens_of(first.family)) == 1
    assert EventKind.REFRESHED not in await kinds_of(world, first.family)


# A token beside, within the grace


async def test_a_token_is_kept_beside_the_current_generation(world: World) -> None:
    """A token for a repeated request is kept, and costs no refresh even when none is left (REFR-04)."""
    couple = await world.couple()
    first = await new_family(world, couple, limit=1)
    assert await rotate(world, rotation(first, couple.client_id))
    state = await state_of(world, first)
    assert await keep_beside(world, state, couple)
    assert (await state_of(world, first)).limit_left == 0
    assert len(await world.tokens_of(first.family)) == 3
    expected = [EventKind.TOKEN_ISSUED, EventKind.REFRESHED, EventKind.REFRESH_RACED]
    assert expected == await kinds_of(world, first.family)


async def test_a_token_kept_beside_twice_is_one(world: World) -> None:
    """What is repeated after a lost answer finds its token kept, without a second event (REFR-04)."""
    couple = await world.couple()
    first = await new_family(world, couple)
    state, token = await state_of(world, first), access_token(couple.client_id, first.family)
    event = told(couple.client_id, first.family, EventKind.REFRESH_REPEATED)
    assert await world.families.keep_beside(state, token, event)
    await rotate(world, rotation(first, couple.client_id))
    assert await world.families.keep_beside(state, token, event)
    expected = [EventKind.TOKEN_ISSUED, EventKind.REFRESH_REPEATED, EventKind.REFRESHED]
    assert expected == await kinds_of(world, first.family)


async def test_no_token_is_kept_beside_a_generation_that_is_gone(world: World) -> None:
    """When the family has moved on, the repeated request must be judged anew."""
    couple = await world.couple()
    first = await new_family(world, couple)
    state = await state_of(world, first)
    assert await rotate(world, rotation(first, couple.client_id))
    assert not await keep_beside(world, state, couple)
    assert len(await world.tokens_of(first.family)) == 2


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
async def test_no_token_is_kept_beside_after(world: World, change: Change) -> None:
    """The grace is no way round an end, an expiry or a withdrawal, and nothing is told that was not done."""
    couple = await world.couple()
    first = await new_family(world, couple)
    state = await state_of(world, first)
    await change(world, couple, first.family)
    assert not await keep_beside(world, state, couple)
    assert len(await world.tokens_of(first.family)) == 1
    assert EventKind.REFRESH_RACED not in await kinds_of(world, first.family)


@pytest.mark.parametrize("change", CHANGES[3:], ids=lambda change: change.__name__)
async def test_the_state_says_whether_a_grant_stands(world: World, change: Change) -> None:
    """A change of client, user or consent shows in the state that is judged."""
    couple = await world.couple()
    first = await new_family(world, couple)
    await change(world, couple, first.family)
    assert not (await state_of(world, first)).stands


# For operators


async def test_an_unknown_grant_has_no_record(world: World) -> None:
    """Nothing is made up for an id that nobody has."""
    assert await world.records.get(uuid4()) is None


async def lives(world: World, grant_id: UUID) -> bool:
    """Tell whether a grant is shown as live, alone and in a list."""
    record = await world.records.get(grant_id)
    assert record is not None
    wanted = GrantFilter(client_id=record.client_id, user_id=None, include_ended=True)
    listed = {each.grant_id: each.live for each in await world.records.list(wanted, after=None, limit=1000)}
    assert listed[grant_id] == record.live
    return record.live


async def issue(world: World, attempt: Redemption, lifetime: timedelta) -> UUID:
    """Redeem with an access token of a lifetime."""
    token = access_token(attempt.client_id, attempt.code.grant_id, expires_at=world.now() + lifetime)
    await world.grants.redeem(attempt, token, told(attempt.client_id, token.grant_id))
    return attempt.code.grant_id


async def test_a_grant_lives_while_it_can_be_refreshed(world: World) -> None:
    """With its access token expired a grant still lives, until its refresh token does no more (REFR-06)."""
    couple, first = await world.couple(), refresh_token(uuid4())
    await issue(world, redemption(couple, first), timedelta(0))
    assert await lives(world, first.family)
    await world.pass_time(first.family, IDLE_LIFETIME)
    assert not await lives(world, first.family)


async def test_a_grant_lives_while_an_access_token_does(world: World) -> None:
    """Without refresh, or with none left, a grant lives as long as its last access token."""
    couple = await world.couple()
    for refreshes in (None, refresh_token(uuid4())):
        for lifetime, expected in ((timedelta(minutes=10), True), (timedelta(0), False)):
            first = refreshes and replace(refreshes, family=uuid4())
            grant_id = await issue(world, redemption(couple, first, limit=0), lifetime)
            assert await lives(world, grant_id) is expected


async def test_the_longest_lived_access_token_counts(world: World) -> None:
    """A token of a rotation, or one beside it, keeps a grant alive; a shorter one takes no time away."""
    couple = await world.couple()
    for longer, shorter in ((timedelta(minutes=10), timedelta(0)), (timedelta(0), timedelta(minutes=10))):
        first = refresh_token(uuid4())
        await issue(world, redemption(couple, first, limit=1), longer)
        wish, event = rotation(first, couple.client_id), told(couple.client_id, first.family, EventKind.REFRESHED)
        token = access_token(couple.client_id, first.family, expires_at=world.now() + shorter)
        assert await world.families.rotate(wish, token, event)
        assert await lives(world, first.family)
    first = refresh_token(uuid4())
    await issue(world, redemption(couple, first, limit=0), timedelta(0))
    assert not await lives(world, first.family)
    assert await keep_beside(world, await state_of(world, first), couple)
    assert await lives(world, first.family)


@pytest.mark.parametrize("change", [CHANGES[0], *CHANGES[3:]], ids=lambda change: change.__name__)
async def test_no_grant_lives_after(world: World, change: Change) -> None:
    """Neither refresh token nor access token keeps a grant alive whose ground is gone (REFR-07)."""
    couple, first = await world.couple(), refresh_token(uuid4())
    await issue(world, redemption(couple, first), timedelta(minutes=10))
    await change(world, couple, first.family)
    assert not await lives(world, first.family)


async def test_grants_are_listed_newest_first_and_by_page(world: World) -> None:
    """Pages follow one another without gap or repeat."""
    couple = await world.couple()
    attempts = [redemption(couple) for _ in range(5)]
    for age, attempt in enumerate(attempts):
        await redeem(world, attempt)
        await world.pass_time(attempt.code.grant_id, timedelta(minutes=age))
    wanted = GrantFilter(client_id=couple.client_id, user_id=None, include_ended=True)
    seen: list[UUID] = []
    position: GrantPosition | None = None
    for _ in range(3):
        page = await world.records.list(wanted, after=position, limit=2)
        seen += [record.grant_id for record in page]
        position = GrantPosition(page[-1].created_at, page[-1].grant_id)
    assert [attempt.code.grant_id for attempt in attempts] == seen
    assert list(await world.records.list(wanted, after=position, limit=2)) == []


async def test_grants_of_one_moment_are_told_apart(world: World) -> None:
    """A page that ends between two grants of one moment goes on with the other."""
    couple = await world.couple()
    wanted = GrantFilter(client_id=None, user_id=couple.user_id, include_ended=True)
    await redeem(world, redemption(couple))
    [record] = await world.records.list(wanted, after=None, limit=9)
    before, behind = UUID(int=record.grant_id.int - 1), UUID(int=record.grant_id.int + 1)
    assert [record] == list(await world.records.list(wanted, after=GrantPosition(record.created_at, before), limit=9))
    assert list(await world.records.list(wanted, after=GrantPosition(record.created_at, behind), limit=9)) == []


async def test_lists_are_filtered(world: World) -> None:
    """Client, user and end narrow a list, each alone and all together."""
    couple, other = await world.couple(), await world.couple()
    live, ended, foreign = redemption(couple), redemption(couple), redemption(other)
    for attempt in (live, ended, foreign):
        await redeem(world, attempt)
    await world.grants.end(ended.code.grant_id, EndReason.REVOKED_BY_OPERATOR)

    async def listed(client_id: str | None, user_id: UUID | None, *, include_ended: bool) -> set[UUID]:
        wanted = GrantFilter(client_id=client_id, user_id=user_id, include_ended=include_ended)
        found = {record.grant_id for record in await world.records.list(wanted, after=None, limit=1000)}
        return found & {live.code.grant_id, ended.code.grant_id, foreign.code.grant_id}

    both = {live.code.grant_id, ended.code.grant_id}
    assert both == await listed(couple.client_id, None, include_ended=True)
    assert both == await listed(None, couple.user_id, include_ended=True)
    assert {live.code.grant_id} == await listed(couple.client_id, couple.user_id, include_ended=False)
    assert set() == await listed(couple.client_id, other.user_id, include_ended=True)
    assert {*both, foreign.code.grant_id} == await listed(None, None, include_ended=True)
