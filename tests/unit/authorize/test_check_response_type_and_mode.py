"""`checks.response_type` and `checks.response_mode`: a code in the query, and nothing else."""

from dataclasses import replace

import pytest

from services.authorize.errors import Redirected
from tallystick.oauth2.client import GrantType
from tests.fakes.authorize import PUBLIC, checked, query_of


@pytest.mark.parametrize("absent", [None, ""])
def test_an_absent_response_type_is_refused(absent: str | None) -> None:
    """There is no default (AUTHZ-07)."""
    with pytest.raises(Redirected) as refusal:
        checked(query_of(response_type=absent))
    assert refusal.value.error.code == "invalid_request"


@pytest.mark.parametrize(
    "other", ["token", "Code", "code+token", "code+id_token", "id_token", "code+code", "none", "+code"]
)
def test_other_response_types_are_refused(other: str) -> None:
    """Tokens never come from here (AUTHZ-07, GEN-12)."""
    with pytest.raises(Redirected) as refusal:
        checked(query_of(response_type=other))
    assert refusal.value.error.code == "unsupported_response_type"


def test_a_repeated_response_type_is_refused() -> None:
    """A repeat is invalid_request (AUTHZ-05)."""
    with pytest.raises(Redirected) as refusal:
        checked(query_of() + b"&response_type=code")
    assert refusal.value.error.code == "invalid_request"


def test_a_client_without_the_grant_is_refused() -> None:
    """A client that is not registered for codes is unauthorized_client (AUTHZ-07)."""
    with pytest.raises(Redirected) as refusal:
        checked(query_of(), replace(PUBLIC, grant_types=frozenset({GrantType.REFRESH_TOKEN})))
    assert refusal.value.error.code == "unauthorized_client"


@pytest.mark.parametrize("mode", [None, "", "query"])
def test_the_query_is_the_response_mode(mode: str | None) -> None:
    """`query` may be said or left out (AUTHZ-15)."""
    assert checked(query_of(response_mode=mode)) == checked(query_of())


@pytest.mark.parametrize(
    "mode", ["fragment", "form_post", "web_message", "jwt", "query.jwt", "Query", "query&response_mode=query"]
)
def test_other_response_modes_are_refused(mode: str) -> None:
    """What is not supported is told in the default mode (AUTHZ-15, RESP-06)."""
    with pytest.raises(Redirected) as refusal:
        checked(query_of(response_mode=mode))
    assert refusal.value.error.code == "invalid_request"
