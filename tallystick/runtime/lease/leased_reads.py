"""Reads that need not be repeated while a lease holds, for the asynchronous services.

Each question that memory cannot answer is a read of its own, sent after the question arrived. What is not there is not
remembered, nor what its reader calls passing: it may be otherwise the next moment, and whoever makes it so does not
wait.
"""

from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, Protocol, TypeVar

from tallystick.runtime.failures import Unavailable
from tallystick.runtime.lease.answering import memory_holds_for, needs_confirmation, read_counts
from tallystick.runtime.lease.records import Record, Records, Sending
from tallystick.runtime.lease.view import Subject, View

Key = TypeVar("Key", bound=Hashable)
Key_contra = TypeVar("Key_contra", contravariant=True)
Value = TypeVar("Value")
Found_co = TypeVar("Found_co", covariant=True)


@dataclass(frozen=True, slots=True)
class Read(Generic[Found_co]):
    """What one statement found, Postgres's time, and the timeline of the server, None in recovery."""

    found: Found_co | None
    now: datetime
    timeline: str | None


@dataclass(frozen=True, slots=True)
class Answer(Generic[Found_co]):
    """What there is, and Postgres's time."""

    found: Found_co | None
    now: datetime


class ReadsOne(Protocol[Key_contra, Found_co]):
    """One statement on the primary."""

    async def __call__(self, key: Key_contra, /, *, confirmed: bool) -> Read[Found_co]:
        """Read; a confirmed read is never answered by a primary that was deposed. Raises `Unavailable`."""


@dataclass(frozen=True, slots=True)
class Log:
    """What is known of the log, and on which clock; `deposed` is told when a connection leads to another server."""

    view: Callable[[], View]
    clock: Callable[[], float]
    deposed: Callable[[], Awaitable[None]]


class LeasedReads(Generic[Key, Value]):
    """Answers from memory while a lease holds, by reading otherwise; remembers as much as there is `room` for."""

    def __init__(
        self,
        read: ReadsOne[Key, Value],
        log: Log,
        *,
        subjects: Callable[[Key], frozenset[Subject]],
        is_passing: Callable[[Key, Value], bool],
        room: int,
    ) -> None:
        self._read = read
        self._log = log
        self._subjects = subjects
        self._is_passing = is_passing
        self._records = Records[Key, Value](room)

    async def find(self, key: Key) -> Answer[Value]:
        """Return what there is; raise `Unavailable`."""
        view = self._log.view()
        at = self._log.clock()
        record = self._records.get(key)
        if record is not None and view.moment is not None and memory_holds_for(record, view, at):
            return Answer(record.value, view.moment.at(at))
        return await self._read_now(key, view, at)

    async def _read_now(self, key: Key, view: View, at: float) -> Answer[Value]:
        confirmed = needs_confirmation(view, at)
        read = await self._read(key, confirmed=confirmed)
        if not read_counts(read.timeline, view, confirmed=confirmed):
            await self._log.deposed()
            view, at = self._log.view(), self._log.clock()
            read = await self._read(key, confirmed=True)
        if read.timeline is None:
            raise Unavailable("the database is in recovery")
        if read.found is None or self._is_passing(key, read.found):
            self._records.drop(key)
        else:
            record = Record(read.found, Sending.now(view, at), self._subjects(key), read.timeline)
            self._records.put(key, record)
        return Answer(read.found, read.now)
