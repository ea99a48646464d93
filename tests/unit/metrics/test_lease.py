"""What is told of the lease, by a clock that stands."""

import math
from datetime import UTC, datetime

import pytest
from prometheus_client import CollectorRegistry

from tallystick.runtime.lease.view import Moment, View, dropped
from tallystick.runtime.metrics.lease import LeaseState

ASKED_AT = 100.0
KNOWN = View(
    generation=2,
    timeline="1",
    position=7,
    changed={("token", "a"): 6, ("grant", "b"): 7},
    lease_end=ASKED_AT + 0.8,
    moment=Moment(datetime(2026, 1, 1, tzinfo=UTC), ASKED_AT),
)


def told(view: View, at: float) -> dict[str, float]:
    """Return what is told of a view at a moment, by the last part of each name."""
    registry = CollectorRegistry()
    LeaseState(registry, lambda: view, lambda: at)
    samples = [sample for metric in registry.collect() for sample in metric.samples]
    return {sample.name.removeprefix("tallystick_lease_"): sample.value for sample in samples}


def test_a_replica_that_knows_nothing_says_so() -> None:
    """No lease, no position, and an age beyond any threshold: nobody takes it for a fresh one."""
    assert told(View(), ASKED_AT) == {
        "left_seconds": 0,
        "poll_age_seconds": math.inf,
        "log_position": -1,
        "changed_subjects": 0,
        "drops_total": 0,
    }


def test_a_lease_that_holds() -> None:
    """What is left is counted from now, the age from when the poll was sent."""
    assert told(KNOWN, ASKED_AT + 0.25) == pytest.approx(
        {"left_seconds": 0.55, "poll_age_seconds": 0.25, "log_position": 7, "changed_subjects": 2, "drops_total": 2}
    )


@pytest.mark.parametrize("after", [0.8, 1.0, 3600.0])
def test_a_lease_that_is_over(after: float) -> None:
    """Nothing is left, never less than nothing, and the age goes on to grow."""
    found = told(KNOWN, ASKED_AT + after)
    assert (found["left_seconds"], found["poll_age_seconds"]) == (0, pytest.approx(after))


def test_a_drop_is_counted_and_nothing_is_known_after_it() -> None:
    """As after a gap in the log or a fail-over."""
    found = told(dropped(KNOWN), ASKED_AT)
    assert (found["drops_total"], found["log_position"], found["left_seconds"]) == (3, -1, 0)
    assert math.isinf(found["poll_age_seconds"])


def test_each_look_is_at_one_view() -> None:
    """The view is asked for once, however it changes meanwhile."""
    registry, views = CollectorRegistry(), [KNOWN]
    LeaseState(registry, views.pop, lambda: ASKED_AT)
    assert len(list(registry.collect())) == 5
    assert not views
