"""The audit trail: what becomes of its events, read when somebody looks."""

from prometheus_client import CollectorRegistry
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from tallystick.runtime.audit_trail import AuditTrail


class AuditTrailState(Collector):
    """Tells of a trail."""

    def __init__(self, registry: CollectorRegistry, trail: AuditTrail) -> None:
        self._trail = trail
        registry.register(self)

    def collect(self) -> list[Metric]:
        """Return one moment's state."""
        events = CounterMetricFamily(
            "tallystick_audit_trail_events",
            "Audit events of which nothing else is written, by what became of them.",
            labels=("outcome",),
        )
        tally = self._trail.tally
        for outcome, count in (
            ("written", tally.written),
            ("lost", tally.lost),
            ("only_counted", tally.only_counted),
        ):
            events.add_metric((outcome,), count)
        waiting = GaugeMetricFamily(
            "tallystick_audit_trail_waiting", "Audit events that wait to be written.", self._trail.waiting
        )
        return [events, waiting]
