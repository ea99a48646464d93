"""What operators can measure of introspect alone; docs/metrics.md explains each metric.

What each question touches are counters that were looked up before, and of each only those that rise.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TypeVar

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from services.introspect.batched_reads import Batch, BatchedReads, Key, ReadsTogether
from services.introspect.model import Denial
from tallystick.runtime.bulkhead import Bulkhead
from tallystick.runtime.grpc_streams import Streams

Found = TypeVar("Found")

_KEYS = (1, 2, 4, 8, 16, 32, 64, 128, 256)
_SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5)


class AnswerCounts:
    """Implements `Answers` and `Recalls`."""

    def __init__(self, registry: CollectorRegistry) -> None:
        answers = Counter(
            "tallystick_introspection_answers",
            "Answers of Introspect, by what they said.",
            ("answer",),
            registry=registry,
        )
        self._active, self._inactive, self._failed = map(answers.labels, ("active", "inactive", "failure"))
        decisions = Counter(
            "tallystick_access_decisions", "Decisions of CheckAccess.", ("decision",), registry=registry
        )
        self._allowed, self._undecided = map(decisions.labels, ("allowed", "failure"))
        self._denied = {denial: decisions.labels(denial.name.lower()) for denial in Denial}
        memory = Counter(
            "tallystick_introspection_memory",
            "Access tokens that were asked about, by whether memory could tell.",
            ("result",),
            registry=registry,
        )
        self._remembered, self._stale, self._unknown = map(memory.labels, ("hit", "stale", "read"))

    def introspected(self, *, active: int, inactive: int, failed: int) -> None:
        """Count answers of `Introspect`."""
        if active:
            self._active.inc(active)
        if inactive:
            self._inactive.inc(inactive)
        if failed:
            self._failed.inc(failed)

    def decided(self, denial: Denial | None) -> None:
        """Count a decision of `CheckAccess`."""
        (self._allowed if denial is None else self._denied[denial]).inc()

    def undecided(self) -> None:
        """Count a question of `CheckAccess` that was not decided."""
        self._undecided.inc()

    def recalled(self, *, remembered: int, stale: int, unknown: int) -> None:
        """Count tokens by what memory had to say of them."""
        if remembered:
            self._remembered.inc(remembered)
        if stale:
            self._stale.inc(stale)
        if unknown:
            self._unknown.inc(unknown)


class ReadMetrics:
    """Measures the reads that answer what memory cannot."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._keys = Histogram(
            "tallystick_introspection_read_keys",
            "Statements that read for questions, and of how many keys each was, by what was read.",
            ("kind",),
            buckets=_KEYS,
            registry=registry,
        )
        self._seconds = Histogram(
            "tallystick_introspection_read_duration_seconds",
            "How long these statements took, by what was read.",
            ("kind",),
            buckets=_SECONDS,
            registry=registry,
        )
        self._waiting = Gauge(
            "tallystick_introspection_questions_waiting",
            "Questions that wait for a read to be sent, by what is read.",
            ("kind",),
            registry=registry,
        )

    def measured(self, kind: str, read: ReadsTogether[Key, Found]) -> ReadsTogether[Key, Found]:
        """Return a read that is measured."""
        keys_of_kind, seconds_of_kind = self._keys.labels(kind), self._seconds.labels(kind)

        def measured(keys: Sequence[Key], *, confirmed: bool) -> Batch[Key, Found]:
            keys_of_kind.observe(len(keys))
            with seconds_of_kind.time():
                return read(keys, confirmed=confirmed)

        return measured

    def watch(self, kind: str, reads: BatchedReads[Key, Found]) -> None:
        """Tell how many questions wait."""
        self._waiting.labels(kind).set_function(lambda: reads.waiting)


def watch_memory(registry: CollectorRegistry, remembered: Callable[[], Mapping[str, int]]) -> None:
    """Tell how much is remembered of each kind."""
    gauge = Gauge("tallystick_introspection_remembered", "Records in memory, by kind.", ("kind",), registry=registry)
    for kind in remembered():
        gauge.labels(kind).set_function(partial(_number, remembered, kind))


def _number(remembered: Callable[[], Mapping[str, int]], kind: str) -> float:
    return remembered()[kind]


def watch_callers(registry: CollectorRegistry, calls: Bulkhead, streams: Streams) -> None:
    """Tell what is in progress for callers."""
    in_progress = Gauge("tallystick_introspection_calls_in_progress", "Unary calls in progress.", registry=registry)
    in_progress.set_function(lambda: calls.in_progress)
    open_ = Gauge("tallystick_introspection_streams_open", "Streams that are open.", registry=registry)
    open_.set_function(lambda: streams.open)
