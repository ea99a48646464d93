"""Streams of a synchronous gRPC server: threads of their own, a bounded number, and a bounded life.

A stream holds a thread for as long as it lasts, so none may hold one of those that answer single calls.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import BoundedSemaphore, Condition, Lock, Thread

import grpc

from tallystick.runtime.bulkhead import Bulkhead
from tallystick.runtime.failures import ResourceExhausted, Unavailable

MOST_TOGETHER = 100
"""How many messages of a stream are handled together."""

LONGEST_SECONDS = 15.0
"""After how long a stream is ended, in use or idle.

That is less than the grace that a connection at its age limit has left, so that no stream is cut off by it.
"""

PATIENCE_SECONDS = 5.0
"""How long its caller then has to read the answers, before it is cut off if others want its place."""

_MOST_OCTETS = 256 * 1024
# For those that are refused.
_SPARE_THREADS = 4


class Arrivals:
    """What has arrived on one stream and was not taken yet, in bounded memory.

    gRPC gives a message only to whoever waits for it, so a thread of its own does. While there is no room it does not
    wait for more, and flow control (RFC 9113 §5.2) holds the sender up.
    """

    def __init__(self, seconds: float) -> None:
        """`seconds` is after how long nothing more is read."""
        self.taken = 0
        self._until = time.monotonic() + seconds
        self._messages: list[bytes] = []
        self._octets = 0
        self._ended = False
        self._changed = Condition()

    def read(self, messages: Iterator[bytes]) -> None:
        """Begin to read, until there is no more or the stream is ended."""
        Thread(target=self._read, args=(messages,), name="stream-reader", daemon=True).start()

    def take(self) -> Sequence[bytes]:
        """Return what has arrived, and wait while that is nothing; it is nothing once the stream is over."""
        with self._changed:
            while not self._messages and not self._ended and self._left() > 0:
                self._changed.wait(self._left())
            self._ended = self._ended or self._left() <= 0
            taken, self._messages, self._octets = self._messages, [], 0
            self.taken += len(taken)
            self._changed.notify_all()
            return taken

    def end(self) -> None:
        """Read no more; what has arrived can still be taken."""
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    @property
    def overdue(self) -> float:
        """For how many seconds it should have been over."""
        return -self._left()

    def _left(self) -> float:
        return self._until - time.monotonic()

    def _read(self, messages: Iterator[bytes]) -> None:
        try:
            for message in messages:
                if not self._put(message):
                    return
        except grpc.RpcError:
            # The caller went away.
            return
        finally:
            self.end()

    def _put(self, message: bytes) -> bool:
        """Add a message once there is room; tell whether there may be more."""
        with self._changed:
            while not self._ended and self._is_full():
                self._changed.wait()
            if self._ended:
                return False
            self._messages.append(message)
            self._octets += len(message)
            self._changed.notify_all()
            return True

    def _is_full(self) -> bool:
        return len(self._messages) >= MOST_TOGETHER or self._octets >= _MOST_OCTETS


class Streams:
    """The streams that are open at a server, and the threads that serve them."""

    def __init__(
        self,
        *,
        most: int,
        per_caller: int,
        seconds: float = LONGEST_SECONDS,
        patience_seconds: float = PATIENCE_SECONDS,
    ) -> None:
        """`most` and `per_caller` are how many may be open at once, `seconds` how long each may last."""
        self.threads = ThreadPoolExecutor(most + _SPARE_THREADS, thread_name_prefix="stream")
        self.callers = Bulkhead(per_caller, what="streams")
        self._places = BoundedSemaphore(most)
        self._seconds = seconds
        self._patience_seconds = patience_seconds
        self._open: dict[Arrivals, Callable[[], object]] = {}
        self._ending = False
        self._lock = Lock()

    @property
    def open(self) -> int:
        """How many streams are open."""
        return len(self._open)

    @contextmanager
    def place(self, cancel: Callable[[], object]) -> Iterator[Arrivals]:
        """Hold one of the places; raise `ResourceExhausted` when all are taken, `Unavailable` once streams end.

        `cancel` cuts the stream off, whatever it waits for.
        """
        self._cut_off_overdue()
        if not self._places.acquire(blocking=False):
            raise ResourceExhausted("too many streams are open here", reason="TOO_MANY_STREAMS")
        arrivals = Arrivals(self._seconds)
        try:
            with self._lock:
                if self._ending:
                    raise Unavailable("the service is ending")
                self._open[arrivals] = cancel
            yield arrivals
        finally:
            arrivals.end()
            with self._lock:
                self._open.pop(arrivals, None)
            self._places.release()

    def end(self) -> None:
        """End all streams as soon as what has arrived is answered, and open no others."""
        with self._lock:
            self._ending = True
            open_ = tuple(self._open)
        for arrivals in open_:
            arrivals.end()

    def _cut_off_overdue(self) -> None:
        """Free the places of callers that do not read their answers, for which a stream waits however long it takes."""
        with self._lock:
            overdue = [cancel for each, cancel in self._open.items() if each.overdue > self._patience_seconds]
        for cancel in overdue:
            cancel()

    def close(self) -> None:
        """Wait for the threads, after the server has stopped."""
        self.threads.shutdown()
