"""`checks.scope`: the grammar, and the client's own list."""

from dataclasses import replace

import pytest

from services.authorize.errors import Redirected
from tests.fakes.authorize import PUBLIC, checked, query_of

RESOURCE_SERVER = replace(PUBLIC, scopes={"introspect": "Introspect", "photos.read": "See your photos"})


def test_scopes_are_kept_in_the_order_asked() -> None:
    """What is asked for is kept, each scope once (AUTHZ-08)."""
    request = checked(query_of(scope="photos.read+photos.print+photos.read"))
    assert request.scopes == ("photos.read", "photos.print")


@pytest.mark.parametrize("absent", [None, ""])
def test_an_absent_scope_is_all_that_the_client_may_ask_for(absent: str | None) -> None:
    """The default is every scope of the client (AUTHZ-08)."""
    assert checked(query_of(scope=absent)).scopes == ("photos.print", "photos.read")


@pytest.mark.parametrize(
    "scope",
    [
        "photos",
        "photos.read+admin",
        "photos.reader",
        "Photos.read",
        "photos.read++photos.print",
        "+photos.read",
        "photos.read+",
        "photos.read%09photos.print",
        "photos.read%0Aphotos.print",
        "photos.read%22",
        "photos.read%5C",
        "ph%C3%B6tos",
        "photos.read,photos.print",
        "*",
    ],
)
def test_a_scope_that_is_malformed_or_not_allowed_is_refused(scope: str) -> None:
    """Nothing is dropped silently, matched in part or repaired (AUTHZ-08)."""
    with pytest.raises(Redirected) as refusal:
        checked(query_of(scope=scope))
    assert refusal.value.error.code == "invalid_scope"


def test_a_repeated_scope_parameter_is_refused() -> None:
    """Two scope parameters are not one long one (AUTHZ-05)."""
    with pytest.raises(Redirected) as refusal:
        checked(query_of(scope="photos.read&scope=photos.print"))
    assert refusal.value.error.code == "invalid_request"


def test_a_client_without_scopes_has_nothing_to_ask_for() -> None:
    """No scope at all is not a scope (AUTHZ-08)."""
    with pytest.raises(Redirected) as refusal:
        checked(query_of(), replace(PUBLIC, scopes={}))
    assert refusal.value.error.code == "invalid_scope"


def test_nobody_can_be_asked_for_introspection() -> None:
    """The built-in scope is a right of the client itself, so no resource owner is asked for it (AUTHZ-08)."""
    assert checked(query_of(), RESOURCE_SERVER).scopes == ("photos.read",)
    with pytest.raises(Redirected) as refusal:
        checked(query_of(scope="introspect"), RESOURCE_SERVER)
    assert refusal.value.error.code == "invalid_scope"
