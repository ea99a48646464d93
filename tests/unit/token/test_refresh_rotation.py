"""What a presented refresh token deserves (`services.token.refresh_rotation`)."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from services.token.model import FamilyState, Rotated
from services.token.refresh_rotation import AnswerCurrent, Over, Refuse, Repeat, Rotate, Theft, Verdict, judge
from tallystick.oauth2.refresh_token import RefreshToken

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
GRACE = timedelta(seconds=10)
FAMILY = UUID(int=1)
CLIENT = "client"


def token(generation: int) -> RefreshToken:
    """Return the one token of a generation."""
    return RefreshToken(FAMILY, generation, bytes([generation]) * 32, bytes(32), "k1")


def family(generation: int = 0, *, ages: tuple[float, ...] = (), limit_left: int | None = None) -> FamilyState:
    """Return a family whose last rotations happened so many seconds ago, oldest first."""
    first = generation - len(ages)
    rotations = tuple(
        Rotated(NOW - timedelta(seconds=age), token(first + number).digest, bytes(32), "k1")
        for number, age in enumerate(ages)
    )
    return FamilyState(
        now=NOW,
        grant_id=FAMILY,
        client_id=CLIENT,
        user_id=UUID(int=2),
        client_epoch=0,
        scopes=("photos.read",),
        ended=False,
        stands=True,
        generation=generation,
        digest=token(generation).digest,
        limit_left=limit_left,
        idle_expires_at=NOW + timedelta(days=14),
        expires_at=NOW + timedelta(days=30),
        rotations=rotations,
    )


def verdict(state: FamilyState, presented: RefreshToken, *, client_id: str = CLIENT) -> Verdict:
    """Judge with the grace of ten seconds."""
    return judge(state, presented, client_id=client_id, grace=GRACE)


@pytest.mark.parametrize("limit_left", [None, 1, 7])
def test_the_current_token_rotates(limit_left: int | None) -> None:
    """The current generation is replaced while a refresh is left."""
    assert verdict(family(3, ages=(9, 5, 1), limit_left=limit_left), token(3)) == Rotate()


def test_the_limit_ends_rotation() -> None:
    """With no refresh left the current token is refused, and nobody is harmed."""
    assert verdict(family(1, ages=(5,), limit_left=0), token(1)) == Refuse("no refresh is left")


@pytest.mark.parametrize(
    ("age", "repeat"),
    [(0, Repeat.RACE), (0.5, Repeat.RACE), (1, Repeat.RACE), (1.000001, Repeat.LOST_ANSWER), (9.9, Repeat.LOST_ANSWER)],
)
def test_a_token_replaced_a_moment_ago_gets_the_current_one(age: float, repeat: Repeat) -> None:
    """Within the grace a repeat is answered: within a second it is a race, later a lost answer (REFR-04)."""
    state = family(1, ages=(age,))
    assert verdict(state, token(0)) == AnswerCurrent(state.rotations, repeat)


@pytest.mark.parametrize("age", [10, 10.000001, 60, 86400])
def test_a_token_replaced_longer_ago_is_theft(age: float) -> None:
    """From the end of the grace on, a replaced token is in two hands (REFR-03)."""
    assert verdict(family(1, ages=(age,)), token(0)) == Theft()


def test_the_grace_knows_more_than_one_predecessor() -> None:
    """A tab whose first token was delayed while the other refreshed twice is answered along the chain (REFR-04)."""
    state = family(5, ages=(60, 8, 6, 3))
    assert verdict(state, token(2)) == AnswerCurrent(state.rotations[1:], Repeat.LOST_ANSWER)
    assert verdict(state, token(4)) == AnswerCurrent(state.rotations[3:], Repeat.LOST_ANSWER)
    assert verdict(state, token(1)) == Theft()


def test_all_eight_kept_rotations_are_within_reach() -> None:
    """The oldest of the eight predecessors is answered within the grace."""
    state = family(12, ages=(8, 7, 6, 5, 4, 3, 2, 1))
    assert verdict(state, token(4)) == AnswerCurrent(state.rotations, Repeat.LOST_ANSWER)


def test_older_than_eight_counts_as_older_than_the_grace() -> None:
    """A generation that is no longer kept is theft, however quickly the last eight followed (REFR-03)."""
    assert verdict(family(12, ages=(0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1)), token(3)) == Theft()


def test_without_grace_every_repeat_is_theft() -> None:
    """A grace of zero answers nobody twice."""
    state = family(1, ages=(0,))
    assert judge(state, token(0), client_id=CLIENT, grace=timedelta()) == Theft()


def test_a_clock_that_went_back_extends_the_grace_only() -> None:
    """After a fail-over to a server whose clock is behind, a replaced token is still only repeated."""
    state = family(1, ages=(-3,))
    assert verdict(state, token(0)) == AnswerCurrent(state.rotations, Repeat.RACE)


@pytest.mark.parametrize("presented", [token(0), token(1)])
@pytest.mark.parametrize("age", [5, 60])
def test_another_client_harms_nobody(presented: RefreshToken, age: float) -> None:
    """Another client is refused, with the current token as with one that would be theft (REFR-01)."""
    assert verdict(family(1, ages=(age,)), presented, client_id="other") == Refuse("issued to another client")


@pytest.mark.parametrize("presented", [token(0), token(1)])
@pytest.mark.parametrize("age", [5, 60])
def test_an_ended_grant_stays_ended(presented: RefreshToken, age: float) -> None:
    """Nothing of an ended grant is answered, and it does not end again."""
    assert verdict(replace(family(1, ages=(age,)), ended=True), presented) == Over("the grant has ended")


def test_a_generation_to_come_is_refused() -> None:
    """A generation that the database does not know, as after a restore, harms nobody."""
    assert isinstance(verdict(family(3, ages=(9, 5, 1)), token(4)), Refuse)


@pytest.mark.parametrize("generation", [0, 1])
@pytest.mark.parametrize("age", [5, 60])
def test_another_secret_of_a_kept_generation_is_refused(generation: int, age: float) -> None:
    """A token of our key that this branch never had, as after a restore, harms nobody."""
    stray = replace(token(generation), secret=b"x" * 32)
    assert verdict(family(1, ages=(age,)), stray) == Refuse("not the token of its generation")


Lapse = Callable[[FamilyState], FamilyState]


def changed(state: FamilyState) -> FamilyState:
    """Return the family after client, user or consent has changed."""
    return replace(state, stands=False)


def grown_old(state: FamilyState) -> FamilyState:
    """Return the family at the very end of its absolute lifetime."""
    return replace(state, expires_at=NOW)


def left_idle(state: FamilyState) -> FamilyState:
    """Return the family at the very end of its idle lifetime."""
    return replace(state, idle_expires_at=NOW)


def exhausted(state: FamilyState) -> FamilyState:
    """Return the family with no refresh left."""
    return replace(state, limit_left=0)


@pytest.mark.parametrize("presented", [token(0), token(1)])
@pytest.mark.parametrize("lapse", [changed, grown_old, left_idle])
def test_a_lapsed_family_is_refused(presented: RefreshToken, lapse: Lapse) -> None:
    """At its expiry, to the microsecond, and after a change a family is refused, in the grace too (REFR-06)."""
    assert isinstance(verdict(lapse(family(1, ages=(5,))), presented), Over if lapse is changed else Refuse)


def test_a_family_lives_until_its_expiry() -> None:
    """A microsecond before it expires a family can be refreshed."""
    just = NOW + timedelta(microseconds=1)
    assert verdict(replace(family(), expires_at=just, idle_expires_at=just), token(0)) == Rotate()


@pytest.mark.parametrize("lapse", [changed, grown_old, left_idle, exhausted])
def test_theft_is_seen_in_a_lapsed_family(lapse: Lapse) -> None:
    """A reused token ends the family even when it could not be refreshed, as its access tokens may live (REFR-03)."""
    assert verdict(lapse(family(1, ages=(60,))), token(0)) == Theft()


def test_the_grace_costs_no_limit() -> None:
    """A lost last answer is repeated though no refresh is left."""
    state = family(1, ages=(5,), limit_left=0)
    assert verdict(state, token(0)) == AnswerCurrent(state.rotations, Repeat.LOST_ANSWER)
