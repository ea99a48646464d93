"""A clock that stands until it is moved."""

from datetime import UTC, datetime, timedelta


class StandingClock:
    """Tells the same time until it is told to advance."""

    def __init__(self) -> None:
        self._now = datetime(2026, 11, 22, 12, tzinfo=UTC)

    def now(self) -> datetime:
        return self._now

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self._now += timedelta(seconds=seconds)
