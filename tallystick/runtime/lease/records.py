"""What a replica remembers: records with the state of the log they were read at, as many as it has room for."""

from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass, field
from threading import Lock
from typing import Generic, TypeVar

from tallystick.runtime.lease.view import NOWHERE, Subject, View

Value = TypeVar("Value")
Key = TypeVar("Key", bound=Hashable)


@dataclass(frozen=True, slots=True)
class Sending:
    """What was known of the log, and the boot seconds, when a statement was sent; taken before it is."""

    generation: int
    position: int
    at: float

    @classmethod
    def now(cls, view: View, boot_seconds: float) -> "Sending":
        """Return what a statement that is sent now goes by."""
        return cls(view.generation, view.position, boot_seconds)


@dataclass(frozen=True, slots=True)
class Record(Generic[Value]):
    """What one statement on the primary said, when it was sent, what it depends on, and the server's timeline."""

    value: Value
    sent: Sending
    subjects: frozenset[Subject]
    timeline: str

    def is_current(self, view: View) -> bool:
        """Tell whether a read sent now could say nothing else, as far as the log was read.

        A change after the record was sent means that it must be read again, not that anything is dead.
        """
        if self.sent.generation != view.generation or self.sent.position == NOWHERE:
            return False
        # A connection may still lead to a server that was deposed, whose log says nothing of this one's.
        if self.timeline != view.timeline or self.sent.position < view.floor:
            return False
        return all(view.changed.get(subject, NOWHERE) <= self.sent.position for subject in self.subjects)


@dataclass(slots=True)
class Records(Generic[Key, Value]):
    """A bounded memory; what was used least recently leaves first. Safe for several threads."""

    room: int
    _records: OrderedDict[Key, Record[Value]] = field(default_factory=OrderedDict)
    _lock: Lock = field(default_factory=Lock)

    def get(self, key: Key) -> Record[Value] | None:
        """Return what is remembered under a key, current or not."""
        with self._lock:
            record = self._records.get(key)
            if record is not None:
                self._records.move_to_end(key)
            return record

    def put(self, key: Key, record: Record[Value]) -> None:
        """Remember a record, unless what is remembered was sent later."""
        with self._lock:
            present = self._records.get(key)
            if present is not None and _order(present.sent) > _order(record.sent):
                return
            self._records[key] = record
            self._records.move_to_end(key)
            while len(self._records) > self.room:
                self._records.popitem(last=False)

    def drop(self, key: Key) -> None:
        """Forget what is remembered under a key."""
        with self._lock:
            self._records.pop(key, None)

    def __len__(self) -> int:
        return len(self._records)


def _order(sent: Sending) -> tuple[int, float]:
    return sent.generation, sent.at
