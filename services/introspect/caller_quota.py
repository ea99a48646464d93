"""How many questions a caller may ask in a second (RFC 7662 §4): a bucket for each, so that one leaves room for others.

A bucket is filled evenly and holds what two seconds bring. Whatever is asked together is answered together as long as
anything is left in it; what that overdraws has to flow in again first, so nobody gains by asking in large batches.
"""

import math
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock

from tallystick.runtime.failures import ResourceExhausted

_SECONDS_HELD = 2


@dataclass(slots=True)
class _Bucket:
    left: float
    at: float


class CallerQuota:
    """Counts questions by caller, in bounded memory; safe to use from threads.

    Who has not asked for longest is forgotten first, and by then has a full bucket again unless the callers are many.
    """

    def __init__(self, clock: Callable[[], float], *, per_second: int, capacity: int = 10_000) -> None:
        """`clock` returns seconds that never go back; `per_second` is 0 for no limit."""
        self._clock = clock
        self._per_second = per_second
        self._capacity = capacity
        self._buckets: OrderedDict[str, _Bucket] = OrderedDict()
        self._lock = Lock()

    def take(self, caller: str, questions: int) -> None:
        """Count questions that are about to be answered; raise `ResourceExhausted`, and count none, if they are not."""
        if not self._per_second or not questions:
            return
        most = self._per_second * _SECONDS_HELD
        with self._lock:
            now = self._clock()
            bucket = self._buckets.pop(caller, None) or _Bucket(most, now)
            bucket.left = min(most, bucket.left + (now - bucket.at) * self._per_second)
            bucket.at = now
            self._buckets[caller] = bucket
            if len(self._buckets) > self._capacity:
                self._buckets.popitem(last=False)
            missing = 1 - bucket.left
            if missing <= 0:
                bucket.left -= questions
        if missing > 0:
            raise ResourceExhausted(
                f"too many questions: at most {self._per_second} a second of one caller",
                reason="TOO_MANY_QUESTIONS",
                retry_after=math.ceil(missing / self._per_second),
            )
