"""Answers that may be gone by for a while, and are then asked for anew.

An answer holds until the moment at which its question was SENT plus its `valid_for`: counted from receipt, a slow
network would stretch the lease behind it by its delay, and something revoked would pass. Both moments are read from a
clock that counts the machine's sleep, the first before sending (before the first attempt, if gRPC retries), the second
at each reuse.

Only good news is kept. What is inactive or denied is asked about each time, so that nobody waits who was let in again,
and no error ever turns into an answer.
"""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, replace
from hashlib import sha256
from threading import Lock
from typing import Generic, TypeVar

from tallystick.boot_clock import boot_seconds
from tallystick.resource.access import Access
from tallystick.resource.freshness import Freshness
from tallystick.resource.introspection import Introspection

Answer = TypeVar("Answer", Introspection, Access)


@dataclass(frozen=True, slots=True)
class _Kept(Generic[Answer]):
    answer: Answer
    sent: float
    until: float


def key_of(*parts: bytes) -> bytes:
    """Return the key of a question: a digest of its parts, so that no token is kept and every key is of one size."""
    digest = sha256()
    for part in parts:
        # With its length, so that no two questions are told apart by where one part ends only.
        digest.update(len(part).to_bytes(8, "big"))
        digest.update(part)
    return digest.digest()


class AnswerCache(Generic[Answer]):
    """Keeps the last `most` answers, by key; for threads and event loops alike.

    Each entry takes one to two kilobytes. `clock` tells seconds since the machine was started. Raises `ValueError` for
    a negative `most`; 0 keeps nothing.
    """

    def __init__(self, most: int, clock: Callable[[], float] = boot_seconds) -> None:
        if most < 0:
            raise ValueError("no fewer than 0 answers can be kept")
        self._most = most
        self._clock = clock
        self._kept: OrderedDict[bytes, _Kept[Answer]] = OrderedDict()
        self._lock = Lock()

    def now(self) -> float:
        """Read the clock; to be called before a question is sent."""
        return self._clock()

    def find(self, key: bytes, freshness: Freshness) -> Answer | None:
        """Return an answer that holds still and is fresh enough, `valid_for` what is left of it; else None."""
        if freshness.read_again:
            return None
        with self._lock:
            kept = self._kept.get(key)
            if kept is None:
                return None
            left = kept.until - self._clock()
            if left <= 0:
                del self._kept[key]
                return None
        return replace(kept.answer, valid_for=left)

    def keep(self, key: bytes, answer: Answer, *, sent: float, freshness: Freshness) -> Answer:
        """Keep an answer if it may be reused, in place of what was kept before, and return it."""
        if freshness.staleness:
            return answer
        with self._lock:
            kept = self._kept.get(key)
            if kept is not None and kept.sent > sent:
                # Questions overtake each other: this one knows less.
                return answer
            self._kept.pop(key, None)
            if answer.valid_for > 0:
                self._kept[key] = _Kept(answer, sent, sent + answer.valid_for)
                if len(self._kept) > self._most:
                    self._kept.popitem(last=False)
        return answer
