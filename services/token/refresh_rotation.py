"""What a presented refresh token deserves (RFC 9700 §4.14.2): pure, of the family's state and Postgres's time.

A token that was replaced a moment ago is a lost answer or a race and gets the current one; one that was replaced longer
ago is in two hands. Everything else is refused and harms nobody.
"""

import hmac
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from services.token.model import FamilyState, Rotated
from tallystick.oauth2.refresh_token import RefreshToken

_RACE = timedelta(seconds=1)


class Repeat(StrEnum):
    """Why a replaced token comes again within the grace."""

    RACE = "race"
    LOST_ANSWER = "lost_answer"


@dataclass(frozen=True, slots=True)
class Rotate:
    """It is the current token: replace it."""


@dataclass(frozen=True, slots=True)
class AnswerCurrent:
    """It was replaced within the grace: answer with what it became by these rotations."""

    rotations: tuple[Rotated, ...]
    repeat: Repeat


@dataclass(frozen=True, slots=True)
class Theft:
    """It was replaced longer ago than the grace: two hold it, and nobody knows who is the thief."""


@dataclass(frozen=True, slots=True)
class Refuse:
    """It gets nothing, for a reason that only the log is told."""

    detail: str


@dataclass(frozen=True, slots=True)
class Over:
    """What it belongs to has ended, for a reason that only the log is told."""

    detail: str


Verdict = Rotate | AnswerCurrent | Theft | Refuse | Over


def judge(state: FamilyState, presented: RefreshToken, *, client_id: str, grace: timedelta) -> Verdict:
    """Judge a token whose MAC is valid, presented by an authenticated client (or a public one that says who it is)."""
    unrelated = _unrelated(state, presented, client_id)
    if unrelated is not None:
        return Refuse(unrelated)
    if state.ended:
        return Over("the grant has ended")
    behind = state.generation - presented.generation
    if behind > len(state.rotations):
        return Theft()
    since = state.rotations[len(state.rotations) - behind :]
    if not hmac.compare_digest(since[0].digest if since else state.digest, presented.digest):
        return Refuse("not the token of its generation")
    if since and state.now - since[0].at >= grace:
        return Theft()
    if not state.stands:
        return Over("client, user or consent has changed")
    lapse = _lapse(state)
    if lapse is not None:
        return Refuse(lapse)
    if since:
        return AnswerCurrent(since, Repeat.RACE if state.now - since[0].at <= _RACE else Repeat.LOST_ANSWER)
    return Refuse("no refresh is left") if state.limit_left == 0 else Rotate()


def _unrelated(state: FamilyState, presented: RefreshToken, client_id: str) -> str | None:
    """Say why the token does not concern this family as it is; None when it does."""
    if state.client_id != client_id:
        return "issued to another client"
    if presented.generation > state.generation:
        return "of a generation that was never issued"
    return None


def _lapse(state: FamilyState) -> str | None:
    """Say what keeps the family from being refreshed; None when nothing does."""
    if state.now >= state.expires_at:
        return "the absolute lifetime is over"
    if state.now >= state.idle_expires_at:
        return "the idle lifetime is over"
    return None
