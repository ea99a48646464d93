"""Garbage in redirect URIs: what can be registered can be shown and redirected to, and nothing else ever matches."""

import re
from urllib.parse import parse_qsl, urlsplit

from hypothesis import strategies as st

from services.authorize.authorization_response import error_location, success_location
from services.authorize.pages.destination import Destination
from services.authorize.request import AuthorizationRequest
from tallystick.oauth2.client import ApplicationType
from tallystick.oauth2.errors import InvalidRequest
from tallystick.oauth2.redirect_uri import (
    is_native,
    is_on_device,
    matches_authorization_request,
    matching,
    registration_problem,
)
from tests.support.fuzz import TEXT, damaged, fuzzed, garbage

TYPES = st.sampled_from(list(ApplicationType))
ORIGINS = [
    "https://app.example", "https://app.example:8443", "https://APP.example", "http://127.0.0.1", "http://127.0.0.1:8080",
    "http://[::1]", "http://[::1]:8080", "http://localhost", "http://localhost:1", "com.example.app:", "com.example.app://x",
    "https://xn--bcher-kva.example", "https://127.0.0.1", "http://app.example", "https://[::1]:9", "http://127.0.0.1:99999",
]  # fmt: skip
PATHS = ["", "/", "/cb", "/cb?x=1", "/cb?x=1&", "/cb?", "/a/../b", "//cb", "/%2e%2e/", "/cb;v=1", "?x", "/@127.0.0.1"]
URIS = st.builds(str.__add__, st.sampled_from(ORIGINS), st.sampled_from(PATHS))
ISSUER = "https://as.example"
SENDABLE = TEXT.filter(lambda text: "\0" not in text)


def is_registrable(uri: str, application_type: ApplicationType) -> bool:
    return registration_problem(uri, application_type) is None


def without_port(uri: str) -> str:
    return re.sub(r"^(http://(?:127\.0\.0\.1|\[::1\])):[0-9]+(?=[/?]|$)", r"\1", uri)


@fuzzed(uri=garbage(URIS), application_type=TYPES, long=10_000)
def test_what_is_registered_can_be_used(uri: str, application_type: ApplicationType) -> None:
    """A URI that can be registered matches itself and has a place to show (AUTHZ-03)."""
    if not is_registrable(uri, application_type):
        return
    assert matching([uri], uri, application_type)
    assert is_native([uri]) is is_on_device(uri)
    assert Destination.of(uri).name


@fuzzed(uri=garbage(URIS), application_type=TYPES, long=10_000)
def test_what_is_registered_is_safe(uri: str, application_type: ApplicationType) -> None:
    """No URI is registered that has a fragment, a user, or goes elsewhere in clear text (AUTHZ-03, RESP-06)."""
    if not is_registrable(uri, application_type):
        return
    parts = urlsplit(uri)
    assert re.fullmatch(r"[\x21-\x7e]+", uri)
    assert not set(uri) & set('#*\\"<>^`{|}')
    assert "@" not in parts.netloc
    match parts.scheme:
        case "https":
            assert parts.hostname
        case "http":
            assert parts.hostname in {"127.0.0.1", "::1", "localhost"}
        case scheme:
            assert "." in scheme
            assert application_type is ApplicationType.NATIVE


@fuzzed(registered=st.lists(URIS, min_size=1, max_size=3), presented=garbage(URIS), application_type=TYPES, long=10_000)
def test_only_what_is_registered_matches(
    registered: list[str], presented: str, application_type: ApplicationType
) -> None:
    """Only a registered URI matches, or one that differs from a native client's loopback one by port (AUTHZ-04)."""
    if not matching(registered, presented, application_type) or presented in registered:
        return
    assert application_type is ApplicationType.NATIVE
    assert any(without_port(uri) == without_port(presented) for uri in registered)
    assert urlsplit(presented).hostname in {"127.0.0.1", "::1"}
    assert 0 < (urlsplit(presented).port or 80) <= 65535


@fuzzed(uri=URIS, application_type=TYPES, long=10_000, damage=st.data())
def test_a_changed_uri_does_not_match(uri: str, application_type: ApplicationType, damage: st.DataObject) -> None:
    """A registered URI with one change is another one, unless the change is a loopback port (AUTHZ-03, AUTHZ-04)."""
    presented = damage.draw(damaged(st.just(uri)))
    if matching([uri], presented, application_type):
        assert without_port(presented) == without_port(uri)


@fuzzed(presented=st.none() | garbage(URIS), used=URIS, was_sent=st.booleans(), has_challenge=st.booleans())
def test_the_token_endpoint_compares_exactly(
    presented: str | None, used: str, *, was_sent: bool, has_challenge: bool
) -> None:
    """At the token endpoint no other URI than the one that was used passes, a loopback port included (TOK-04)."""
    matches = matches_authorization_request(presented, used, was_sent=was_sent, has_challenge=has_challenge)
    assert matches is (presented == used if presented is not None else has_challenge or not was_sent)


@fuzzed(uri=URIS, state=st.none() | SENDABLE, code=TEXT, description=TEXT)
def test_an_answer_gives_everything_back(uri: str, state: str | None, code: str, description: str) -> None:
    """Any state comes back once and unchanged, and nothing breaks out of the query (AUTHZ-09, RESP-02)."""
    request = AuthorizationRequest(client_id="c", redirect_uri=uri, state=state)
    for location, name in (
        (success_location(request, code=code, issuer=ISSUER), "code"),
        (error_location(request, InvalidRequest(description), issuer=ISSUER), "error"),
    ):
        assert location.startswith(uri)
        assert re.fullmatch(r"[\x21-\x7e]+", location)
        given = parse_qsl(urlsplit(location).query, keep_blank_values=True)
        assert [value for key, value in given if key == "state"] == ([] if state is None else [state])
        assert [value for key, value in given if key == "iss"] == [ISSUER]
        assert [key for key, _ in given].count(name) == 1
