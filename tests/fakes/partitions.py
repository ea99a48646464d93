"""The partitions of `access_tokens` in memory."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from services.token.partition_plan import Partitions
from tallystick.runtime.failures import Unavailable


@dataclass(slots=True)
class FakePartitions:
    """Implements `PartitionStore` and `PartitionSession`, and remembers what was done in which order."""

    hour: int
    attached: set[int] = field(default_factory=set)
    half_detached: set[int] = field(default_factory=set)
    detached: set[int] = field(default_factory=set)
    taken: bool = False
    """Whether another replica has the right."""
    away: bool = False
    """Whether no session can be had."""
    mistakes: list[Exception] = field(default_factory=list)
    """What the next looks raise instead of an answer, one each."""
    created: asyncio.Event = field(default_factory=asyncio.Event)
    """Set once a partition is made."""
    done: list[tuple[str, int]] = field(default_factory=list)

    async def found(self) -> Partitions:
        if self.mistakes:
            raise self.mistakes.pop(0)
        return Partitions(self.hour, frozenset(self.attached), frozenset(self.half_detached), frozenset(self.detached))

    @asynccontextmanager
    async def session(self) -> AsyncIterator["FakePartitions | None"]:
        if self.away:
            raise Unavailable("the database cannot be asked now")
        yield None if self.taken else self

    async def create(self, hour: int) -> None:
        self.done.append(("create", hour))
        self.attached.add(hour)
        self.created.set()

    async def finish_detaching(self, hour: int) -> None:
        self.done.append(("finish", hour))
        self.half_detached.remove(hour)
        self.detached.add(hour)

    async def detach(self, hour: int) -> None:
        assert not self.half_detached
        self.done.append(("detach", hour))
        self.attached.remove(hour)
        self.detached.add(hour)

    async def drop(self, hour: int) -> None:
        self.done.append(("drop", hour))
        self.detached.remove(hour)
