"""How much of a replica one caller may hold at once, so that the others find room."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock

from tallystick.runtime.failures import ResourceExhausted


class Bulkhead:
    """Counts what each caller has in progress; safe to use from threads. Whoever has nothing takes no memory."""

    def __init__(self, most: int, *, what: str) -> None:
        """`most` is for one caller; `what` names what is counted, for people: `calls`."""
        self._most = most
        self._what = what
        self._in_progress: dict[str, int] = {}
        self._lock = Lock()

    @property
    def in_progress(self) -> int:
        """How much all callers have in progress together."""
        with self._lock:
            return sum(self._in_progress.values())

    @contextmanager
    def place(self, caller: str) -> Iterator[None]:
        """Hold one of the caller's places; raise `ResourceExhausted` when it holds all of them."""
        with self._lock:
            held = self._in_progress.get(caller, 0)
            if held >= self._most:
                message = f"too many {self._what} are in progress: at most {self._most} of one caller"
                raise ResourceExhausted(message, reason=f"TOO_MANY_{self._what.upper()}")
            self._in_progress[caller] = held + 1
        try:
            yield
        finally:
            with self._lock:
                self._in_progress[caller] -= 1
                if not self._in_progress[caller]:
                    del self._in_progress[caller]
