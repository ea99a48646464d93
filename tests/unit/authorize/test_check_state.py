"""`checks.state`: the state is kept as it came, or not at all."""

from urllib.parse import quote_plus

import pytest

from services.authorize.errors import Redirected
from tests.fakes.authorize import checked, query_of


@pytest.mark.parametrize(
    "state",
    ["x", "s" * 2000, "a&b=c+d#e%f\"g<h'i j", "%2541", "+ +", "žluťoučký 🐎", "\t\x7f\u2028", "null", "☃" * 4000],
)
def test_a_state_is_kept_to_the_last_character(state: str) -> None:
    """Whatever can be decoded is kept (AUTHZ-09)."""
    assert state == checked(query_of(state=quote_plus(state))).state


@pytest.mark.parametrize("character", ["s", "%26", quote_plus("☃")])
def test_a_state_that_is_too_long_is_refused_without_it(character: str) -> None:
    """Whoever sends a state of more than 4000 characters is told so and leaves nothing behind (AUTHZ-09, OPS-02)."""
    with pytest.raises(Redirected) as refusal:
        checked(query_of(state=character * 4001))
    assert (refusal.value.error.code, refusal.value.request.state) == ("invalid_request", None)


@pytest.mark.parametrize("absent", [None, ""])
def test_an_absent_state_stays_absent(absent: str | None) -> None:
    """No state is made up (AUTHZ-09)."""
    assert checked(query_of(state=absent)).state is None


@pytest.mark.parametrize("state", ["%00", "a%00b", "%0d", "a%0Ab", "\r", "%ff", "%", "%4", "x&state=x", "x&state="])
def test_a_state_that_cannot_be_given_back_is_refused_without_it(state: str) -> None:
    """NUL, line breaks, undecodable and repeated states are told to the client, without state (AUTHZ-09, AUTHZ-05)."""
    with pytest.raises(Redirected) as refusal:
        checked(query_of(state=state))
    assert (refusal.value.error.code, refusal.value.request.state) == ("invalid_request", None)
