"""An alarm for whoever tries tokens out (RFC 7662 §4): a line for each caller and minute with many inactive answers."""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock

from tallystick.runtime.log import logger

MOST_INACTIVE = 500
"""How many inactive answers a caller may get in a minute before that is worth a line."""

_WINDOW_SECONDS = 60.0

_log = logger(__name__)


@dataclass(slots=True)
class _Window:
    until: float
    inactive: int = 0


class InactiveAnswers:
    """Counts inactive answers by caller, in bounded memory; safe to use from threads."""

    def __init__(self, clock: Callable[[], float], *, most: int = MOST_INACTIVE, capacity: int = 10_000) -> None:
        """`clock` returns seconds that never go back."""
        self._clock = clock
        self._most = most
        self._capacity = capacity
        self._windows: OrderedDict[str, _Window] = OrderedDict()
        self._lock = Lock()

    def given(self, caller: str, inactive: int) -> None:
        """Count answers that were inactive; log a warning when they have become many."""
        if not inactive:
            return
        with self._lock:
            now = self._clock()
            window = self._windows.get(caller)
            if window is None or window.until <= now:
                self._windows.pop(caller, None)
                window = self._windows[caller] = _Window(now + _WINDOW_SECONDS)
                if len(self._windows) > self._capacity:
                    self._windows.popitem(last=False)
            before = window.inactive
            window.inactive += inactive
        if before <= self._most < before + inactive:
            _log.warning("many_inactive_answers", caller=caller, inactive=before + inactive)
