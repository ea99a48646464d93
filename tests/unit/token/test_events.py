"""What token tells the audit: every issue with what it does, every refusal, and nothing secret (OPS-04, GEN-11)."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import pytest

from services.token.events import Actor
from services.token.model import EndReason, IssuedTokens
from services.token.revocation import Revocation
from tallystick.oauth2.client import GrantType
from tallystick.oauth2.errors import OAuthError, TemporarilyUnavailable
from tallystick.oauth2.opaque_token import digest
from tallystick.runtime.audit_event import AuditEvent, EventKind, Outcome
from tallystick.runtime.failures import Failure, TimedOut, Unavailable
from tests.fakes.checked_codes import REDIRECT_URI, VERIFIER, new_code
from tests.fakes.clients import client, new_secret
from tests.fakes.finality import FakeFinality
from tests.fakes.grants import FakeGrantStore
from tests.unit.token.world import GRACE, PUBLIC, World, basic

SECRET = new_secret()
ROBOT = "robot"
PHOTOS = "https://photos.example"
# What every event says of a public client, which anybody may claim to be.
UNPROVEN = {"authenticated": "false"}


@pytest.fixture
def world() -> World:
    world = World()
    world.add(client(ROBOT, secret=SECRET))
    return world


async def granted(world: World, **parameters: str) -> IssuedTokens:
    """Redeem a code of the public client."""
    return await world.redeem(world.code(), **parameters)


def kinds(world: World) -> list[EventKind]:
    """Return what the store was told, in order."""
    return [event.kind for event in world.store.events]


# What is done


async def test_a_redemption_is_told(world: World) -> None:
    """Who bought what with a code, for whom and until when, and that a public client only named itself."""
    tokens = await granted(world, label="a trip")
    assert world.store.events == [
        AuditEvent(
            EventKind.TOKEN_ISSUED,
            actor=f"client:{PUBLIC}",
            client_id=PUBLIC,
            user_id=world.user_id,
            grant_id=tokens.grant_id,
            attributes={
                "grant_type": "authorization_code",
                "scope": "photos.read",
                "audience": PHOTOS,
                "expires_at": (world.store.now + timedelta(minutes=10)).isoformat(),
                "label": "a trip",
                "generation": "0",
                "authenticated": "false",
            },
        )
    ]


async def test_client_credentials_are_told(world: World) -> None:
    """A client's own token has neither user nor grant nor generation, and its client has authenticated (CC-03)."""
    await world.post(basic(ROBOT, SECRET), grant_type="client_credentials", scope="photos.read")
    [event] = world.store.events
    assert (event.kind, event.actor, event.user_id, event.grant_id) == (
        EventKind.TOKEN_ISSUED,
        f"client:{ROBOT}",
        None,
        None,
    )
    assert set(event.attributes) == {"grant_type", "scope", "audience", "expires_at"}
    assert event.attributes["grant_type"] == "client_credentials"


async def test_a_refresh_is_told_with_its_generation(world: World) -> None:
    """Generations and the refreshes that are left count on, and the scope is the access token's (REFR-05)."""
    world.add(replace(world.clients.by_id[PUBLIC], refresh_limit=2))
    tokens = await world.redeem(world.code(scopes=("photos.read", "photos.write")))
    tokens = await world.refresh(tokens.refresh_token, scope="photos.read")
    await world.refresh(tokens.refresh_token)
    told = [
        (event.attributes["generation"], event.attributes["refreshes_left"], event.attributes["scope"])
        for event in world.store.events
    ]
    assert kinds(world) == [EventKind.TOKEN_ISSUED, EventKind.REFRESHED, EventKind.REFRESHED]
    assert told == [
        ("0", "2", "photos.read photos.write"),
        ("1", "1", "photos.read"),
        ("2", "0", "photos.read photos.write"),
    ]


@pytest.mark.parametrize(
    ("after", "expected"),
    [
        (timedelta(0), EventKind.REFRESH_RACED),
        (timedelta(seconds=1), EventKind.REFRESH_RACED),
        (timedelta(seconds=2), EventKind.REFRESH_REPEATED),
    ],
)
async def test_race_and_lost_answer_are_told_apart(world: World, after: timedelta, expected: EventKind) -> None:
    """Within a second it is a race, later a lost answer, and both name the current generation (REFR-04)."""
    tokens = await granted(world)
    await world.refresh(tokens.refresh_token)
    world.store.now += after
    await world.refresh(tokens.refresh_token)
    assert kinds(world) == [EventKind.TOKEN_ISSUED, EventKind.REFRESHED, expected]
    assert world.store.events[-1].attributes["generation"] == "1"


async def test_of_a_crowd_one_refreshes(world: World) -> None:
    """Fifty refreshes at once are one rotation and otherwise races, generation after generation (REFR-04)."""
    tokens = await granted(world)
    for generation in ("1", "2", "3"):
        answers = await asyncio.gather(*(world.refresh(tokens.refresh_token) for _ in range(50)))
        assert len({answer.refresh_token for answer in answers}) == 1
        told = [e.kind for e in world.store.events if e.attributes["generation"] == generation]
        assert Counter(told) == {EventKind.REFRESHED: 1, EventKind.REFRESH_RACED: 49}
        tokens = answers[0]


async def test_theft_is_told_before_the_end(world: World) -> None:
    """A reuse ends the grant and is told once, however often it is repeated (REFR-03)."""
    tokens = await granted(world)
    await world.refresh(tokens.refresh_token)
    world.store.now += GRACE
    for _ in range(3):
        with pytest.raises(OAuthError):
            await world.refresh(tokens.refresh_token)
    assert kinds(world)[2:] == [EventKind.REFRESH_REUSED, EventKind.GRANT_ENDED]
    cause, end = world.store.events[2:]
    assert (cause.outcome, cause.error, end.outcome) == (Outcome.REFUSED, "invalid_grant", Outcome.SUCCESS)
    assert (cause.attributes, end.attributes) == (UNPROVEN, {"end_reason": "refresh_reused", **UNPROVEN})
    for event in (cause, end):
        assert (event.actor, event.client_id) == (f"client:{PUBLIC}", PUBLIC)
        assert (event.user_id, event.grant_id) == (world.user_id, tokens.grant_id)
    assert world.audit.kinds == [EventKind.TOKEN_REFUSED] * 3


@pytest.mark.parametrize("forgotten", [False, True])
async def test_a_replay_is_told_before_the_end(world: World, *, forgotten: bool) -> None:
    """A replayed code ends the grant and is told once, whether authorize remembers it or not (TOK-05)."""
    issued = world.code()
    await world.redeem(issued)
    if forgotten:
        world.codes.forget(issued)
    for _ in range(2):
        with pytest.raises(OAuthError):
            await world.redeem(issued)
    assert kinds(world)[1:] == [EventKind.CODE_REPLAYED, EventKind.GRANT_ENDED]
    assert [event.attributes for event in world.store.events[1:]] == [
        UNPROVEN,
        {"end_reason": "code_replayed", **UNPROVEN},
    ]
    assert [event.detail.rpartition(": ")[2] for event in world.audit.events] == ["the code was replayed"] * 2
    assert {event.grant_id for event in world.audit.events} == {issued.stands_for.grant_id}


async def test_a_client_that_has_authenticated_is_not_marked(world: World) -> None:
    """The replay of a client that proved itself is its own (TOK-05)."""
    issued = world.code(ROBOT)
    for _ in range(2):
        with suppress(OAuthError):
            await world.post(
                basic(ROBOT, SECRET),
                grant_type="authorization_code",
                code=issued.code.text,
                code_verifier=VERIFIER,
                redirect_uri=REDIRECT_URI,
            )
    assert kinds(world)[1:] == [EventKind.CODE_REPLAYED, EventKind.GRANT_ENDED]
    assert not any("authenticated" in event.attributes for event in world.store.events)


async def test_a_worthless_replay_ends_nothing(world: World) -> None:
    """A replay with the wrong verifier is a refusal of that grant and no more (TOK-06)."""
    issued = world.code()
    await world.redeem(issued)
    with pytest.raises(OAuthError):
        await world.redeem(issued, code_verifier="v" * 43)
    assert kinds(world) == [EventKind.TOKEN_ISSUED]
    [event] = world.audit.events
    assert (event.grant_id, event.user_id) == (issued.stands_for.grant_id, world.user_id)


@pytest.mark.parametrize(
    ("actor", "reason", "cause"),
    [
        ("operator:ann", EndReason.REVOKED_BY_OPERATOR, []),
        (f"client:{PUBLIC}", EndReason.REVOKED_BY_CLIENT, [EventKind.TOKEN_REVOKED]),
    ],
)
async def test_whoever_ends_a_grant_is_named(
    world: World, actor: str, reason: EndReason, cause: list[EventKind]
) -> None:
    """The end names the operator or client who wanted it, once, after what brought it about (OPS-04)."""
    tokens = await granted(world)
    assert tokens.grant_id is not None
    for _ in range(2):
        await Revocation(world.store, world.finality).end(tokens.grant_id, reason, actor=Actor(actor))
    assert kinds(world)[1:] == [*cause, EventKind.GRANT_ENDED]
    assert {(event.actor, event.client_id, event.user_id) for event in world.store.events[1:]} == {
        (actor, PUBLIC, world.user_id)
    }
    assert world.store.events[-1].attributes == {"end_reason": reason.value}


async def test_ending_an_unknown_grant_tells_nothing() -> None:
    """What is not there cannot end, and nobody hears of it."""
    store = FakeGrantStore()
    await Revocation(store, FakeFinality()).end(uuid4(), EndReason.REVOKED_BY_OPERATOR, actor=Actor("operator:ann"))
    assert store.events == []


# What is refused


Attempt = Callable[[World], Awaitable[IssuedTokens]]


async def _wrong_secret(world: World) -> IssuedTokens:
    return await world.post(basic(ROBOT, new_secret()), grant_type="client_credentials")


async def _wrong_method(world: World) -> IssuedTokens:
    return await world.post(grant_type="client_credentials", client_id=ROBOT, client_secret=SECRET)


async def _unknown_client(world: World) -> IssuedTokens:
    return await world.post(basic("nobody", SECRET), grant_type="client_credentials")


async def _secret_as_client_id(world: World) -> IssuedTokens:
    return await world.post(grant_type="authorization_code", client_id=SECRET, code="c")


async def _no_client(world: World) -> IssuedTokens:
    return await world.post(grant_type="refresh_token", refresh_token="r")


async def _foreign_grant_type(world: World) -> IssuedTokens:
    return await world.post(basic(ROBOT, SECRET), grant_type=SECRET)


async def _repeated_parameter(world: World) -> IssuedTokens:
    return await world.post(basic(ROBOT, SECRET), grant_type="client_credentials", scope=["a", "b"])


async def _repeated_grant_type(world: World) -> IssuedTokens:
    return await world.post(basic(ROBOT, SECRET), grant_type=["client_credentials", "client_credentials"])


async def _not_registered(world: World) -> IssuedTokens:
    world.add(client(ROBOT, secret=SECRET, grant_types=frozenset({GrantType.REFRESH_TOKEN})))
    return await world.post(basic(ROBOT, SECRET), grant_type="client_credentials")


async def _public_credentials(world: World) -> IssuedTokens:
    return await world.post(grant_type="client_credentials", client_id=PUBLIC)


async def _foreign_scope(world: World) -> IssuedTokens:
    return await world.post(basic(ROBOT, SECRET), grant_type="client_credentials", scope="admin")


async def _unknown_code(world: World) -> IssuedTokens:
    return await world.post(
        grant_type="authorization_code", client_id=PUBLIC, code=new_code().text, code_verifier=VERIFIER
    )


@pytest.mark.parametrize(
    ("attempt", "error", "actor", "client_id", "grant_type"),
    [
        (_wrong_secret, "invalid_client", "", ROBOT, "client_credentials"),
        (_wrong_method, "invalid_client", "", ROBOT, "client_credentials"),
        (_unknown_client, "invalid_client", "", None, "client_credentials"),
        (_secret_as_client_id, "invalid_client", "", None, "authorization_code"),
        (_no_client, "invalid_client", "", None, "refresh_token"),
        (_foreign_grant_type, "unsupported_grant_type", "", None, None),
        (_repeated_parameter, "invalid_request", "", None, "client_credentials"),
        (_repeated_grant_type, "invalid_request", "", None, None),
        (_not_registered, "unauthorized_client", f"client:{ROBOT}", ROBOT, "client_credentials"),
        (_public_credentials, "unauthorized_client", f"client:{PUBLIC}", PUBLIC, "client_credentials"),
        (_foreign_scope, "invalid_scope", f"client:{ROBOT}", ROBOT, "client_credentials"),
        (_unknown_code, "invalid_grant", f"client:{PUBLIC}", PUBLIC, "authorization_code"),
    ],
)
async def test_a_refusal_is_told(
    world: World, attempt: Attempt, error: str, actor: str, client_id: str | None, grant_type: str | None
) -> None:
    """Each refusal is one event: who is only named as far as registered or proven (CAUTH-06, GEN-11, OPS-04)."""
    with pytest.raises(OAuthError) as refused:
        await attempt(world)
    [event] = world.audit.events
    assert (event.kind, event.outcome, event.error) == (EventKind.TOKEN_REFUSED, Outcome.REFUSED, error)
    assert (event.actor, event.client_id, event.grant_id, event.user_id) == (actor, client_id, None, None)
    assert event.attributes.get("grant_type") == grant_type
    assert event.attributes.get("authenticated") == ("false" if actor == f"client:{PUBLIC}" else None)
    assert event.detail.startswith(refused.value.description)
    assert event.detail.endswith(refused.value.detail)
    assert SECRET not in repr(event)
    assert world.store.events == []


@pytest.mark.parametrize(
    ("parameters", "error"),
    [
        ({"client_id": "other"}, "invalid_grant"),
        ({"scope": "photos.write"}, "invalid_scope"),
        ({"resource": "https://mail.example"}, "invalid_target"),
    ],
)
async def test_a_refused_refresh_names_its_grant(world: World, parameters: dict[str, str], error: str) -> None:
    """Whatever a known refresh token is refused for, the grant's story tells it (REFR-01, REFR-05)."""
    world.add(client("other"))
    tokens = await granted(world)
    with pytest.raises(OAuthError):
        await world.refresh(tokens.refresh_token, **parameters)
    [event] = world.audit.events
    assert (event.error, event.grant_id, event.user_id) == (error, tokens.grant_id, world.user_id)
    assert event.client_id == parameters.get("client_id", PUBLIC)


async def test_a_refused_code_names_the_grant_it_would_be(world: World) -> None:
    """A code that authorize accepted and that is refused for its target names its grant and user."""
    issued = world.code()
    with pytest.raises(OAuthError):
        await world.redeem(issued, resource="https://mail.example")
    [event] = world.audit.events
    assert (event.grant_id, event.user_id) == (issued.stands_for.grant_id, world.user_id)


async def test_a_disabled_client_is_refused_before_its_code_is_looked_at(world: World) -> None:
    """Not even a replay is noticed then: everything the client holds is suspended anyway (TOK-09)."""
    issued = world.code()
    await world.redeem(issued)
    world.add(client(PUBLIC, enabled=False))
    with pytest.raises(OAuthError):
        await world.redeem(issued)
    [event] = world.audit.events
    assert (event.error, event.client_id, event.grant_id) == ("invalid_client", PUBLIC, None)
    assert kinds(world) == [EventKind.TOKEN_ISSUED]


@pytest.mark.parametrize("failure", [Unavailable("down"), TimedOut("slow")])
async def test_what_cannot_be_known_is_no_decision(world: World, failure: Failure) -> None:
    """A neighbour that cannot be asked has decided nothing, so nothing is told (promise 4)."""
    world.codes.failure = failure
    with pytest.raises(type(failure)):
        await granted(world)
    assert world.audit.events == world.store.events == []


class _LosingStore(FakeGrantStore):
    """A store in which somebody else always rotates first."""

    async def rotate(self, *_: object) -> bool:
        return False


async def test_lost_rivalry_is_no_decision() -> None:
    """A client that is asked to come back was not refused, and nothing is told (promise 4)."""
    world = World(store=_LosingStore())
    tokens = await granted(world)
    with pytest.raises(TemporarilyUnavailable):
        await world.refresh(tokens.refresh_token)
    assert world.audit.events == []


async def test_no_event_holds_a_secret(world: World) -> None:
    """Neither codes nor tokens nor verifiers nor secrets are in any event of a whole story (GEN-11)."""
    issued = world.code()
    first = await world.redeem(issued, label="x")
    second = await world.refresh(first.refresh_token)
    await world.refresh(first.refresh_token)
    for attempt in (world.redeem(issued), world.refresh(second.refresh_token), _wrong_method(world)):
        with pytest.raises(OAuthError):
            await attempt
    story = repr([*world.store.events, *world.audit.events])
    secrets = {issued.code.text, VERIFIER, SECRET, first.refresh_token, second.refresh_token}
    secrets |= {first.access_token, second.access_token}
    assert not [secret for secret in secrets if secret and secret in story]


# Labels


@pytest.mark.parametrize("label", ["a trip", "x" * 100, "ö" * 100, "日本", "<b>", "'; --"])
async def test_a_label_belongs_to_one_access_token(world: World, label: str) -> None:
    """A label is kept with its token and told, and neither the next token nor the answer has it."""
    first = await granted(world, label=label)
    second = await world.refresh(first.refresh_token, label="another")
    third = await world.refresh(second.refresh_token)
    fourth = await world.post(basic(ROBOT, SECRET), grant_type="client_credentials", scope="photos.read", label=label)
    labels = {world.store.tokens[digest(tokens.access_token)].label for tokens in (first, second, third, fourth)}
    assert labels == {label, "another", ""}
    told = [event.attributes.get("label") for event in world.store.events]
    assert told == [label, "another", None, label]
    assert not [answer for answer in (first, second, third, fourth) if label in repr(answer)]


@pytest.mark.parametrize("label", ["x" * 101, "a\nb", "\x00", "\x1b[2J", "\u202e", "\u200b", "\x7f", "\u2028"])
async def test_other_labels_are_refused(world: World, label: str) -> None:
    """What is too long, or what a terminal would obey or hide, is an invalid request, and is told nowhere (GEN-13)."""
    issued = world.code()
    with pytest.raises(OAuthError) as refused:
        await world.redeem(issued, label=label)
    assert refused.value.code == "invalid_request"
    assert label not in world.audit.events[0].detail
    assert world.is_kept(await world.redeem(issued, label=""))


async def test_a_label_may_not_repeat(world: World) -> None:
    """A label sent twice is refused like any other parameter (GEN-03)."""
    with pytest.raises(OAuthError) as refused:
        await world.post(basic(ROBOT, SECRET), grant_type="client_credentials", label=["a", "a"])
    assert refused.value.code == "invalid_request"
