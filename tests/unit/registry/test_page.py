"""Page sizes and page tokens."""

from base64 import urlsafe_b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.authorize.registry.page import DEFAULT_SIZE, LARGEST_SIZE, PageRequest, page_request
from tallystick.runtime.failures import Invalid

KEYS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1, max_size=100)


@given(KEYS, st.integers(1, LARGEST_SIZE))
def test_a_token_leads_to_where_the_page_ended(key: str, size: int) -> None:
    """Whatever the key, the next page begins after it."""
    token = PageRequest("users", 1, "").page([key, "more"], lambda item: item).next_page_token
    assert page_request("users", size, token) == PageRequest("users", size, key)


@pytest.mark.parametrize(
    ("read", "shown", "follows"),
    [([], (), False), (["a"], ("a",), False), (["a", "b"], ("a", "b"), False), (["a", "b", "c"], ("a", "b"), True)],
)
def test_one_item_more_than_shown_tells_that_a_page_follows(
    read: list[str], shown: tuple[str, ...], *, follows: bool
) -> None:
    """The last page has no token, even when it is full."""
    request = page_request("users", 2, "")
    page = request.page(read, lambda item: item)
    assert (request.limit, page.items, bool(page.next_page_token)) == (3, shown, follows)


def test_no_size_is_the_usual_size() -> None:
    """A size of 0 stands for the default."""
    assert page_request("users", 0, "").size == DEFAULT_SIZE


@pytest.mark.parametrize("size", [-1, LARGEST_SIZE + 1])
def test_a_size_out_of_bounds_is_refused(size: int) -> None:
    """A size below 0 or above the largest is invalid."""
    with pytest.raises(Invalid, match="page_size"):
        page_request("users", size, "")


@given(st.binary(max_size=60).map(lambda octets: urlsafe_b64encode(octets).decode().rstrip("=")))
def test_bytes_of_others_are_no_token(token: str) -> None:
    """A token that does not begin with the list's own kind is refused, whatever else it holds."""
    if token:
        with pytest.raises(Invalid, match="page_token"):
            page_request("a kind that no random bytes begin with", 10, token)


@given(st.text(min_size=1, max_size=60))
def test_any_text_is_a_token_or_refused(token: str) -> None:
    """No text makes reading a token fail in another way."""
    try:
        request = page_request("users", 10, token)
    except Invalid:
        return
    assert request.after
