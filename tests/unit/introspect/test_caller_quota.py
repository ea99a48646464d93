"""How many questions a caller may ask: a bucket of its own, filled evenly."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from services.introspect.caller_quota import CallerQuota
from tallystick.runtime.failures import ResourceExhausted

PER_SECOND = 10
HELD = 2 * PER_SECOND


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
def quota(seconds: Seconds) -> CallerQuota:
    return CallerQuota(seconds, per_second=PER_SECOND, capacity=3)


def answered(quota: CallerQuota, times: int, caller: str = "api") -> int:
    """Ask so many single questions; return how many were within the quota."""
    return sum(wait(quota, 1, caller) == 0 for _ in range(times))


def wait(quota: CallerQuota, questions: int, caller: str = "api") -> int:
    """Ask questions together; return how long the caller is told to wait, 0 if they were within the quota."""
    try:
        quota.take(caller, questions)
    except ResourceExhausted as refused:
        return refused.retry_after
    return 0


def test_two_seconds_worth_at_once_and_no_more(quota: CallerQuota) -> None:
    """Whoever was silent may ask for two seconds' worth; the next question has to wait (INTR-08)."""
    assert answered(quota, 3 * HELD) == HELD
    with pytest.raises(ResourceExhausted, match="at most 10 a second") as refused:
        quota.take("api", 1)
    assert (refused.value.reason, refused.value.retry_after) == ("TOO_MANY_QUESTIONS", 1)


def test_what_flows_in_may_be_asked(quota: CallerQuota, seconds: Seconds) -> None:
    """After that it is so many in a second, and no more after a long silence than at first (INTR-08)."""
    answered(quota, HELD)
    for _ in range(5):
        seconds.now += 0.5
        assert answered(quota, HELD) == PER_SECOND // 2
    seconds.now += 1_000_000
    assert answered(quota, 3 * HELD) == HELD


def test_refusals_cost_nothing(quota: CallerQuota, seconds: Seconds) -> None:
    """Asking on while it has to wait keeps no caller waiting longer (INTR-08)."""
    answered(quota, HELD)
    for _ in range(10):
        seconds.now += 0.009
        assert answered(quota, 100) == 0
    seconds.now += 0.011
    assert answered(quota, 100) == 1


def test_a_batch_is_answered_whole_and_then_waited_for(quota: CallerQuota, seconds: Seconds) -> None:
    """A batch larger than what is left is taken, but has to flow in before anything else is (INTR-08)."""
    assert wait(quota, 1000) == 0
    assert wait(quota, 1) == 99
    seconds.now += 98
    assert wait(quota, 1000) > 0
    seconds.now += 1
    assert wait(quota, 1) == 0


def test_asking_together_gains_nothing(quota: CallerQuota, seconds: Seconds) -> None:
    """Over time a caller that asks in batches gets as many answers as one that asks one by one (INTR-08)."""
    together = 0
    for _ in range(1000):
        seconds.now += 0.1
        together += 50 if wait(quota, 50) == 0 else 0
    assert together <= 100 * PER_SECOND + HELD + 50


def test_callers_do_not_share(quota: CallerQuota) -> None:
    """One caller's questions are none of another's (INTR-08)."""
    answered(quota, 10 * HELD, "noisy")
    assert answered(quota, HELD, "quiet") == HELD


def test_no_limit_is_none(seconds: Seconds) -> None:
    """With 0 nobody is refused, however much is asked."""
    assert answered(CallerQuota(seconds, per_second=0), 10_000) == 10_000


def test_asking_nothing_takes_nothing(quota: CallerQuota) -> None:
    """An empty batch is no question, and is none of a caller that has to wait either."""
    answered(quota, 2 * HELD)
    assert wait(quota, 0) == 0


def test_memory_is_bounded_and_keeps_the_busy(quota: CallerQuota) -> None:
    """Who has not asked for longest is forgotten first, so that new names free nobody who is asking."""
    answered(quota, HELD, "noisy")
    for number in range(100):
        assert answered(quota, 1, f"caller-{number}") == 1
        assert wait(quota, 1, "noisy") > 0


def test_threads_get_no_more_together(seconds: Seconds) -> None:
    """Questions from many threads at once are counted one by one (INTR-08)."""
    quota = CallerQuota(seconds, per_second=500)
    with ThreadPoolExecutor(8) as threads:
        counts = list(threads.map(lambda _: answered(quota, 500), range(8)))
    assert sum(counts) == 1000
