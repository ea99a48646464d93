"""What codes stand for, in memory."""

from datetime import datetime, timedelta

from services.authorize.model import IssuedCode
from tests.fakes.clock import StandingClock


class InMemoryCodes:
    """A `CodeStore`."""

    def __init__(self, clock: StandingClock) -> None:
        self._clock = clock
        self._kept: dict[str, tuple[datetime, IssuedCode]] = {}

    async def put(self, code: IssuedCode, *, seconds: int) -> None:
        self._kept[code.code_id] = (self._clock.now() + timedelta(seconds=seconds), code)

    async def find(self, code_id: str) -> IssuedCode | None:
        expires_at, code = self._kept.get(code_id, (self._clock.now(), None))
        return code if self._clock.now() < expires_at else None
