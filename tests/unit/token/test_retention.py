"""How tidying up goes on, in bounded steps (`services.token.retention`)."""

import asyncio
from dataclasses import dataclass, field
from datetime import UTC, datetime
from uuid import UUID

import pytest

from services.token.retention import Retention
from tallystick.runtime.failures import Unavailable

SINCE = datetime(2026, 11, 1, tzinfo=UTC)


@dataclass(slots=True)
class Pile:
    """Implements `RetentionStore`: pages of grants that are looked at, and batches of rows that are deleted."""

    pages: int = 0
    ended: list[int] = field(default_factory=list)
    log: list[int] = field(default_factory=list)
    mistakes: list[Exception] = field(default_factory=list)
    looked_after: list[UUID | None] = field(default_factory=list)
    others_turns: list[int] = field(default_factory=list)
    idle: asyncio.Event = field(default_factory=asyncio.Event)

    async def end_dead(self, after: UUID | None) -> UUID | None:
        await asyncio.sleep(0)
        if self.mistakes:
            raise self.mistakes.pop()
        self.looked_after.append(after)
        if len(self.looked_after) in self.others_turns:
            return after
        page = (0 if after is None else after.int) + 1
        return UUID(int=page) if page <= self.pages else None

    async def delete_ended(self) -> int:
        return self.ended.pop() if self.ended else 0

    async def oldest(self) -> dict[str, datetime]:
        return {"invalidations": SINCE}

    async def forget_invalidations(self) -> int:
        if not self.log:
            self.idle.set()
        return self.log.pop() if self.log else 0


async def test_a_round_goes_on_until_nothing_is_left() -> None:
    """All grants are looked at, page by page, and batches run until one finds nothing."""
    pile = Pile(pages=3, ended=[5, 1000, 1000], log=[7])
    await Retention(pile, interval_seconds=3600).round()
    assert pile.looked_after == [None, UUID(int=1), UUID(int=2), UUID(int=3)]
    assert (pile.ended, pile.log) == ([], [])


async def test_a_round_is_bounded_and_the_next_one_goes_on() -> None:
    """However much there is, a round ends after a hundred batches of each, and the walk is resumed where it was."""
    pile = Pile(pages=150, ended=[1000] * 150, log=[1] * 150)
    retention = Retention(pile, interval_seconds=3600)
    await retention.round()
    assert (len(pile.looked_after), len(pile.ended), len(pile.log)) == (100, 50, 50)
    await retention.round()
    assert pile.looked_after[100] == UUID(int=100)
    await retention.round()
    assert pile.looked_after[151] is None


async def test_a_collision_loses_no_ground() -> None:
    """While another replica is at it the walk stops where it is, and goes on from there in the next round."""
    pile = Pile(pages=3, others_turns=[3, 4])
    retention = Retention(pile, interval_seconds=3600)
    for _ in range(3):
        await retention.round()
    assert pile.looked_after == [None, *(UUID(int=page) for page in (1, 2, 2, 2, 3))]


@pytest.mark.parametrize("mistake", [Unavailable("away"), ValueError("a mistake of ours")], ids=["away", "mistake"])
async def test_nothing_ends_it(mistake: Exception) -> None:
    """Whatever goes wrong in a round, the rounds go on."""
    pile = Pile(mistakes=[mistake] * 2)
    keeping = asyncio.create_task(Retention(pile, interval_seconds=0).keep())
    async with asyncio.timeout(5):
        await pile.idle.wait()
    assert not keeping.done()
    keeping.cancel()
    await asyncio.wait({keeping})
