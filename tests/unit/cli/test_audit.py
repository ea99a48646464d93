"""Events in one line, what is new, and times as people give them."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta, timezone

import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from tallystick.authorize.v1 import audit_pb2
from tallystick.cli.audit_follower import OVERLAP, Follower
from tallystick.cli.audit_line import line
from tallystick.cli.moment import moment
from tallystick.runtime.audit_event import EventKind, Outcome

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def event(number: int, seconds: float = 0.0) -> audit_pb2.AuditEvent:
    """Return an event of so many seconds after noon."""
    occurred_at = Timestamp()
    occurred_at.FromDatetime(NOW + timedelta(seconds=seconds))
    return audit_pb2.AuditEvent(event_id=f"event-{number}", occurred_at=occurred_at)


class Kept:
    """An audit that grows, and that can be away."""

    def __init__(self, *events: audit_pb2.AuditEvent) -> None:
        self.events = list(events)
        self.asked: list[datetime | None] = []
        self.failure: Exception | None = None

    def read(self, since: datetime | None) -> Iterable[audit_pb2.AuditEvent]:
        """Return the events since a moment, the newest first; those of a failure come one by one before it."""
        self.asked.append(since)
        newest_first = sorted(self.events, key=lambda event: event.occurred_at.ToNanoseconds(), reverse=True)
        for found in newest_first:
            if since is None or found.occurred_at.ToDatetime(UTC) >= since:
                yield found
        if self.failure is not None:
            raise self.failure


def ids(events: Sequence[audit_pb2.AuditEvent]) -> list[str]:
    """Return which events these are."""
    return [found.event_id.removeprefix("event-") for found in events]


def test_each_event_is_new_once_and_the_oldest_comes_first() -> None:
    """Whatever is read again and again is shown once, in the order in which it was written (OPS-04)."""
    kept = Kept(event(1, 1), event(2, 2))
    follower = Follower(kept.read, NOW)
    assert ids(follower.new()) == ["1", "2"]
    assert ids(follower.new()) == []
    kept.events += [event(4, 4), event(3, 3)]
    assert ids(follower.new()) == ["3", "4"]
    assert ids(follower.new()) == []


def test_what_is_committed_late_is_new_all_the_same() -> None:
    """An event that bears an earlier time than one that was shown is shown once it is there (OPS-04)."""
    kept = Kept(event(1, 1), event(9, 30))
    follower = Follower(kept.read, NOW)
    assert ids(follower.new()) == ["1", "9"]
    kept.events.append(event(5, 30 - OVERLAP.total_seconds()))
    assert ids(follower.new()) == ["5"]
    kept.events.append(event(6, 29))
    assert ids(follower.new()) == ["6"]
    assert ids(follower.new()) == []


def test_only_what_is_recent_is_read_again() -> None:
    """Each question reaches back a little before the newest event, and never before what was asked for first."""
    kept = Kept(event(1, 1), event(2, 100))
    follower = Follower(kept.read, NOW)
    follower.new()
    follower.new()
    assert kept.asked == [NOW, NOW + timedelta(seconds=100) - OVERLAP]
    young = Kept(event(1, 1))
    follower = Follower(young.read, NOW)
    follower.new()
    follower.new()
    assert young.asked == [NOW, NOW]


def test_what_was_there_can_be_skipped() -> None:
    """Who asks for what is new gets nothing of what was there, but what comes, were it older, is new."""
    kept = Kept(event(1, 1), event(2, 20), event(3, 21))
    follower = Follower(kept.read, None)
    follower.skip(kept.events[-1])
    assert ids(follower.new()) == []
    kept.events += [event(4, 20), event(5, 22)]
    assert ids(follower.new()) == ["4", "5"]


def test_an_empty_audit_can_be_followed() -> None:
    """The first event ever is new."""
    kept = Kept()
    follower = Follower(kept.read, None)
    follower.skip(None)
    assert ids(follower.new()) == []
    kept.events.append(event(1))
    assert ids(follower.new()) == ["1"]


def test_a_failure_loses_and_repeats_nothing() -> None:
    """What was being read when a call failed is read again (OPS-04)."""
    kept = Kept(event(1, 1), event(2, 2))
    follower = Follower(kept.read, NOW)
    kept.failure = ConnectionError()
    for _ in range(2):
        with pytest.raises(ConnectionError):
            follower.new()
    kept.failure = None
    kept.events.append(event(3, 3))
    assert ids(follower.new()) == ["1", "2", "3"]


def test_an_event_is_one_line() -> None:
    """When, how it went, what, and by name everything else that there is; in quotation marks what has spaces."""
    refused = audit_pb2.AuditEvent(
        occurred_at=Timestamp(seconds=1_772_366_400, nanos=123_456_000),
        service="authorize",
        event=EventKind.CODE_MISMATCHED,
        outcome=audit_pb2.AUDIT_OUTCOME_REFUSED,
        client_id="c",
        user_id="u",
        grant_id="g",
        source="192.0.2.1",
        error="invalid_grant",
        detail="another client",
        attributes={"presented_by": "d", "a": 'say "so"'},
    )
    assert line(refused) == (
        "2026-03-01T12:00:00.123Z  refused  code_mismatched        client=c user=u grant=g from=192.0.2.1 "
        r'error=invalid_grant why="another client" a="say \"so\"" presented_by=d'
    )
    assert line(event(1)) == "2026-03-01T12:00:00.000Z"


def test_no_event_obeys_or_breaks_a_line() -> None:
    """Whatever stands in an event, it is one line without anything that a terminal obeys, and no other name's value."""
    hostile = "x\n2026 success \x1b[2J\u202e\x7f y=z"
    shown = line(audit_pb2.AuditEvent(event=hostile, client_id=hostile, detail=hostile, attributes={hostile: hostile}))
    assert shown.isprintable()
    assert ' client="x\\n2026 success \\u001b[2J' in shown


def test_the_columns_are_wide_enough() -> None:
    """No kind of event and no outcome pushes the rest of its line aside."""
    begins = set()
    for kind in EventKind:
        for outcome in (audit_pb2.AUDIT_OUTCOME_SUCCESS, audit_pb2.AUDIT_OUTCOME_REFUSED):
            begins.add(line(audit_pb2.AuditEvent(event=kind, outcome=outcome, client_id="c")).index("client=c"))
    assert len(begins) == 1
    assert {outcome.value for outcome in Outcome} == {"success", "refused"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("45s", NOW - timedelta(seconds=45)),
        ("30m", NOW - timedelta(minutes=30)),
        ("1h", NOW - timedelta(hours=1)),
        ("2d", NOW - timedelta(days=2)),
        ("3w", NOW - timedelta(weeks=3)),
        ("0s", NOW),
        ("2026-02-28", datetime(2026, 2, 28, tzinfo=UTC)),
        ("2026-02-28T10:30", datetime(2026, 2, 28, 10, 30, tzinfo=UTC)),
        ("2026-02-28T10:30:00.123Z", datetime(2026, 2, 28, 10, 30, 0, 123_000, tzinfo=UTC)),
        ("2026-02-28T10:30:00+02:00", datetime(2026, 2, 28, 10, 30, tzinfo=timezone(timedelta(hours=2)))),
    ],
)
def test_a_time_is_an_age_or_a_moment(text: str, expected: datetime) -> None:
    """People say how long ago, or when: in UTC, as all our output, unless they say otherwise."""
    found = moment(text, now=NOW)
    assert found == expected
    assert found.tzinfo is UTC


@pytest.mark.parametrize(
    "text",
    ["", "h", "1", "-1h", "1.5h", "1y", "1 h", "999999999w", "yesterday", "2026-13-01", "0001-01-01T00:00+14:00"],
)
def test_what_is_no_time_is_refused(text: str) -> None:
    """Anything else is said to be wrong, never guessed."""
    with pytest.raises((ValueError, OverflowError)):
        moment(text, now=NOW)
