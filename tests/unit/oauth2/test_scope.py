import pytest

from tallystick.oauth2.errors import InvalidScope
from tallystick.oauth2.scope import is_registrable, narrowed, parse_scope, requested_scopes, scope_string

ALLOWED = frozenset({"photos.read", "photos.write"})


def test_scopes_keep_their_order_and_lose_repetition() -> None:
    """A scope parameter is a set, given back in the order asked (AUTHZ-08)."""
    assert parse_scope("b a b") == ("b", "a")


@pytest.mark.parametrize("value", ["", " ", "a  b", " a", "a ", "a\tb", "a\nb", 'a"b', "a\\b", "ä", "a\0"])
def test_malformed_scopes_are_refused(value: str) -> None:
    """Anything outside RFC 6749 §3.3 is invalid_scope (AUTHZ-08)."""
    with pytest.raises(InvalidScope):
        parse_scope(value)


@pytest.mark.parametrize("value", ["photos", "photos.rea", "photos.read.more", "PHOTOS.READ", "photos.read admin"])
def test_only_whole_names_on_the_allow_list_pass(value: str) -> None:
    """A scope is compared whole, never by part (AUTHZ-08)."""
    with pytest.raises(InvalidScope):
        requested_scopes(value, ALLOWED)


def test_absent_means_all_that_is_allowed() -> None:
    """Without the parameter a client asks for every scope on its list (AUTHZ-08)."""
    assert requested_scopes(None, ALLOWED) == ("photos.read", "photos.write")


def test_nothing_allowed_is_an_error() -> None:
    """A client without scopes cannot ask for any (CC-04)."""
    with pytest.raises(InvalidScope):
        requested_scopes(None, frozenset())


def test_narrowing_keeps_the_order_granted() -> None:
    """What is no longer allowed drops out of a grant."""
    assert narrowed(("c", "b", "a"), {"a", "c"}) == ("c", "a")
    assert scope_string(("c", "a")) == "c a"


@pytest.mark.parametrize("name", ["", "Photos", "a b", "a/b", "ä", "a" * 101, "a\n"])
def test_names_that_cannot_be_registered(name: str) -> None:
    """Scope names are lower-case letters, digits and `._:-`."""
    assert not is_registrable(name)
    assert is_registrable("photos.read:own-1_x")
