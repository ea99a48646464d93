"""What operators can measure of token alone; docs/metrics.md explains each metric."""

from prometheus_client import CollectorRegistry, Counter
from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from services.token.model import EndReason
from services.token.partitions import PartitionKeeper
from services.token.retention import Retention
from tallystick.oauth2.client import GrantType
from tallystick.runtime.audit_event import AuditEvent, EventKind
from tallystick.runtime.metrics.decisions import Decisions

EXPECTED = (
    "error audit_event_lost",
    "error partition_missing",
    "warning partitions_missing",
    "warning partitions_not_kept",
    "warning retention_failed",
    "error retention_failed",
)
"""What alerts ask about in the log."""

_ISSUED = frozenset({EventKind.TOKEN_ISSUED, EventKind.REFRESHED, EventKind.REFRESH_RACED, EventKind.REFRESH_REPEATED})


class TokenDecisions:
    """Counts what token has decided, by the events that tell of it."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._refreshes = Decisions(
            registry,
            "tallystick_refreshes",
            "Refresh tokens that were presented, by what they deserved.",
            {
                EventKind.REFRESHED: "rotated",
                EventKind.REFRESH_RACED: "race",
                EventKind.REFRESH_REPEATED: "lost_answer",
                EventKind.REFRESH_REUSED: "theft",
            },
        )
        codes = Counter(
            "tallystick_codes", "Authorization codes, by what happened to them.", ("outcome",), registry=registry
        )
        self._redeemed, self._replayed = codes.labels("redeemed"), codes.labels("replayed")
        issued = Counter(
            "tallystick_tokens_issued",
            "Token requests that got tokens, by grant type.",
            ("grant_type",),
            registry=registry,
        )
        self._issued = {grant_type.value: issued.labels(grant_type.value) for grant_type in GrantType}
        ended = Counter(
            "tallystick_grants_ended",
            "Grants that somebody has brought to their end, by reason.",
            ("reason",),
            registry=registry,
        )
        self._ended = {reason.value: ended.labels(reason.value) for reason in EndReason}

    def __call__(self, event: AuditEvent) -> None:
        """Count an event that has happened."""
        self._refreshes(event)
        if event.kind in _ISSUED:
            grant_type = event.attributes["grant_type"]
            self._issued[grant_type].inc()
            if grant_type == GrantType.AUTHORIZATION_CODE:
                self._redeemed.inc()
        elif event.kind is EventKind.CODE_REPLAYED:
            self._replayed.inc()
        elif event.kind is EventKind.GRANT_ENDED:
            self._ended[event.attributes["end_reason"]].inc()


class UpkeepState(Collector):
    """Tells how long the tables can go on as they are, as moments of time: these stay true while nobody looks."""

    def __init__(self, registry: CollectorRegistry, keeper: PartitionKeeper, retention: Retention) -> None:
        self._keeper = keeper
        self._retention = retention
        registry.register(self)

    def collect(self) -> list[Metric]:
        """Return what was found last."""
        partitions = GaugeMetricFamily(
            "tallystick_partitions_end_timestamp_seconds",
            "When the first period begins that has no partition yet, in seconds since 1970.",
            labels=("table",),
        )
        for table, found in self._keeper.found.items():
            partitions.add_metric((table,), found.covered_until)
        oldest = GaugeMetricFamily(
            "tallystick_retention_oldest_timestamp_seconds",
            "When the oldest of what is deleted after a while came to be, in seconds since 1970.",
            labels=("what",),
        )
        for what, moment in self._retention.oldest.items():
            oldest.add_metric((what,), moment.timestamp())
        return [partitions, oldest]
