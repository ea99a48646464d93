"""What a poll of the log changes in what a replica knows."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from tallystick.runtime.lease.view import NOWHERE, POLICY, Change, Moment, Poll, View, after_poll, dropped

NOW = datetime(2026, 1, 1, tzinfo=UTC)
SENT = 100.0
TOKEN = ("token", "t")
NOTHING_NEW = Poll(
    generation=1,
    after=7,
    sent_at=SENT,
    changes=(),
    reached_end=True,
    stands=True,
    newest=7,
    timeline="1",
    now=NOW,
    revocation_wait=1.0,
)
KNOWN = View(generation=1, timeline="1", position=7, floor=3, changed={("token", "old"): 5}, lease_end=50.0)


def with_changes(*changes: Change) -> Poll:
    """Return a poll that found changes."""
    return replace(NOTHING_NEW, changes=changes, newest=changes[-1].position)


def test_nobody_holds_a_lease_at_first() -> None:
    """Before any poll there is no lease and no position."""
    assert View().lease_left(0.0) == 0
    assert View().position == NOWHERE


@pytest.mark.parametrize(
    "poll",
    [
        replace(NOTHING_NEW, generation=0),
        replace(NOTHING_NEW, after=6),
        replace(NOTHING_NEW, timeline=None),
        replace(NOTHING_NEW, newest=None),
    ],
    ids=["of another generation", "from another position", "in recovery", "of an empty log"],
)
def test_a_poll_that_says_nothing_changes_nothing(poll: Poll) -> None:
    """What was sent before a drop, and what a server in recovery or an empty log says, gives no lease."""
    assert after_poll(KNOWN, poll) is KNOWN


def test_a_limited_poll_extends_no_lease() -> None:
    """As long as there is more of the log its rows are applied, and the lease ends when it ends."""
    view = after_poll(KNOWN, replace(with_changes(Change(8, *TOKEN)), reached_end=False, newest=9))
    assert (view.position, view.changed[TOKEN], view.lease_end, view.moment) == (8, 8, KNOWN.lease_end, None)


@pytest.mark.parametrize(
    "poll",
    [
        replace(NOTHING_NEW, stands=False, newest=9),
        replace(NOTHING_NEW, timeline="2", newest=9),
        replace(with_changes(Change(8, *TOKEN), Change(9, "device", "d")), newest=9),
        replace(with_changes(Change(8, "device", "d")), reached_end=False, newest=9),
    ],
    ids=["pruned", "another timeline", "an unknown kind", "an unknown kind and more"],
)
def test_a_gap_drops_everything(poll: Poll) -> None:
    """Where rows may have been missed all begins anew, at the largest visible position, with a floor there."""
    view = after_poll(KNOWN, poll)
    assert (view.generation, view.position, view.floor, dict(view.changed)) == (2, 9, 9, {})
    assert view.timeline == poll.timeline


def test_a_shorter_wait_takes_no_lease_back() -> None:
    """A lease that was granted stays, as the old wait is waited for once more when it is lowered."""
    view = after_poll(replace(KNOWN, lease_end=SENT + 4), NOTHING_NEW)
    assert view.lease_end == SENT + 4


def test_a_lease_counts_from_when_the_poll_was_sent() -> None:
    """A poll that reached the end gives a lease of four fifths of the wait, from its sending."""
    view = after_poll(KNOWN, NOTHING_NEW)
    assert view.lease_left(SENT) == pytest.approx(0.8)
    assert view.lease_left(SENT + 0.8) == 0
    assert view.lease_left(SENT + 5) == 0


def test_a_start_takes_the_largest_visible_position() -> None:
    """The first poll sets position and floor, and gives a lease at once."""
    view = after_poll(View(), replace(NOTHING_NEW, generation=0, after=NOWHERE, stands=False))
    assert (view.generation, view.position, view.floor, view.timeline) == (1, 7, 7, "1")
    assert view.lease_left(SENT) > 0


def test_changes_are_kept_by_subject() -> None:
    """Of a subject the last change counts, and of policy there is one for all keys."""
    changes = (Change(8, *TOKEN), Change(9, "policy", "a"), Change(10, "policy", "b"), Change(11, *TOKEN))
    view = after_poll(KNOWN, with_changes(*changes))
    assert view.position == 11
    assert view.changed == {("token", "old"): 5, POLICY: 10, TOKEN: 11}


def test_what_is_known_is_not_changed_in_place() -> None:
    """A poll gives a new view, so whoever has read the old one sees nothing of it by halves."""
    after_poll(KNOWN, with_changes(Change(8, *TOKEN)))
    assert View(1, "1", 7, 3, {("token", "old"): 5}, 50.0) == KNOWN


def test_what_leaves_the_set_raises_the_floor() -> None:
    """The set of changes is bounded, and of what has left it nothing is known any more."""
    changes = tuple(Change(position, "token", f"{position}") for position in range(8, 10_010))
    view = after_poll(KNOWN, with_changes(*changes))
    assert len(view.changed) == 10_000
    assert view.floor == 9
    assert ("token", "9") not in view.changed
    assert ("token", "10") in view.changed


def test_a_change_again_is_no_old_one() -> None:
    """What was changed last leaves the set last, however early it was changed before."""
    changes = tuple(Change(position, "token", f"{position}") for position in range(8, 10_006))
    view = after_poll(KNOWN, with_changes(*changes, Change(10_006, "token", "old"), Change(10_007, "token", "new")))
    assert (view.floor, view.changed["token", "old"]) == (3, 10_006)


def test_dropping_keeps_the_count() -> None:
    """A view that knows nothing is of the next generation, without a lease."""
    assert dropped(KNOWN) == View(generation=2)


def test_the_time_is_never_early() -> None:
    """Postgres's time is counted from when it was asked for, so it is late by the way there, and never early."""
    moment = Moment(NOW, SENT)
    assert moment.at(SENT + 1.5) == NOW + timedelta(seconds=1.5)
    assert after_poll(KNOWN, NOTHING_NEW).moment == moment
