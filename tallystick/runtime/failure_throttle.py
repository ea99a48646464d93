"""How many wrong secrets are answered before whoever sends them is told to wait (RFC 6749 §2.3.1, §10.10).

Only failures are counted, after they have happened. So the right secret always passes, and nobody can lock a client out
by guessing; and as secrets are 256 random bits, no number of guesses finds one. What this bounds is the noise.
"""

import math
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from threading import Lock

from tallystick.oauth2.errors import TooManyFailures


@dataclass(slots=True)
class _Count:
    until: float
    failures: int = 0


class FailureThrottle:
    """Counts failures by client and source, and by source alone, in bounded memory; safe to use from threads.

    A client is counted by the name that it gives itself, known or not, so that the answers do not tell which exist.
    Windows begin with a first failure. What was not counted for longest is forgotten first.
    """

    def __init__(
        self,
        clock: Callable[[], float],
        *,
        per_source: int,
        per_client: int = 10,
        window_seconds: float = 60,
        capacity: int = 20_000,
    ) -> None:
        """`clock` returns seconds that never go back."""
        self._clock = clock
        self._per_client = per_client
        self._per_source = per_source
        self._window_seconds = window_seconds
        self._capacity = capacity
        self._counts: OrderedDict[bytes, _Count] = OrderedDict()
        self._lock = Lock()

    def failed(self, client_id: str, source: str) -> None:
        """Count a failure; raise `TooManyFailures` if there were enough of them already."""
        with self._lock:
            now = self._clock()
            waits = (
                self._wait(f"client {source} {client_id}", self._per_client, now),
                self._wait(f"source {source}", self._per_source, now),
            )
        if any(waits):
            raise TooManyFailures("too many failed attempts: try again later", retry_after=math.ceil(max(waits)))

    def _wait(self, key: str, limit: int, now: float) -> float:
        """Count a failure and return for how many seconds no more of them are answered; 0 if this one is."""
        # A digest, as a name may be as long as a request.
        name = sha256(key.encode("utf-8", "surrogatepass")).digest()
        count = self._counts.pop(name, None)
        if count is None or count.until <= now:
            count = _Count(now + self._window_seconds)
        count.failures += 1
        self._counts[name] = count
        if len(self._counts) > self._capacity:
            self._counts.popitem(last=False)
        return count.until - now if count.failures > limit else 0.0
