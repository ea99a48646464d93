"""Token revocation (RFC 7009): what ends by which token, and what does not (`services.token.token_revocation`)."""

import secrets
import time
from dataclasses import dataclass, field, replace
from datetime import timedelta

import pytest

from services.token.client_authentication import ClientAuthentication
from services.token.model import EndReason, IssuedTokens
from services.token.revocation import Revocation
from services.token.token_revocation import TokenRevocation, belongs
from tallystick.oauth2.errors import InvalidClient, InvalidGrant, InvalidRequest, OAuthError
from tallystick.oauth2.opaque_token import digest, with_checksum
from tallystick.oauth2.parameters import Parameters
from tallystick.oauth2.refresh_token import RefreshToken, parse_refresh_token
from tallystick.runtime.audit_event import EventKind, Outcome
from tallystick.runtime.failure_throttle import FailureThrottle
from tests.fakes.clients import client, new_secret
from tests.fakes.presented_tokens import FakePresentedTokens
from tests.unit.token.world import IDLE_LIFETIME, PUBLIC, World, basic, ring

ROBOT, OTHER = "robot", "other"
SECRET = new_secret()


@dataclass(slots=True)
class Counter:
    """The revocation endpoint's use case beside a world that issues tokens."""

    world: World = field(default_factory=World)
    tokens: FakePresentedTokens = field(init=False)

    def __post_init__(self) -> None:
        self.tokens = FakePresentedTokens(self.world.store)
        self.world.add(client(ROBOT, secret=SECRET))
        self.world.add(client(OTHER))

    async def revoke(self, authorization: str | None = None, **parameters: str | list[str]) -> None:
        """Send a revocation request; a parameter with a list repeats."""
        pairs = [
            (name, value)
            for name, values in parameters.items()
            for value in (values if isinstance(values, list) else [values])
        ]
        revocation = TokenRevocation(
            ClientAuthentication(
                self.world.clients, FailureThrottle(time.monotonic, per_source=100), self.world.finality
            ),
            self.tokens,
            self.world.store,
            Revocation(self.world.store, self.world.finality),
            self.world.chain,
            self.world.audit,
        )
        await revocation.revoke(Parameters(tuple(pairs)), authorization)

    async def refused(self, authorization: str | None = None, **parameters: str | list[str]) -> OAuthError:
        """Send a request that must be refused, and return how."""
        with pytest.raises(OAuthError) as caught:
            await self.revoke(authorization, **parameters)
        return caught.value

    async def granted(self) -> IssuedTokens:
        """Return the tokens of a fresh grant of the public client."""
        return await self.world.redeem(self.world.code())

    async def of_robot(self) -> IssuedTokens:
        """Return a token of client credentials."""
        return await self.world.post(basic(ROBOT, SECRET), grant_type="client_credentials")

    async def end_reason(self, tokens: IssuedTokens) -> EndReason | None:
        """Return why the grant of tokens ended; None while it lives."""
        assert tokens.grant_id is not None
        record = await self.world.store.get(tokens.grant_id)
        assert record is not None
        return record.end_reason

    def is_revoked(self, tokens: IssuedTokens) -> bool:
        """Tell whether an access token was revoked by itself."""
        return digest(tokens.access_token) in self.tokens.revoked


@pytest.fixture
def counter() -> Counter:
    return Counter()


def refresh_token_of(tokens: IssuedTokens) -> str:
    """Return the refresh token of an answer that has one."""
    assert tokens.refresh_token is not None
    return tokens.refresh_token


def parsed(text: str) -> RefreshToken:
    """Return the parts of a refresh token of ours."""
    token = parse_refresh_token(text)
    assert token is not None
    return token


# What ends


@pytest.mark.parametrize("kind", ["access_token", "refresh_token"])
@pytest.mark.parametrize("hint", [None, "access_token", "refresh_token", "urn:example:unknown", ""])
async def test_either_token_ends_the_grant(counter: Counter, kind: str, hint: str | None) -> None:
    """Whichever token of a grant is revoked, under whatever hint, the grant is over (REVO-02, REVO-05)."""
    tokens = await counter.granted()
    hinted = {} if hint is None else {"token_type_hint": hint}
    await counter.revoke(client_id=PUBLIC, token=getattr(tokens, kind), **hinted)
    assert await counter.end_reason(tokens) is EndReason.REVOKED_BY_CLIENT
    with pytest.raises(InvalidGrant):
        await counter.world.refresh(tokens.refresh_token)


async def test_a_token_of_its_own_is_revoked_by_itself(counter: Counter) -> None:
    """A token of client credentials is over, the log says so, and no other token of the client is (REVO-02)."""
    tokens, another = await counter.of_robot(), await counter.of_robot()
    await counter.revoke(basic(ROBOT, SECRET), token=tokens.access_token)
    assert counter.is_revoked(tokens)
    assert not counter.is_revoked(another)
    assert counter.world.store.invalidations == [("token", digest(tokens.access_token).hex())]


@pytest.mark.parametrize("rotations", [1, 7, 8, 9, 12])
async def test_a_replaced_refresh_token_still_signs_out(counter: Counter, rotations: int) -> None:
    """A refresh token that was replaced, however often, ends the grant: a tab that slept wants to sign out as well."""
    first = tokens = await counter.granted()
    for _ in range(rotations):
        tokens = await counter.world.refresh(tokens.refresh_token)
    await counter.revoke(client_id=PUBLIC, token=refresh_token_of(first))
    assert await counter.end_reason(tokens) is EndReason.REVOKED_BY_CLIENT


async def test_a_refresh_token_that_lapsed_ends_what_is_left(counter: Counter) -> None:
    """An idle refresh token ends its grant all the same."""
    tokens = await counter.granted()
    assert tokens.grant_id is not None
    counter.world.store.pass_time(tokens.grant_id, IDLE_LIFETIME + timedelta(seconds=1))
    await counter.revoke(client_id=PUBLIC, token=refresh_token_of(tokens))
    assert await counter.end_reason(tokens) is EndReason.REVOKED_BY_CLIENT


async def test_repeating_changes_nothing(counter: Counter) -> None:
    """A second revocation of either kind succeeds, and neither the log nor the audit hears of it (REVO-03)."""
    tokens, robots = await counter.granted(), await counter.of_robot()
    for _ in range(3):
        await counter.revoke(client_id=PUBLIC, token=refresh_token_of(tokens))
        await counter.revoke(client_id=PUBLIC, token=tokens.access_token)
        await counter.revoke(basic(ROBOT, SECRET), token=robots.access_token)
    assert len(counter.world.store.invalidations) == 2
    told = [event.kind for event in counter.world.store.events if event.kind is not EventKind.TOKEN_ISSUED]
    assert told == [EventKind.TOKEN_REVOKED, EventKind.GRANT_ENDED, EventKind.TOKEN_REVOKED]


# What does not


@pytest.mark.parametrize(
    "token",
    [
        "nonsense",
        "é\u202e<script>",
        "tsa_",
        "tsr_" + "A" * 130,
        pytest.param(new_secret(), id="a client secret"),
        with_checksum("tsa_" + "A" * 43 + "078a3f"),
        "a" * 5000,
    ],
)
async def test_something_else_is_as_dead_as_wanted(counter: Counter, token: str) -> None:
    """What is no token, or none that we know, is no error (REVO-03)."""
    tokens = await counter.granted()
    await counter.revoke(client_id=PUBLIC, token=token)
    assert await counter.end_reason(tokens) is None


async def test_an_expired_access_token_ends_nothing(counter: Counter) -> None:
    """An access token that has expired stands for nothing any more (REVO-03)."""
    tokens = await counter.granted()
    counter.world.store.now += timedelta(minutes=10)
    await counter.revoke(client_id=PUBLIC, token=tokens.access_token)
    assert await counter.end_reason(tokens) is None


@pytest.mark.parametrize("part", ["secret", "mac", "family", "generation", "key_id"])
async def test_a_forged_refresh_token_ends_nothing(counter: Counter, part: str) -> None:
    """A refresh token of which one part was changed is none, though its checksum is right (REFR-08)."""
    tokens = await counter.granted()
    tokens = await counter.world.refresh(tokens.refresh_token)
    genuine = parsed(refresh_token_of(tokens))
    assert tokens.grant_id is not None
    forged = {
        "secret": replace(genuine, secret=secrets.token_bytes(32)),
        "mac": replace(genuine, mac=secrets.token_bytes(32)),
        "family": replace(genuine, family=(await counter.granted()).grant_id or genuine.family),
        "generation": replace(genuine, generation=0),
        "key_id": replace(genuine, key_id="k2"),
    }
    await counter.revoke(client_id=PUBLIC, token=str(forged[part]))
    assert await counter.end_reason(tokens) is None


async def test_a_key_that_is_gone_takes_its_tokens_along(counter: Counter) -> None:
    """A refresh token of a retired key is none of ours any more, here as where it is used."""
    tokens = await counter.granted()
    counter.world.keys = ring("k2")
    await counter.revoke(client_id=PUBLIC, token=refresh_token_of(tokens))
    assert await counter.end_reason(tokens) is None


@pytest.mark.parametrize("behind", [-1, 0, 1, 8])
async def test_a_secret_of_another_branch_does_not_belong(counter: Counter, behind: int) -> None:
    """A MAC proves who made a token, and the digest that the family had it."""
    tokens = await counter.granted()
    for _ in range(8):
        tokens = await counter.world.refresh(tokens.refresh_token)
    current = parsed(refresh_token_of(tokens))
    state = await counter.world.store.state(current.family)
    assert state is not None
    assert belongs(state, current)
    assert not belongs(state, replace(current, generation=current.generation - behind, secret=secrets.token_bytes(32)))


# Whose it is


@pytest.mark.parametrize("kind", ["access_token", "refresh_token"])
@pytest.mark.parametrize("thief", [OTHER, ROBOT])
async def test_another_clients_token_is_refused_and_lives(counter: Counter, kind: str, thief: str) -> None:
    """A token of another client is invalid_grant and stays as it is (D-05, REVO-04)."""
    tokens = await counter.granted()
    form = {"token": getattr(tokens, kind)}
    if thief == ROBOT:
        error = await counter.refused(basic(ROBOT, SECRET), **form)
    else:
        error = await counter.refused(client_id=OTHER, **form)
    assert (type(error), error.status) == (InvalidGrant, 400)
    assert await counter.end_reason(tokens) is None
    assert (await counter.world.refresh(tokens.refresh_token)).refresh_token is not None


async def test_another_clients_own_token_is_refused_and_lives(counter: Counter) -> None:
    """A token of client credentials is nobody else's to revoke (D-05, REVO-04)."""
    tokens = await counter.of_robot()
    assert isinstance(await counter.refused(client_id=PUBLIC, token=tokens.access_token), InvalidGrant)
    assert not counter.is_revoked(tokens)


@pytest.mark.parametrize("token", ["nonsense", "", pytest.param(new_secret(), id="a client secret")])
async def test_who_asks_is_asked_first(counter: Counter, token: str) -> None:
    """Bad credentials are refused as such whatever is presented, and a missing token as a bad request (REVO-01)."""
    expected = InvalidClient if token else InvalidRequest
    for authorization, client_id in ((basic(ROBOT, new_secret()), None), (None, ROBOT), (None, "nobody"), (None, None)):
        form = {"token": token} | ({} if client_id is None else {"client_id": client_id})
        assert isinstance(await counter.refused(authorization, **form), expected)


@pytest.mark.parametrize("name", ["token", "token_type_hint", "client_id", "client_secret"])
async def test_no_parameter_may_repeat(counter: Counter, name: str) -> None:
    """A known parameter sent twice is refused (GEN-03)."""
    form: dict[str, str | list[str]] = {"token": "x", "client_id": PUBLIC, name: ["a", "a"]}
    assert isinstance(await counter.refused(None, **form), InvalidRequest)


async def test_a_disabled_client_is_nobody(counter: Counter) -> None:
    """A disabled client cannot revoke; what it holds does not work meanwhile (REVO-01)."""
    tokens = await counter.granted()
    counter.world.add(client(PUBLIC, enabled=False))
    assert isinstance(await counter.refused(client_id=PUBLIC, token=tokens.access_token), InvalidClient)


# What is told


async def test_the_audit_hears_who_ended_what(counter: Counter) -> None:
    """The events of a revocation name client, user and grant, and hold no token (OPS-04, GEN-11)."""
    tokens = await counter.granted()
    await counter.revoke(client_id=PUBLIC, token=refresh_token_of(tokens))
    told = [event for event in counter.world.store.events if event.kind is not EventKind.TOKEN_ISSUED]
    assert [event.kind for event in told] == [EventKind.TOKEN_REVOKED, EventKind.GRANT_ENDED]
    for event in told:
        assert (event.outcome, event.actor, event.client_id) == (Outcome.SUCCESS, f"client:{PUBLIC}", PUBLIC)
        assert (event.grant_id, event.user_id) == (tokens.grant_id, counter.world.user_id)
        assert event.attributes["authenticated"] == "false"
        assert not {tokens.access_token, tokens.refresh_token} & set(event.attributes.values())


async def test_the_audit_hears_of_refusals(counter: Counter) -> None:
    """A refusal tells who tried and whose grant it was about, and no token (OPS-04, GEN-11)."""
    tokens = await counter.granted()
    await counter.refused(client_id=OTHER, token=tokens.access_token)
    await counter.refused(basic(ROBOT, new_secret()), token=tokens.access_token)
    await counter.refused(client_id=refresh_token_of(tokens), token="x")
    foreign, failed, nobody = counter.world.audit.events
    assert {each.kind for each in counter.world.audit.events} == {EventKind.REVOCATION_REFUSED}
    assert {each.outcome for each in counter.world.audit.events} == {Outcome.REFUSED}
    assert (foreign.actor, foreign.client_id, foreign.error) == (f"client:{OTHER}", OTHER, "invalid_grant")
    assert (foreign.grant_id, foreign.user_id) == (tokens.grant_id, counter.world.user_id)
    assert (failed.actor, failed.client_id, failed.error) == ("", ROBOT, "invalid_client")
    assert (nobody.actor, nobody.client_id, nobody.grant_id) == ("", None, None)
    assert not any(tokens.access_token in repr(event) for event in counter.world.audit.events)
    assert not any(refresh_token_of(tokens) in repr(event) for event in counter.world.audit.events)
