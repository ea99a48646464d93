"""How long whoever reports something dead waits until it is dead everywhere."""

import time
from typing import Protocol

from prometheus_client import CollectorRegistry, Gauge, Histogram

_SECONDS = (0.1, 0.25, 0.5, 0.9, 1, 1.1, 1.25, 1.5, 2, 3, 5, 10)


class Finality(Protocol):
    """The wait; `RevocationWait` is one."""

    async def until_final(self) -> None:
        """Return when no replica answers any more from what it knew before this call; raise `Unavailable`."""


class MeasuredWait:
    """A wait that is measured, however it ends."""

    def __init__(self, wait: Finality, registry: CollectorRegistry) -> None:
        self._wait = wait
        self._waiting = Gauge(
            "tallystick_revocation_waiting", "How many wait until an end is final everywhere.", registry=registry
        )
        self._seconds = Histogram(
            "tallystick_revocation_wait_seconds",
            "Waits until an end was final everywhere, and how long they took.",
            buckets=_SECONDS,
            registry=registry,
        )

    async def until_final(self) -> None:
        """Return when the wait is over; raise what it raises."""
        began = time.monotonic()
        with self._waiting.track_inprogress():
            try:
                await self._wait.until_final()
            finally:
                self._seconds.observe(time.monotonic() - began)
