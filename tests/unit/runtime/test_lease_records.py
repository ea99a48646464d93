"""What is remembered, whether it is current, and what may be answered by it."""

from dataclasses import replace

import pytest

from tallystick.runtime.lease.answering import memory_holds_for, needs_confirmation, read_counts
from tallystick.runtime.lease.records import Record, Records, Sending
from tallystick.runtime.lease.view import NOWHERE, POLICY, View

TOKEN, CLIENT = ("token", "t"), ("client", "c")
VIEW = View(generation=2, timeline="1", position=9, floor=5, lease_end=100.0)
RECORD = Record("facts", Sending.now(VIEW, 99.0), frozenset({TOKEN, CLIENT, POLICY}), "1")


@pytest.mark.parametrize(
    "record",
    [
        replace(RECORD, sent=Sending(1, 9, 99.0)),
        replace(RECORD, sent=Sending(3, 9, 99.0)),
        replace(RECORD, sent=Sending(2, 4, 99.0)),
        replace(RECORD, sent=Sending(2, NOWHERE, 99.0)),
        replace(RECORD, timeline="2"),
    ],
    ids=["before a drop", "after a drop", "below the floor", "before the log was read", "of another timeline"],
)
def test_what_is_of_another_state_is_not_current(record: Record[str]) -> None:
    """A record of another generation or timeline, or from below the floor, must be read again."""
    assert not record.is_current(VIEW)


@pytest.mark.parametrize("subject", [TOKEN, CLIENT, POLICY], ids=["token", "client", "policy"])
def test_a_change_of_any_subject_outdates(subject: tuple[str, str]) -> None:
    """A change after the read was sent means that it must be read again."""
    assert not RECORD.is_current(replace(VIEW, position=10, changed={subject: 10}))


def test_what_was_read_before_a_start_without_a_position_is_not_current() -> None:
    """A read that was sent before the log was read is current in no view."""
    view = View()
    assert not Record("facts", Sending.now(view, 1.0), frozenset({TOKEN}), "").is_current(view)


def test_other_changes_leave_a_record_current() -> None:
    """Neither a change of something else nor one that the read has seen outdates a record."""
    assert RECORD.is_current(VIEW)
    assert RECORD.is_current(replace(VIEW, position=12, changed={TOKEN: 9, ("client", "other"): 12}))
    assert RECORD.is_current(replace(VIEW, floor=9))


def test_memory_needs_a_lease() -> None:
    """Without a lease nothing is answered from memory, however current."""
    assert memory_holds_for(RECORD, VIEW, 100.0) == 0
    assert memory_holds_for(RECORD, View(2, "1", 9, 5), 99.0) == 0


def test_memory_needs_a_current_record() -> None:
    """Under a lease nothing outdated is answered from memory."""
    assert memory_holds_for(RECORD, replace(VIEW, changed={CLIENT: 10}), 99.0) == 0


def test_memory_holds_as_long_as_the_lease() -> None:
    """What may be answered from memory may be for what is left of the lease."""
    assert memory_holds_for(RECORD, VIEW, 99.25) == 0.75


def test_a_read_without_a_lease_is_confirmed() -> None:
    """Only a lease says that the server is the primary, so without one a read has to wait for the standby."""
    assert needs_confirmation(VIEW, 100.0)
    assert needs_confirmation(View(), 0.0)
    assert not needs_confirmation(VIEW, 99.9)


@pytest.mark.parametrize(
    ("timeline", "confirmed"),
    [(None, False), (None, True), ("2", False)],
    ids=["in recovery", "confirmed in recovery", "plain on another timeline"],
)
def test_a_read_of_another_server_does_not_count(timeline: str | None, *, confirmed: bool) -> None:
    """A server in recovery answers nothing, nor one of another timeline that did not wait for its standby."""
    assert not read_counts(timeline, VIEW, confirmed=confirmed)


def test_a_read_of_the_primary_counts() -> None:
    """A plain read counts on the timeline of the lease, a confirmed one on any."""
    assert read_counts("1", VIEW, confirmed=False)
    assert read_counts("2", VIEW, confirmed=True)


def test_a_late_answer_replaces_no_newer_record() -> None:
    """Of two reads the one that was sent later stays, whichever is answered last."""
    records = Records[str, str](2)
    newer = replace(RECORD, value="newer", sent=Sending(2, 9, 99.5))
    records.put("a", newer)
    records.put("a", RECORD)
    records.put("a", replace(RECORD, sent=Sending(1, 20, 200.0)))
    assert records.get("a") is newer


def test_memory_is_bounded() -> None:
    """What was used least recently leaves first."""
    records = Records[str, str](2)
    for key in ("a", "b"):
        records.put(key, RECORD)
    records.get("a")
    records.put("c", RECORD)
    assert [key for key in "abc" if records.get(key) is not None] == ["a", "c"]
    assert len(records) == 2


def test_what_is_heavy_takes_more_room() -> None:
    """A value that weighs much makes as many others leave, and gives their room back when it goes."""
    records = Records[str, str](4, len)
    for key in ("a", "b", "c", "d"):
        records.put(key, replace(RECORD, value="x"))
    records.put("b", replace(RECORD, value="xxx"))
    assert [key for key in "abcd" if records.get(key) is not None] == ["b", "d"]
    records.drop("b")
    for key in ("e", "f", "g"):
        records.put(key, replace(RECORD, value="x"))
    assert len(records) == 4


def test_what_is_heavier_than_the_room_has_it_to_itself() -> None:
    """The one record that is in use is remembered, however large it is; without any room nothing is."""
    records = Records[str, str](2, len)
    records.put("a", RECORD)
    records.put("b", replace(RECORD, value="x" * 9))
    assert [key for key in "ab" if records.get(key) is not None] == ["b"]
    records.put("c", replace(RECORD, value="x"))
    assert [key for key in "bc" if records.get(key) is not None] == ["c"]
    nothing = Records[str, str](0)
    nothing.put("a", RECORD)
    assert len(nothing) == 0


def test_what_is_dropped_is_gone() -> None:
    """A record can be dropped, also one that is not there."""
    records = Records[str, str](2)
    records.put("a", RECORD)
    records.drop("a")
    records.drop("a")
    assert records.get("a") is None
