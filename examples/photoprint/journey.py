"""How far each browser has come, in memory: PhotoPrint forgets when it stops."""

import secrets
from collections import OrderedDict
from dataclasses import dataclass, field
from enum import StrEnum
from threading import Lock

from examples.photoprint.authorization import AuthorizationRequest, TokenExchange
from examples.photoprint.photostorage import Album, ApiRefusal

COOKIE = "photoprint_journey"
MOST_JOURNEYS = 1000


class Variant(StrEnum):
    """The two kinds of client (RFC 6749 §2.1)."""

    PUBLIC = "public"
    CONFIDENTIAL = "confidential"


@dataclass(frozen=True, slots=True)
class Journey:
    """One browser's way through the steps; what lies ahead is None.

    `tokens` is the exchange that the present tokens came from: the first, or the last refresh with the one before it
    in `replaced`. `signed_out` is how they were given back.
    """

    variant: Variant
    request: AuthorizationRequest
    answer: dict[str, str] | None = field(default=None, repr=False)
    exchange: TokenExchange | None = None
    tokens: TokenExchange | None = None
    replaced: TokenExchange | None = None
    signed_out: TokenExchange | None = None
    call: Album | ApiRefusal | None = None

    @property
    def reached(self) -> int:
        """The last step that there is something to see of, from 1 to 5."""
        if self.call is not None:
            return 5
        return 4 if self.tokens is not None else 1


class Journeys:
    """The journeys by their cookies; the one that was touched longest ago goes when there are too many."""

    def __init__(self) -> None:
        self._journeys: OrderedDict[str, Journey] = OrderedDict()
        self._lock = Lock()

    def find(self, cookie: str | None) -> Journey | None:
        """Return the journey of a browser."""
        with self._lock:
            return self._journeys.get(cookie or "")

    def begin(self, journey: Journey) -> str:
        """Keep a new journey and return the cookie that leads to it; who brings an old cookie still gets a new one."""
        cookie = secrets.token_urlsafe(32)
        self.keep(cookie, journey)
        return cookie

    def keep(self, cookie: str, journey: Journey) -> None:
        """Keep a journey's present state."""
        with self._lock:
            self._journeys[cookie] = journey
            self._journeys.move_to_end(cookie)
            while len(self._journeys) > MOST_JOURNEYS:
                self._journeys.popitem(last=False)

    def end(self, cookie: str | None) -> None:
        """Forget a journey."""
        with self._lock:
            self._journeys.pop(cookie or "", None)
