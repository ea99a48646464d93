"""The partitions of a table in memory."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from services.token.partition_plan import ACCESS_TOKENS, PartitionedTable, Partitions
from tallystick.runtime.failures import Unavailable


@dataclass(slots=True)
class FakePartitions:
    """Implements `PartitionStore` and `PartitionSession`, and remembers what was done in which order."""

    present: int
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
    table: PartitionedTable = ACCESS_TOKENS

    async def found(self) -> Partitions:
        if self.mistakes:
            raise self.mistakes.pop(0)
        return Partitions(
            self.table,
            self.present,
            frozenset(self.attached),
            frozenset(self.half_detached),
            frozenset(self.detached),
        )

    @asynccontextmanager
    async def session(self) -> AsyncIterator["FakePartitions | None"]:
        if self.away:
            raise Unavailable("the database cannot be asked now")
        yield None if self.taken else self

    async def create(self, period: int) -> None:
        self.done.append(("create", period))
        self.attached.add(period)
        self.created.set()

    async def finish_detaching(self, period: int) -> None:
        self.done.append(("finish", period))
        self.half_detached.remove(period)
        self.detached.add(period)

    async def detach(self, period: int) -> None:
        assert not self.half_detached
        self.done.append(("detach", period))
        self.attached.remove(period)
        self.detached.add(period)

    async def drop(self, period: int) -> None:
        self.done.append(("drop", period))
        self.detached.remove(period)
