"""Pages of grants (`services.token.grant_page`)."""

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.token.grant_page import page_size, page_token, position
from services.token.model import GrantPosition
from tallystick.runtime.failures import Invalid


@pytest.mark.parametrize(("asked", "size"), [(0, 100), (1, 1), (1000, 1000), (1001, 1000), (2**31 - 1, 1000)])
def test_a_page_has_bounds(asked: int, size: int) -> None:
    """A page has 100 grants unless asked otherwise, and never more than 1,000."""
    assert page_size(asked) == size


@pytest.mark.parametrize("asked", [-1, -(2**31)])
def test_a_negative_size_is_refused(asked: int) -> None:
    """Less than nothing cannot be listed."""
    with pytest.raises(Invalid):
        page_size(asked)


@given(st.datetimes(datetime(1970, 1, 1), datetime(9999, 1, 1), timezones=st.just(UTC)), st.uuids())  # noqa: DTZ001
def test_a_position_survives_its_token(created_at: datetime, grant_id: UUID) -> None:
    """A page begins exactly where the one before ended, to the microsecond."""
    assert position(page_token(GrantPosition(created_at, grant_id))) == GrantPosition(created_at, grant_id)


def test_no_token_is_the_first_page() -> None:
    """Without token the list begins."""
    assert position("") is None


@given(st.text(min_size=1, max_size=40))
def test_any_text_is_a_position_or_refused(text: str) -> None:
    """What was not given out is refused and never an error of ours (GEN-06)."""
    try:
        position(text)
    except Invalid:
        return
    assert len(text) == 32


@pytest.mark.parametrize("token", ["x", "A" * 31, "A" * 33, "A" * 31 + "=", "_" * 31 + "+", "f" * 32, "-" * 32])
def test_other_tokens_are_refused(token: str) -> None:
    """A token of another length or alphabet, or of a time that there is not, is refused."""
    with pytest.raises(Invalid):
        position(token)


def test_tokens_of_one_moment_differ() -> None:
    """Two grants of one moment begin different pages."""
    now = datetime.now(UTC)
    tokens = {page_token(GrantPosition(now + timedelta(microseconds=n // 2), uuid4())) for n in range(10)}
    assert len(tokens) == 10
