"""When it is worth a line that a caller hears `inactive` again and again."""

import pytest
from structlog.testing import capture_logs

from services.introspect.inactive_answers import InactiveAnswers

MOST = 10


class Seconds:
    """A clock that stands until it is moved."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def seconds() -> Seconds:
    return Seconds()


@pytest.fixture
def inactive(seconds: Seconds) -> InactiveAnswers:
    return InactiveAnswers(seconds, most=MOST, capacity=3)


def warned(inactive: InactiveAnswers, answers: list[int], caller: str = "api") -> list[tuple[str, str, int]]:
    """Give so many inactive answers at a time; return caller and number of the lines that were logged."""
    with capture_logs() as logs:
        for number in answers:
            inactive.given(caller, number)
    assert all((line["event"], line["log_level"]) == ("many_inactive_answers", "warning") for line in logs)
    return [(line["event"], line["caller"], line["inactive"]) for line in logs]


def test_a_few_are_normal(inactive: InactiveAnswers) -> None:
    """Tokens expire and are revoked: so many inactive answers are no news (INTR-08)."""
    assert warned(inactive, [1] * MOST) == []


def test_many_are_one_line(inactive: InactiveAnswers, seconds: Seconds) -> None:
    """One more is a warning, and the only one within its minute (INTR-08)."""
    assert warned(inactive, [1] * (MOST + 1)) == [("many_inactive_answers", "api", MOST + 1)]
    seconds.now += 59
    assert warned(inactive, [1] * 100 + [1000]) == []


def test_each_minute_has_a_line_of_its_own(inactive: InactiveAnswers, seconds: Seconds) -> None:
    """Whoever goes on is told of again; the count begins anew (INTR-08)."""
    for _ in range(3):
        assert len(warned(inactive, [1] * 5 * MOST)) == 1
        seconds.now += 60
    assert warned(inactive, [1] * MOST) == []


def test_one_batch_can_be_enough(inactive: InactiveAnswers) -> None:
    """A batch counts each of its answers (INTR-08)."""
    assert warned(inactive, [0, 500]) == [("many_inactive_answers", "api", 500)]


def test_callers_are_counted_apart(inactive: InactiveAnswers) -> None:
    """Many callers with a few each are normal (INTR-08)."""
    for caller in ("a", "b", "c"):
        assert warned(inactive, [1] * MOST, caller) == []


def test_memory_is_bounded(inactive: InactiveAnswers) -> None:
    """Beyond so many callers the window that began first is forgotten."""
    warned(inactive, [MOST], "first")
    for number in range(3):
        warned(inactive, [1], f"caller-{number}")
    assert warned(inactive, [1], "first") == []
