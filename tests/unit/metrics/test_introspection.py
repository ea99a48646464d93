"""What introspect counts of its answers and reads, over its use cases as they are."""

import threading
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

import pytest
from prometheus_client import CollectorRegistry

from services.introspect.adapters.metrics import AnswerCounts, ReadMetrics, watch_callers, watch_memory
from services.introspect.batched_reads import Batch
from services.introspect.caller_quota import CallerQuota
from services.introspect.inactive_answers import InactiveAnswers
from services.introspect.metering import MeteredCheckAccess, MeteredIntrospect
from services.introspect.model import LEASED, Denial, Question
from tallystick.runtime.bulkhead import Bulkhead
from tallystick.runtime.failures import PermissionDenied, ResourceExhausted, Unavailable
from tallystick.runtime.grpc_streams import Streams
from tests.fakes.token_records import TOKEN, UnknownTokens

ISSUER, PHOTOS = "https://issuer.example", "https://photos.example"
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
NAMES = ("introspection_answers", "access_decisions", "introspection_memory")


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


@pytest.fixture
def counts(registry: CollectorRegistry) -> AnswerCounts:
    return AnswerCounts(registry)


@pytest.fixture
def records() -> UnknownTokens:
    return UnknownTokens("api")


def risen(registry: CollectorRegistry) -> dict[str, float]:
    """Return the counters that are not 0, in short: `introspection_answers active`."""
    return {
        f"{sample.name.removeprefix('tallystick_').removesuffix('_total')} {''.join(sample.labels.values())}": (
            sample.value
        )
        for metric in registry.collect()
        for sample in metric.samples
        if sample.name.endswith("_total") and sample.value
    }


def introspect(records: UnknownTokens, counts: AnswerCounts, *, per_second: int = 100) -> MeteredIntrospect:
    """Return the use case."""
    return MeteredIntrospect(
        records, ISSUER, CallerQuota(lambda: 0.0, per_second=per_second), InactiveAnswers(lambda: 0.0), counts
    )


def test_everything_begins_at_nothing(registry: CollectorRegistry, counts: AnswerCounts) -> None:
    """All answers that there can be are there from the start, so that the first of each is a rise."""
    del counts
    labels = {"".join(sample.labels.values()) for metric in registry.collect() for sample in metric.samples}
    assert labels == {"active", "inactive", "failure", "allowed", "hit", "stale", "read"} | {
        denial.value for denial in Denial
    }
    assert risen(registry) == {}


def test_answers_are_counted_one_by_one(
    registry: CollectorRegistry, records: UnknownTokens, counts: AnswerCounts
) -> None:
    """A batch counts as many answers as it has questions, whatever was sent as a token."""
    asked = introspect(records, counts)
    asked(Question(TOKEN), "api")
    asked.many([Question(TOKEN), Question("no token"), Question("")], "api")
    assert risen(registry) == {"introspection_answers inactive": 4}


def test_what_cannot_be_told_is_a_failure(
    registry: CollectorRegistry, records: UnknownTokens, counts: AnswerCounts
) -> None:
    """And never inactive: that would look like strangers trying tokens."""
    records.failure = Unavailable("the database cannot be asked now")
    introspect(records, counts).many([Question(TOKEN), Question(TOKEN)], "api")
    assert risen(registry) == {"introspection_answers failure": 2}


def test_what_is_refused_is_no_answer(
    registry: CollectorRegistry, records: UnknownTokens, counts: AnswerCounts
) -> None:
    """Questions beyond the quota are counted as refused calls, by gRPC and HTTP."""
    asked = introspect(records, counts, per_second=2)
    asked.many([Question(TOKEN)] * 4, "api")
    with pytest.raises(ResourceExhausted):
        asked.many([Question(TOKEN)] * 3, "api")
    assert risen(registry) == {"introspection_answers inactive": 4}


def test_active_and_inactive_in_one_batch(registry: CollectorRegistry, counts: AnswerCounts) -> None:
    """Each kind is counted with what it has."""
    counts.introspected(active=3, inactive=2, failed=1)
    counts.introspected(active=1, inactive=0, failed=0)
    assert risen(registry) == {
        "introspection_answers active": 4,
        "introspection_answers inactive": 2,
        "introspection_answers failure": 1,
    }


@pytest.mark.parametrize("caller", ["api", "stranger"])
def test_decisions(registry: CollectorRegistry, records: UnknownTokens, counts: AnswerCounts, caller: str) -> None:
    """A verdict is counted by what it says; a question that may not be asked, as one that was not decided."""
    quota, inactive = CallerQuota(lambda: 0.0, per_second=100), InactiveAnswers(lambda: 0.0)
    check = MeteredCheckAccess(records, records, ISSUER, quota, inactive, counts)
    try:
        check(TOKEN, PHOTOS, b"/photos.v1.Albums/Get", caller=caller, freshness=LEASED)
    except PermissionDenied:
        assert caller == "stranger"
    decision = {"api": "token_inactive", "stranger": "failure"}[caller]
    assert risen(registry) == {f"access_decisions {decision}": 1}


def test_verdicts_by_their_reason(registry: CollectorRegistry, counts: AnswerCounts) -> None:
    """Yes, and each no."""
    for denial in (None, *Denial):
        counts.decided(denial)
    assert risen(registry) == {
        f"access_decisions {label}": 1 for label in ("allowed", *(denial.value for denial in Denial))
    }


def test_memory(registry: CollectorRegistry, counts: AnswerCounts) -> None:
    """Hits, answers as old as was accepted, and reads."""
    counts.recalled(remembered=5, stale=0, unknown=1)
    counts.recalled(remembered=0, stale=2, unknown=0)
    assert risen(registry) == {
        "introspection_memory hit": 5,
        "introspection_memory stale": 2,
        "introspection_memory read": 1,
    }


def test_counting_loses_nothing_in_threads(registry: CollectorRegistry, counts: AnswerCounts) -> None:
    """Questions are answered in many threads, and each is counted."""
    threads = [
        threading.Thread(target=lambda: [counts.introspected(active=1, inactive=0, failed=0) for _ in range(2000)])
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert risen(registry) == {"introspection_answers active": 8000}


def test_reads_are_measured_by_kind(registry: CollectorRegistry) -> None:
    """How many keys a statement had and that it took time, also when it failed."""

    def read(keys: Sequence[str], *, confirmed: bool) -> Batch[str, str]:
        if confirmed:
            raise Unavailable("the database cannot be asked now")
        return Batch(dict.fromkeys(keys, "found"), NOON, "1")

    measured = ReadMetrics(registry).measured("tokens", read)
    assert measured(["a", "b", "c"], confirmed=False).found == dict.fromkeys("abc", "found")
    with pytest.raises(Unavailable):
        measured(["d"], confirmed=True)
    kind = {"kind": "tokens"}
    assert registry.get_sample_value("tallystick_introspection_read_keys_sum", kind) == 4
    assert registry.get_sample_value("tallystick_introspection_read_keys_count", kind) == 2
    assert registry.get_sample_value("tallystick_introspection_read_duration_seconds_count", kind) == 2


def test_keys_are_in_no_label(registry: CollectorRegistry) -> None:
    """What is read is told by its kind only."""
    secret = "tsa_" + "s" * 43

    def read(keys: Sequence[str], *, confirmed: bool) -> Batch[str, str]:
        del confirmed
        return Batch(dict.fromkeys(keys, secret), NOON, "1")

    ReadMetrics(registry).measured("tokens", read)([secret], confirmed=False)
    labels = {value for metric in registry.collect() for sample in metric.samples for value in sample.labels.values()}
    assert secret not in "".join(labels)


def test_memory_is_told_of_as_it_is_when_somebody_looks(registry: CollectorRegistry) -> None:
    """Each kind by itself, and no more kinds than there are at the start."""
    remembered: dict[str, int] = {"tokens": 0, "callers": 1}

    def now() -> Mapping[str, int]:
        return remembered

    watch_memory(registry, now)
    remembered.update(tokens=7)
    name = "tallystick_introspection_remembered"
    assert [registry.get_sample_value(name, {"kind": kind}) for kind in ("tokens", "callers")] == [7, 1]


def test_what_callers_hold(registry: CollectorRegistry) -> None:
    """Calls in progress are those of all callers together, none of them by name."""
    calls, streams = Bulkhead(2, what="calls"), Streams(most=4, per_caller=2)
    watch_callers(registry, calls, streams)
    name = "tallystick_introspection_calls_in_progress"
    with calls.place("one"), calls.place("one"), calls.place("other"):
        assert registry.get_sample_value(name) == 3
        with pytest.raises(ResourceExhausted), calls.place("one"):
            pass
        assert registry.get_sample_value(name) == 3
    assert registry.get_sample_value(name) == 0
    assert registry.get_sample_value("tallystick_introspection_streams_open") == 0
    streams.close()
