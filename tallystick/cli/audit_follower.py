"""What is new in the audit, each event once."""

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta

from tallystick.authorize.v1.audit_pb2 import AuditEvent

# An event bears the time at which it was written and is seen once that is committed, which may take a while.
OVERLAP = timedelta(seconds=10)

Read = Callable[[datetime | None], Iterable[AuditEvent]]
"""Reads the events since a moment, the newest first."""


class Follower:
    """Remembers what it has shown. What `read` raises is raised, and nothing is lost by it."""

    def __init__(self, read: Read, since: datetime | None) -> None:
        self._read = read
        self._since = since
        self._known: frozenset[str] = frozenset()

    def skip(self, newest: AuditEvent | None) -> None:
        """Take what there is as shown, of which this is the newest."""
        if newest is not None:
            self._since = _when(newest) - OVERLAP
            self.new()

    def new(self) -> Sequence[AuditEvent]:
        """Return what was not returned before, oldest first."""
        read = tuple(self._read(self._since))
        if read:
            # What is older than this cannot come any more.
            since = _when(read[0]) - OVERLAP
            self._since = since if self._since is None else max(self._since, since)
        new = [event for event in reversed(read) if event.event_id not in self._known]
        self._known = frozenset(event.event_id for event in read if _when(event) >= (self._since or _when(event)))
        return new


def _when(event: AuditEvent) -> datetime:
    return event.occurred_at.ToDatetime(UTC)
