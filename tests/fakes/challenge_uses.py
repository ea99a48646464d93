"""Uses of challenges, counted in memory."""

from datetime import datetime, timedelta

from tests.fakes.clock import StandingClock


class InMemoryChallengeUses:
    """Implements `ChallengeUses`."""

    def __init__(self, clock: StandingClock | None = None) -> None:
        self._clock = clock or StandingClock()
        self._uses: dict[bytes, tuple[int, datetime]] = {}

    async def count(self, digest: bytes, *, seconds: int) -> int:
        now = self._clock.now()
        uses, end = self._uses.get(digest, (0, now))
        if end <= now:
            uses, end = 0, now + timedelta(seconds=seconds)
        self._uses[digest] = uses + 1, end
        return uses + 1
