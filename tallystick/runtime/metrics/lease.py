"""What a replica knows of the log of invalidations, read from its view when somebody looks."""

import math
from collections.abc import Callable

from prometheus_client import CollectorRegistry
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from tallystick.runtime.lease.view import View


class LeaseState(Collector):
    """Tells of the lease; `clock` is the one that it is counted on."""

    def __init__(self, registry: CollectorRegistry, view: Callable[[], View], clock: Callable[[], float]) -> None:
        self._view = view
        self._clock = clock
        registry.register(self)

    def collect(self) -> list[Metric]:
        """Return one moment's state: all of it is of one view."""
        view = self._view()
        at = self._clock()
        age = math.inf if view.moment is None else at - view.moment.asked_at
        return [
            GaugeMetricFamily(
                "tallystick_lease_left_seconds",
                "For how long memory may still be answered from; 0 without a lease.",
                view.lease_left(at),
            ),
            GaugeMetricFamily(
                "tallystick_lease_poll_age_seconds",
                "How long ago the poll was sent that has last reached the end of the log; whatever was committed"
                " before is applied. +Inf before the first.",
                age,
            ),
            GaugeMetricFamily(
                "tallystick_lease_log_position",
                "The position in the log of invalidations that is applied; -1 before the first poll.",
                view.position,
            ),
            GaugeMetricFamily(
                "tallystick_lease_changed_subjects",
                "How many subjects are known to have changed since they may have been remembered.",
                len(view.changed),
            ),
            CounterMetricFamily(
                "tallystick_lease_drops",
                "How often all that was remembered was dropped: at the start, after a gap in the log or a fail-over.",
                view.generation,
            ),
        ]
