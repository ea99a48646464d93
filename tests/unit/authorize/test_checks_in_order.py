"""The order of the checks: who is told what when several things are wrong."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.authorize.errors import Redirected, ShownHere
from services.authorize.request import AuthorizationRequest
from tallystick.oauth2.errors import InvalidRequest
from tests.fakes.authorize import REDIRECT_URI, REQUEST, checked, query_of


def test_a_request_without_fault_passes() -> None:
    """What has been verified is what was sent (AUTHZ-17)."""
    assert checked(query_of(scope="photos.read+photos.print")) == REQUEST


def test_unknown_parameters_are_ignored() -> None:
    """What nobody reads may be anything and repeat; names are case-sensitive (GEN-04)."""
    query = query_of(scope="photos.read+photos.print") + b"&nonce=1&zz=1&zz=2&STATE=abc&Scope=admin"
    assert checked(query) == REQUEST


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"scope": "admin", "response_type": "token", "request": "x"}, "request_not_supported"),
        ({"scope": "admin", "response_type": "token", "response_mode": "fragment"}, "invalid_request"),
        ({"scope": "admin", "response_type": "token", "code_challenge": None}, "unsupported_response_type"),
        ({"scope": "admin", "code_challenge": None, "resource": "x"}, "invalid_request"),
        ({"scope": "admin", "resource": "x"}, "invalid_scope"),
    ],
)
def test_the_first_fault_is_told(changes: dict[str, str | None], code: str) -> None:
    """Each error is that of the first check that fails, with the state as sent (AUTHZ-09)."""
    with pytest.raises(Redirected) as refusal:
        checked(query_of(**changes))
    request = refusal.value.request
    assert (code, REDIRECT_URI, "xyz") == (refusal.value.error.code, request.redirect_uri, request.state)


@pytest.mark.parametrize("fault", [{"client_id": "x"}, {"redirect_uri": "https://evil.com"}])
def test_nothing_is_told_before_the_redirect_uri_is_verified(fault: dict[str, str]) -> None:
    """Whatever else is wrong, an untrusted request is shown here (AUTHZ-02, AUTHZ-03)."""
    with pytest.raises(ShownHere):
        checked(query_of(**{"scope": "admin", "response_type": "token", "state": "%00", **fault}))


def test_an_error_cannot_be_redirected_without_a_verified_uri() -> None:
    """The type of error that redirects cannot be made of an unverified request (AUTHZ-02)."""
    with pytest.raises(ValueError, match="not been verified"):
        Redirected(AuthorizationRequest(client_id="public"), InvalidRequest("anything"))


@given(
    st.binary(max_size=60),
    st.sampled_from(["client_id", "redirect_uri", "state", "scope", "response_type", "resource"]),
)
def test_any_bytes_get_a_verdict(octets: bytes, name: str) -> None:
    """No value of any parameter ends in anything but a request or a refusal (GEN-06)."""
    encoded = "".join(f"%{octet:02x}" for octet in octets)
    try:
        request = checked(query_of(**{name: encoded}))
    except (ShownHere, Redirected):
        return
    assert request.redirect_uri == REDIRECT_URI
