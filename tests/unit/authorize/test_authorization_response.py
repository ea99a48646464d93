"""`authorization_response`: where the browser is sent."""

from dataclasses import replace
from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.authorize.authorization_response import error_location, success_location
from tallystick.oauth2.errors import InvalidRequest, InvalidScope
from tests.fakes.authorize import ISSUER, REDIRECT_URI, REQUEST


def members(location: str) -> list[tuple[str, str]]:
    """Return the parameters of a location in order."""
    return parse_qsl(urlsplit(location).query, keep_blank_values=True, strict_parsing=True)


def test_a_code_comes_with_state_and_issuer() -> None:
    """Success carries code, state and iss, each once, and no error (RESP-01)."""
    location = success_location(REQUEST, code="c.s", issuer=ISSUER)
    assert f"{REDIRECT_URI}?code=c.s&state=xyz&iss=https%3A%2F%2Fissuer.example" == location


def test_an_error_comes_with_state_and_issuer() -> None:
    """Errors carry iss too, and no code (RESP-01)."""
    location = error_location(REQUEST, InvalidScope("scope is malformed"), issuer=ISSUER)
    expected = [
        ("error", "invalid_scope"),
        ("error_description", "scope is malformed"),
        ("state", "xyz"),
        ("iss", ISSUER),
    ]
    assert expected == members(location)


def test_no_state_is_returned_when_none_was_sent() -> None:
    """An absent state is not returned (AUTHZ-09)."""
    assert {"code", "iss"} == dict(
        members(success_location(replace(REQUEST, state=None), code="c", issuer=ISSUER))
    ).keys()


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\r\n"), min_size=1))
def test_any_state_comes_back_as_it_was(state: str) -> None:
    """The client decodes exactly what it had encoded (AUTHZ-09)."""
    location = success_location(replace(REQUEST, state=state), code="c", issuer=ISSUER)
    assert state == dict(members(location))["state"]
    assert location.isascii()
    assert location.isprintable()


@pytest.mark.parametrize(
    ("registered", "beginning"),
    [
        ("https://a.example/cb?x=1", "https://a.example/cb?x=1&code="),
        ("https://a.example/cb?x=%20%2B&y", "https://a.example/cb?x=%20%2B&y&code="),
        ("https://a.example/cb?", "https://a.example/cb?code="),
        ("https://a.example/cb?x=1&", "https://a.example/cb?x=1&code="),
        ("https://a.example", "https://a.example?code="),
        ("com.example.app:/cb", "com.example.app:/cb?code="),
        ("http://[::1]:51004/cb", "http://[::1]:51004/cb?code="),
    ],
)
def test_the_registered_query_is_kept(registered: str, beginning: str) -> None:
    """A registered query stays as it is, with ours after it (RESP-02)."""
    location = success_location(replace(REQUEST, redirect_uri=registered), code="c", issuer=ISSUER)
    assert location.startswith(beginning)


@pytest.mark.parametrize("hostile", ['"', "\\", "\r\nSet-Cookie: a=b", "<script>", "é", "\0"])
def test_a_description_stays_in_its_alphabet(hostile: str) -> None:
    """Descriptions hold nothing outside of RFC 6749's characters, and no raw markup gets into the location (GEN-06)."""
    location = error_location(REQUEST, InvalidRequest(f"a{hostile}b"), issuer=ISSUER)
    description = dict(members(location))["error_description"]
    assert all(character in " !" or "#" <= character <= "[" or "]" <= character <= "~" for character in description)
    assert not set('\r\n<>"\\') & set(location)
