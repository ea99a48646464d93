"""What signing in and out stands on, in memory."""

import asyncio
from collections.abc import Sequence
from uuid import UUID

from services.authorize.model import AttemptCounter, ExhaustedCounter, Session, User
from tallystick.runtime.audit_event import AuditEvent
from tallystick.runtime.failures import Unavailable
from tests.fakes.authorize import InMemoryUsers
from tests.fakes.clock import StandingClock


class InMemorySessions:
    """A `SessionStore` that forgets nothing by itself, and can be away."""

    def __init__(self) -> None:
        self.kept: dict[bytes, Session] = {}
        self.is_away = False

    async def put(self, digest: bytes, session: Session, *, seconds: int) -> None:
        self._require_presence(seconds)
        self.kept[digest] = session

    async def find(self, digest: bytes) -> Session | None:
        self._require_presence()
        return self.kept.get(digest)

    async def renew(self, digest: bytes, session: Session, *, seconds: int) -> None:
        self._require_presence(seconds)
        if digest in self.kept:
            self.kept[digest] = session

    async def end(self, digest: bytes) -> None:
        self._require_presence()
        self.kept.pop(digest, None)

    def _require_presence(self, seconds: int = 1) -> None:
        if self.is_away:
            raise Unavailable("Redis cannot be asked now")
        if seconds <= 0:
            raise AssertionError("Redis takes no lifetime that is over")


class InMemoryEndedSessions:
    """An `EndedSessions` over users in memory; `ended` are the seconds for which each is kept."""

    def __init__(self, users: InMemoryUsers) -> None:
        self._users = users
        self.ended: dict[bytes, int] = {}
        self.events: list[AuditEvent] = []

    async def end(self, digest: bytes, event: AuditEvent | None, *, seconds: int) -> None:
        if digest not in self.ended:
            self.events += () if event is None else (event,)
        self.ended.setdefault(digest, seconds)

    async def user_unless_ended(self, user_id: UUID, *, session: bytes) -> User | None:
        return None if session in self.ended else self._users.users.get(user_id)


class InMemoryAttempts:
    """An `AttemptCounts` that goes by a clock."""

    def __init__(self, clock: StandingClock) -> None:
        self._clock = clock
        self._counts: dict[bytes, tuple[int, float]] = {}

    async def add(self, counters: Sequence[AttemptCounter], *, seconds: int) -> ExhaustedCounter | None:
        await asyncio.sleep(0)
        now = self._clock.now().timestamp()
        counted = {each: self._counts.get(each.digest, (0, 0.0)) for each in counters}
        counted = {each: (count, end) if end > now else (0, now + seconds) for each, (count, end) in counted.items()}
        exhausted = [each for each, (count, _) in counted.items() if count >= each.limit]
        if exhausted:
            last = max(exhausted, key=lambda each: counted[each][1])
            return ExhaustedCounter(last, int(counted[last][1] - now))
        self._counts.update({each.digest: (count + 1, end) for each, (count, end) in counted.items()})
        return None

    async def take_back(self, counters: Sequence[AttemptCounter]) -> None:
        for each in counters:
            count, end = self._counts.get(each.digest, (0, 0.0))
            self._counts[each.digest] = (max(count - 1, 0), end)


class InMemoryKnownPlaces:
    """A `KnownPlaces` that forgets nothing by itself; `asked` are the digests that were looked up."""

    def __init__(self) -> None:
        self.kept: dict[bytes, int] = {}
        self.asked: list[bytes] = []

    async def remember(self, digest: bytes, epoch: int, *, seconds: int) -> None:
        del seconds
        self.kept[digest] = epoch

    async def epoch(self, digest: bytes) -> int | None:
        self.asked.append(digest)
        return self.kept.get(digest)
