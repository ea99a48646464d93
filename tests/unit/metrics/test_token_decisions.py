"""What token decides, counted once it is kept, over its use cases as they are."""

import asyncio
from dataclasses import dataclass, field
from datetime import timedelta

import pytest
from prometheus_client import CollectorRegistry

from services.token.adapters.counted_writes import CountedAccessTokens, CountedGrants
from services.token.adapters.metrics import TokenDecisions
from services.token.events import Actor
from services.token.model import AccessTokenRecord, EndReason, IssuedTokens
from services.token.revocation import Revocation
from tallystick.oauth2.client import GrantType
from tallystick.oauth2.errors import InvalidGrant, OAuthError
from tallystick.runtime.audit_event import AuditEvent, EventKind
from tallystick.runtime.failures import Unavailable
from tests.fakes.clients import client, new_secret
from tests.unit.token.world import GRACE, World, basic

SECRET = new_secret()
ROBOT = "robot"


@dataclass
class Counted:
    """token with nothing around it but memory and a registry."""

    registry: CollectorRegistry = field(default_factory=CollectorRegistry)

    def __post_init__(self) -> None:
        self.decisions = TokenDecisions(self.registry)
        self.world = World(counted=self.decisions)
        self.world.add(client(ROBOT, secret=SECRET))

    def series(self) -> dict[str, float]:
        """Return every counter with its label, in short: `refreshes theft`."""
        return {
            f"{sample.name.removeprefix('tallystick_').removesuffix('_total')} {''.join(sample.labels.values())}": (
                sample.value
            )
            for metric in self.registry.collect()
            for sample in metric.samples
            if sample.name.endswith("_total")
        }

    def risen(self) -> dict[str, float]:
        """Return those that are not 0."""
        return {name: value for name, value in self.series().items() if value}

    async def bought(self) -> IssuedTokens:
        """Redeem a code."""
        return await self.world.redeem(self.world.code())

    def pass_time(self, tokens: IssuedTokens, by: timedelta) -> None:
        """Make a grant older."""
        assert tokens.grant_id is not None
        self.world.store.pass_time(tokens.grant_id, by)


@pytest.fixture
def counted() -> Counted:
    return Counted()


BOUGHT = {"tokens_issued authorization_code": 1, "codes redeemed": 1}
ROTATED = BOUGHT | {"tokens_issued refresh_token": 1, "refreshes rotated": 1}


def test_everything_begins_at_nothing(counted: Counted) -> None:
    """The first of each is a rise, as its series is there before it."""
    assert counted.series() == dict.fromkeys(
        (
            *(f"refreshes {outcome}" for outcome in ("rotated", "race", "lost_answer", "theft")),
            *(f"codes {outcome}" for outcome in ("redeemed", "replayed")),
            *(f"tokens_issued {grant_type.value}" for grant_type in GrantType),
            *(f"grants_ended {reason.value}" for reason in EndReason),
        ),
        0,
    )


async def test_a_code_buys_tokens(counted: Counted) -> None:
    """One issuance and one redemption."""
    await counted.bought()
    assert counted.risen() == BOUGHT


async def test_a_client_gets_a_token_of_its_own(counted: Counted) -> None:
    """An issuance, and no code and no grant."""
    await counted.world.post(basic(ROBOT, SECRET), grant_type="client_credentials", scope="photos.read")
    assert counted.risen() == {"tokens_issued client_credentials": 1}


async def test_a_refresh_rotates(counted: Counted) -> None:
    """Each refresh issues, and says how the token was used."""
    await counted.world.refresh((await counted.bought()).refresh_token)
    assert counted.risen() == ROTATED


@pytest.mark.parametrize(("after", "outcome"), [(timedelta(), "race"), (GRACE * 0.9, "lost_answer")])
async def test_a_replaced_token_within_the_grace(counted: Counted, after: timedelta, outcome: str) -> None:
    """It is answered, so that counts as an issuance, and nothing has ended."""
    tokens = await counted.bought()
    await counted.world.refresh(tokens.refresh_token)
    counted.pass_time(tokens, after)
    await counted.world.refresh(tokens.refresh_token)
    assert counted.risen() == ROTATED | {"tokens_issued refresh_token": 2, f"refreshes {outcome}": 1}


async def test_a_theft_is_one_however_often_it_is_repeated(counted: Counted) -> None:
    """A replaced token after the grace ends the grant once, and issues nothing."""
    tokens = await counted.bought()
    await counted.world.refresh(tokens.refresh_token)
    counted.pass_time(tokens, GRACE * 2)
    for _ in range(3):
        with pytest.raises(InvalidGrant):
            await counted.world.refresh(tokens.refresh_token)
    assert counted.risen() == ROTATED | {"refreshes theft": 1, "grants_ended refresh_reused": 1}


async def test_thieves_at_once_are_one_theft(counted: Counted) -> None:
    """Whoever finds the grant ended already counts nothing."""
    tokens = await counted.bought()
    await counted.world.refresh(tokens.refresh_token)
    counted.pass_time(tokens, GRACE * 2)
    attempts = [counted.world.refresh(tokens.refresh_token) for _ in range(5)]
    outcomes = await asyncio.gather(*attempts, return_exceptions=True)
    assert {type(outcome) for outcome in outcomes} == {InvalidGrant}
    assert counted.risen() == ROTATED | {"refreshes theft": 1, "grants_ended refresh_reused": 1}


async def test_a_replayed_code(counted: Counted) -> None:
    """The first replay ends the grant, and no other one counts."""
    code = counted.world.code()
    await counted.world.redeem(code)
    for _ in range(3):
        with pytest.raises(InvalidGrant):
            await counted.world.redeem(code)
    assert counted.risen() == BOUGHT | {"codes replayed": 1, "grants_ended code_replayed": 1}


async def test_one_of_two_redemptions_at_once_counts(counted: Counted) -> None:
    """A code that is redeemed twice at the same moment buys once."""
    code = counted.world.code()
    outcomes = await asyncio.gather(counted.world.redeem(code), counted.world.redeem(code), return_exceptions=True)
    assert sum(isinstance(outcome, IssuedTokens) for outcome in outcomes) == 1
    risen = counted.risen()
    assert (risen["codes redeemed"], risen["tokens_issued authorization_code"]) == (1, 1)


@pytest.mark.parametrize(
    "parameters",
    [
        {"grant_type": "refresh_token", "client_id": "public", "refresh_token": "tsr_no-token"},
        {"grant_type": "refresh_token", "client_id": "nobody", "refresh_token": "tsr_no-token"},
        {"grant_type": "authorization_code", "client_id": "public", "code": "x"},
        {"grant_type": "client_credentials", "client_id": "public"},
        {"grant_type": "password", "client_id": "public", "username": "ann", "password": "secret"},
        {},
    ],
    ids=["no token of ours", "unknown client", "malformed", "not for public clients", "unknown grant type", "nothing"],
)
async def test_a_refusal_decides_nothing(counted: Counted, parameters: dict[str, str]) -> None:
    """Neither counters rise nor are there any more of them, whatever was sent."""
    before = counted.series()
    with pytest.raises(OAuthError):
        await counted.world.post(**parameters)
    assert counted.series() == before


async def test_many_clients_have_no_series_of_their_own(counted: Counted) -> None:
    """However many clients there are, as many counters tell of them."""
    before = counted.series().keys()
    for number in range(50):
        name = f"client-{number}"
        counted.world.add(client(name, secret=SECRET))
        await counted.world.post(basic(name, SECRET), grant_type="client_credentials", scope="photos.read")
    assert counted.series().keys() == before
    assert counted.risen() == {"tokens_issued client_credentials": 50}


async def test_an_end_is_counted_by_its_reason(counted: Counted) -> None:
    """Once, and only for grants that there are."""
    tokens = await counted.bought()
    revocation = Revocation(CountedGrants(counted.world.store, counted.decisions), counted.world.finality)
    assert tokens.grant_id is not None
    for _ in range(2):
        await revocation.end(tokens.grant_id, EndReason.REVOKED_BY_OPERATOR, actor=Actor("operator:ann"))
    assert counted.risen() == BOUGHT | {"grants_ended revoked_by_operator": 1}


class Down:
    """Implements `AccessTokens` where nothing can be kept."""

    async def keep(self, token: AccessTokenRecord, event: AuditEvent) -> None:
        del token, event
        raise Unavailable("the database cannot be asked now")


async def test_what_was_not_kept_is_not_counted(counted: Counted) -> None:
    """A write that fails has decided nothing."""
    await counted.world.post(basic(ROBOT, SECRET), grant_type="client_credentials", scope="photos.read")
    [record] = counted.world.store.tokens.values()
    event = AuditEvent(EventKind.TOKEN_ISSUED, attributes={"grant_type": "client_credentials"})
    with pytest.raises(Unavailable):
        await CountedAccessTokens(Down(), counted.decisions).keep(record, event)
    assert counted.risen() == {"tokens_issued client_credentials": 1}


@pytest.mark.parametrize("kind", sorted(set(EventKind) - {EventKind.GRANT_ENDED}))
def test_other_events_are_not_tokens_business(counted: Counted, kind: EventKind) -> None:
    """Any kind of event may be told of; those of other services, and refusals, raise nothing and add no series."""
    before = counted.series()
    counted.decisions(AuditEvent(kind, attributes={"grant_type": "refresh_token"}))
    assert counted.series().keys() == before.keys()
    issuing = {"token_issued", "refreshed", "refresh_raced", "refresh_repeated", "refresh_reused", "code_replayed"}
    assert (counted.series() != before) is (kind.value in issuing)
