"""Which of very many things are worth a line in the log: so many a second, and none of the others is forgotten."""

from collections.abc import Callable
from threading import Lock

_WINDOW_SECONDS = 1.0


class Sample:
    """Chooses the first few of each second; safe to use from threads."""

    def __init__(self, clock: Callable[[], float], *, per_second: int) -> None:
        """`clock` returns seconds that never go back."""
        self._clock = clock
        self._per_second = per_second
        self._until = float("-inf")
        self._chosen = 0
        self._passed_over = 0
        self._lock = Lock()

    def choose(self) -> int | None:
        """Return None for one that is passed over, else how many were passed over before it."""
        with self._lock:
            now = self._clock()
            if now >= self._until:
                self._until = now + _WINDOW_SECONDS
                self._chosen = 0
            if self._chosen >= self._per_second:
                self._passed_over += 1
                return None
            self._chosen += 1
            passed_over, self._passed_over = self._passed_over, 0
            return passed_over
