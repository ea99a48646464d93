"""What a replica remembers: records with the state of the log they were read at, as much as it has room for."""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass
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


def _one(value: object) -> int:
    del value
    return 1


class Records(Generic[Key, Value]):
    """A bounded memory; what was used least recently leaves first. Safe for several threads.

    `weigh` tells how much of the room a value takes, at least 1. One that is heavier than the room has it to itself.
    """

    def __init__(self, room: int, weigh: Callable[[Value], int] = _one) -> None:
        self._room = room
        self._weigh = weigh
        self._taken = 0
        self._records: OrderedDict[Key, Record[Value]] = OrderedDict()
        self._lock = Lock()

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
            self._drop(key)
            self._records[key] = record
            self._taken += self._weigh(record.value)
            while self._taken > self._room and (len(self._records) > 1 or not self._room):
                self._drop(next(iter(self._records)))

    def drop(self, key: Key) -> None:
        """Forget what is remembered under a key."""
        with self._lock:
            self._drop(key)

    def _drop(self, key: Key) -> None:
        record = self._records.pop(key, None)
        if record is not None:
            self._taken -= self._weigh(record.value)

    def __len__(self) -> int:
        return len(self._records)


def _order(sent: Sending) -> tuple[int, float]:
    return sent.generation, sent.at
