"""Reads that wait together are sent together: a batch is whatever was asked while the one before was in flight.

A read serves only questions that arrived before it was sent. Few batches are in flight, every call that waits has its
turn, and so many threads may wait and no more, so that what memory can answer is never held up by what it cannot. What
is wished to be confirmed waits by itself, in places of its own: while the standby is away such reads end late, and the
others do not as long as a lease vouches for them.
"""

from collections.abc import Callable, Hashable, Mapping, Sequence
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout
from dataclasses import dataclass, field
from datetime import datetime
from threading import BoundedSemaphore, Condition, Thread
from typing import Generic, Protocol, TypeVar

from services.introspect.fair_queue import FairQueue
from tallystick.runtime.failures import Failure, Unavailable
from tallystick.runtime.lease.answering import needs_confirmation, read_counts
from tallystick.runtime.lease.records import Sending
from tallystick.runtime.lease.view import Moment, View
from tallystick.runtime.log import logger

Key = TypeVar("Key", bound=Hashable)
Found = TypeVar("Found")

# How many batches of plain reads may be in flight, and how many of confirmed ones.
_PLAIN_IN_FLIGHT = 2
_CONFIRMED_IN_FLIGHT = 1
_MOST_TOGETHER = 256
# After a batch that failed one at a time tries again, so that nobody else waits for a database that is away.
_RETRY_SECONDS = 0.5

_log = logger(__name__)


@dataclass(frozen=True, slots=True)
class Batch(Generic[Key, Found]):
    """What one statement said of several keys, Postgres's time, and the timeline of the server, None in recovery."""

    found: Mapping[Key, Found]
    now: datetime
    timeline: str | None


class ReadsTogether(Protocol[Key, Found]):
    """One statement on the primary about several keys."""

    def __call__(self, keys: Sequence[Key], *, confirmed: bool) -> "Batch[Key, Found]":
        """Read; a confirmed read is never answered by a primary that was deposed. Raises `Unavailable`."""


@dataclass(frozen=True, slots=True)
class Read(Generic[Found]):
    """What a read found of one key, None if there is nothing, and the state in which it was sent."""

    found: Found | None
    sent: Sending
    moment: Moment
    timeline: str


@dataclass(slots=True)
class _Waiting(Generic[Key, Found]):
    key: Key
    answer: "Future[Read[Found]]" = field(default_factory=Future)


@dataclass(frozen=True, slots=True)
class Places:
    """How many threads may wait for reads, and how many for confirmed ones; several kinds of reads may share them."""

    plain: BoundedSemaphore
    confirmed: BoundedSemaphore


class BatchedReads(Generic[Key, Found]):
    """Answers threads that wait, from threads of its own."""

    def __init__(
        self,
        read: ReadsTogether[Key, Found],
        view: Callable[[], View],
        clock: Callable[[], float],
        places: Places,
        deposed: Callable[[], None],
    ) -> None:
        self._clock = clock
        self._plain = _Line(read, view, clock, places.plain, deposed, confirmed=False, in_flight=_PLAIN_IN_FLIGHT)
        self._confirmed = _Line(
            read, view, clock, places.confirmed, deposed, confirmed=True, in_flight=_CONFIRMED_IN_FLIGHT
        )

    @property
    def waiting(self) -> int:
        """Return how many questions wait for a read to be sent."""
        return self._plain.waiting + self._confirmed.waiting

    def start(self) -> None:
        """Begin to read."""
        self._plain.start()
        self._confirmed.start()

    def close(self) -> None:
        """Finish what is in flight and refuse what waits."""
        self._plain.refuse()
        self._confirmed.refuse()
        self._plain.close()
        self._confirmed.close()

    def find(self, keys: Sequence[Key], *, until: float, confirmed: bool = False) -> Sequence[Read[Found] | Failure]:
        """Read keys, each answered by itself; raise `Unavailable` when too many threads wait.

        `until` is the moment, of the clock, at which whoever asks waits no longer.
        """
        line = self._confirmed if confirmed else self._plain
        if not line.places.acquire(blocking=False):
            raise Unavailable("too many questions wait for the database")
        try:
            return [self._outcome(each, until) for each in line.ask(keys)]
        finally:
            line.places.release()

    def _outcome(self, waiting: _Waiting[Key, Found], until: float) -> Read[Found] | Failure:
        try:
            return waiting.answer.result(max(0.0, until - self._clock()))
        except FutureTimeout:
            # Nobody waits for it any more, so it need not be read.
            waiting.answer.cancel()
            return Unavailable("the database had no answer in time")
        except Failure as failure:
            return failure


class _Line(Generic[Key, Found]):
    """One queue of questions and the threads that read for it."""

    def __init__(
        self,
        read: ReadsTogether[Key, Found],
        view: Callable[[], View],
        clock: Callable[[], float],
        places: BoundedSemaphore,
        deposed: Callable[[], None],
        *,
        confirmed: bool,
        in_flight: int,
    ) -> None:
        self._read = read
        self._view = view
        self._clock = clock
        self.places = places
        self._deposed = deposed
        self._confirmed = confirmed
        self._queue: FairQueue[_Waiting[Key, Found]] = FairQueue()
        self._changed = Condition()
        self._closed = False
        self._in_flight = 0
        self._away_until: float | None = None
        self._threads = [Thread(target=self._serve, name=f"reads-{n}", daemon=True) for n in range(in_flight)]

    @property
    def waiting(self) -> int:
        return len(self._queue)

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def refuse(self) -> None:
        """Take no more questions, and begin to end."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def close(self) -> None:
        """Wait for what is in flight, once no more questions are taken, and refuse what waits."""
        for thread in self._threads:
            thread.join()
        for each in self._queue.take(len(self._queue)):
            _tell(each, Unavailable("the service is ending"))

    def ask(self, keys: Sequence[Key]) -> Sequence[_Waiting[Key, Found]]:
        """Let keys wait to be read; raise `Unavailable` when that would be in vain."""
        asked = [_Waiting[Key, Found](key) for key in keys]
        with self._changed:
            if self._closed:
                raise Unavailable("the service is ending")
            if self._is_away():
                raise Unavailable("the database cannot be asked now")
            self._queue.add(asked)
            self._changed.notify_all()
        return asked

    def _is_away(self) -> bool:
        """Tell whether the last batch failed, and it is too early to try again or somebody does so already."""
        if self._away_until is None:
            return False
        return bool(self._queue) or self._in_flight > 0 or self._clock() < self._away_until

    def _serve(self) -> None:
        while True:
            batch = self._next_batch()
            if not batch:
                return
            try:
                answers = self._answers(batch)
                self._done(away=False if answers else None)
                for each, answer in answers:
                    _tell(each, answer)
            except Exception as error:  # noqa: BLE001 - each of those that wait is told, and the next batch must be read
                failure = error if isinstance(error, Failure) else Unavailable("the database cannot be asked now")
                if failure is not error:
                    _log.error("read_failed", exc_info=error)
                self._done(away=True)
                for each in batch:
                    _tell(each, failure)

    def _done(self, *, away: bool | None) -> None:
        """Note whether the database could be asked; None if it was not."""
        with self._changed:
            self._in_flight -= 1
            if away is not None:
                self._away_until = self._clock() + _RETRY_SECONDS if away else None

    def _next_batch(self) -> list[_Waiting[Key, Found]]:
        with self._changed:
            while not self._queue and not self._closed:
                self._changed.wait()
            if self._closed:
                return []
            self._in_flight += 1
            return self._queue.take(_MOST_TOGETHER)

    def _answers(self, batch: Sequence[_Waiting[Key, Found]]) -> Sequence[tuple[_Waiting[Key, Found], Read[Found]]]:
        """Read for those who still wait, if there is anybody."""
        wanted = [each for each in batch if not each.answer.cancelled()]
        if not wanted:
            return []
        keys = list(dict.fromkeys(each.key for each in wanted))
        view = self._view()
        at = self._clock()
        confirmed = self._confirmed or needs_confirmation(view, at)
        answer = self._read(keys, confirmed=confirmed)
        if not read_counts(answer.timeline, view, confirmed=confirmed):
            self._deposed()
            view, at, confirmed = self._view(), self._clock(), True
            answer = self._read(keys, confirmed=True)
        if answer.timeline is None or not read_counts(answer.timeline, view, confirmed=confirmed):
            raise Unavailable("the database is in recovery")
        sent = Sending.now(view, at)
        moment = Moment(answer.now, at)
        return [(each, Read(answer.found.get(each.key), sent, moment, answer.timeline)) for each in wanted]


def _tell(waiting: _Waiting[Key, Found], outcome: Read[Found] | Failure) -> None:
    # Whoever gave up waiting has cancelled it.
    if not waiting.answer.set_running_or_notify_cancel():
        return
    if isinstance(outcome, Failure):
        waiting.answer.set_exception(outcome)
    else:
        waiting.answer.set_result(outcome)
