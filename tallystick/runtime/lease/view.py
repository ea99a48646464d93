"""What a replica knows of the log of invalidations: one immutable value, and the rules by which a poll changes it.

A poll that was sent at *s* and reached the end of the log knows of everything that was committed before *s*. Whoever
reports something dead does so *R* after its commit at the earliest, so until *s* + *R* nothing can have been reported
that this poll did not see. The lease ends at *s* + 0.8 *R*: the rest is for clocks that run differently fast.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from types import MappingProxyType

Subject = tuple[str, str]
"""What an invalidation is about: a kind of `KINDS`, and a key."""

KINDS = frozenset({"token", "grant", "client", "user", "consent", "policy"})
"""The kinds that this version knows. Of policy every record with a part in it reads all, whatever the key."""

POLICY: Subject = ("policy", "")

NOWHERE = -1
"""The position of a replica that has not read the log."""

_SHARE = 0.8
_MOST_SUBJECTS = 10_000


@dataclass(frozen=True, slots=True)
class Change:
    """A row of the log: from here on, a subject must be read again."""

    position: int
    kind: str
    key: str

    @property
    def subject(self) -> Subject:
        """What must be read again."""
        return POLICY if self.kind == "policy" else (self.kind, self.key)


@dataclass(frozen=True, slots=True)
class Moment:
    """Postgres's time, and the boot seconds at which whoever asked for it sent the question."""

    time: datetime
    asked_at: float

    def at(self, boot_seconds: float) -> datetime:
        """Return Postgres's time at a boot second: late by a network's delay at the most, never early."""
        return self.time + timedelta(seconds=boot_seconds - self.asked_at)


@dataclass(frozen=True, slots=True)
class Poll:
    """What one statement on the primary said of the log.

    `generation` and `after` are those of the view that it was sent from. `timeline` is None on a server in recovery.
    `changes` are the rows behind `after` in their order, all of them if `reached_end`; `stands` says whether the row at
    `after` is still there, `newest` is the largest visible position, `revocation_wait` is *R* in seconds.
    """

    generation: int
    after: int
    sent_at: float
    changes: tuple[Change, ...]
    reached_end: bool
    stands: bool
    newest: int | None
    timeline: str | None
    now: datetime
    revocation_wait: float


@dataclass(frozen=True, slots=True)
class View:
    """What a replica knows of the log, and until when it may answer from what it remembers.

    Everything up to `position` is applied. `changed` says at which position a subject was last changed, for changes
    after `floor`; of what was changed before, nothing is known any more. `lease_end` is in boot seconds. `generation`
    counts how often everything was dropped.
    """

    generation: int = 0
    timeline: str = ""
    position: int = NOWHERE
    floor: int = NOWHERE
    changed: Mapping[Subject, int] = field(default_factory=lambda: MappingProxyType({}))
    lease_end: float = -math.inf
    moment: Moment | None = None

    def lease_left(self, boot_seconds: float) -> float:
        """Return for how many seconds the lease holds yet; 0 without one."""
        return max(0.0, self.lease_end - boot_seconds)


def after_poll(view: View, poll: Poll) -> View:
    """Return what is known after a poll: rows are applied first, the lease is extended last."""
    if poll.generation != view.generation or poll.after != view.position:
        # Sent before everything was dropped.
        return view
    if poll.timeline is None or poll.newest is None:
        return view
    if _has_gap(view, poll):
        return _begun_anew(view, poll)
    applied = _applied(view, poll.changes)
    return _leased(applied, poll) if poll.reached_end else applied


def dropped(view: View) -> View:
    """Return a view that knows nothing; reads and polls in flight are of another generation."""
    return View(generation=view.generation + 1)


def _has_gap(view: View, poll: Poll) -> bool:
    """Tell whether rows may have been missed: none read yet, another server's log, rows pruned or not understood."""
    if view.position == NOWHERE or poll.timeline != view.timeline or not poll.stands:
        return True
    return any(change.kind not in KINDS for change in poll.changes)


def _begun_anew(view: View, poll: Poll) -> View:
    # The largest *visible* position: the sequence may be ahead of rows that are still to be committed.
    newest = NOWHERE if poll.newest is None else poll.newest
    begun = replace(dropped(view), timeline=poll.timeline or "", position=newest, floor=newest)
    return _leased(begun, poll)


def _applied(view: View, changes: tuple[Change, ...]) -> View:
    if not changes:
        return view
    changed = dict(view.changed)
    for change in changes:
        # Last changed comes last, so that the oldest are dropped first.
        changed.pop(change.subject, None)
        changed[change.subject] = change.position
    floor = view.floor
    while len(changed) > _MOST_SUBJECTS:
        oldest = next(iter(changed))
        floor = max(floor, changed.pop(oldest))
    return replace(view, position=changes[-1].position, floor=floor, changed=MappingProxyType(changed))


def _leased(view: View, poll: Poll) -> View:
    end = poll.sent_at + _SHARE * poll.revocation_wait
    return replace(view, lease_end=max(view.lease_end, end), moment=Moment(poll.now, poll.sent_at))
