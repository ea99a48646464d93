"""How many failures are answered, and what they have to do with one another."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from tallystick.oauth2.errors import TooManyFailures
from tallystick.runtime.failure_throttle import FailureThrottle

HERE, THERE = "198.51.100.9", "203.0.113.5"
LIMIT, SOURCE_LIMIT, WINDOW = 3, 8, 60


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
def throttle(seconds: Seconds) -> FailureThrottle:
    return FailureThrottle(seconds, per_client=LIMIT, per_source=SOURCE_LIMIT, window_seconds=WINDOW, capacity=50)


def fail(throttle: FailureThrottle, client_id: str = "app", source: str = HERE, *, times: int = 1) -> int:
    """Fail so many times; return how long the last one has to wait, 0 if it was answered."""
    wait = 0
    for _ in range(times):
        try:
            throttle.failed(client_id, source)
        except TooManyFailures as refused:
            wait = refused.retry_after
        else:
            wait = 0
    return wait


def test_the_failure_beyond_the_limit_has_to_wait(throttle: FailureThrottle, seconds: Seconds) -> None:
    """So many failures are answered, the next is told how long to wait, rounded up (GEN-09)."""
    assert fail(throttle, times=LIMIT) == 0
    seconds.now += 19.5
    assert fail(throttle) == 41


def test_waiting_is_enough(throttle: FailureThrottle, seconds: Seconds) -> None:
    """Failing on meanwhile makes the wait no longer, and afterwards everything begins anew (GEN-09)."""
    fail(throttle, times=LIMIT)
    seconds.now += WINDOW - 1
    assert fail(throttle, times=5) == 1
    seconds.now += 1
    assert fail(throttle, times=LIMIT) == 0
    assert fail(throttle) == WINDOW


def test_clients_and_sources_are_counted_apart(throttle: FailureThrottle) -> None:
    """Who fails somewhere, or as somebody, changes nothing elsewhere or for others (GEN-09)."""
    assert fail(throttle, times=LIMIT + 1) > 0
    assert fail(throttle, source=THERE) == 0
    assert fail(throttle, client_id="other") == 0


def test_a_source_cannot_go_on_under_other_names(throttle: FailureThrottle) -> None:
    """Invented names share the limit of their source, known ones too, so that they cannot be told apart (CAUTH-06)."""
    assert [fail(throttle, f"invented-{number}") for number in range(SOURCE_LIMIT)] == [0] * SOURCE_LIMIT
    assert fail(throttle, "one-more") == WINDOW
    assert fail(throttle, "app") == WINDOW
    assert fail(throttle, "app", THERE) == 0


def test_memory_is_bounded_and_a_source_is_not_forgotten(seconds: Seconds) -> None:
    """Thousands of long names push one another out, and never the source that goes on inventing them (GEN-13)."""
    throttle = FailureThrottle(seconds, per_client=LIMIT, per_source=100, capacity=10)
    assert fail(throttle, source=THERE, times=LIMIT + 1) == WINDOW
    waits = [fail(throttle, f"{number}-" + "x" * 1000) for number in range(1000)]
    assert waits == [0] * 100 + [WINDOW] * 900
    assert fail(throttle, source=THERE) == 0


@pytest.mark.parametrize("client_id", ["", "\ud800", "\0", "ü" * 70_000])
def test_any_name_can_be_counted(throttle: FailureThrottle, client_id: str) -> None:
    """A name is whatever somebody sent (GEN-06)."""
    assert fail(throttle, client_id, "", times=LIMIT) == 0
    assert fail(throttle, client_id, "") == WINDOW


def test_threads_count_together(seconds: Seconds) -> None:
    """Failures in many threads are as many as in one (GEN-09)."""
    throttle = FailureThrottle(seconds, per_client=500, per_source=10_000)
    with ThreadPoolExecutor(8) as threads:
        waits = list(threads.map(lambda _: fail(throttle), range(1000)))
    assert waits.count(0) == 500
