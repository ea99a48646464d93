"""How long whoever reports something dead waits, by a clock that only tests move."""

import asyncio
from typing import LiteralString

import pytest
from psycopg.rows import DictRow

from tallystick.runtime.failures import Unavailable
from tallystick.runtime.lease.log import READ_WAIT
from tallystick.runtime.lease.revocation_wait import RevocationWait


class Days:
    """A boot clock, and a sleep on another one, which may end early or stand while the machine sleeps."""

    def __init__(self, *, share: float = 1.0) -> None:
        self.now = 1000.0
        self.slept: list[float] = []
        self._share = share

    def clock(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds * self._share


class Terms:
    """A database that says *R*, after a while."""

    def __init__(self, days: Days, row: DictRow | None, *, takes: float = 0.0) -> None:
        self.asked: list[str] = []
        self._days = days
        self._row = row
        self._takes = takes

    async def one(self, statement: LiteralString) -> DictRow | None:
        self.asked.append(statement)
        self._days.now += self._takes
        return self._row


class Down(Terms):
    """A database that cannot be asked."""

    async def one(self, statement: LiteralString) -> DictRow | None:
        self.asked.append(statement)
        raise Unavailable("the database cannot be asked now")


async def waited(days: Days, terms: Terms) -> float:
    """Return how long the wait took."""
    began = days.now
    await RevocationWait(terms, clock=days.clock, sleep=days.sleep).until_final()
    return days.now - began


@pytest.mark.parametrize("milliseconds", [1, 300, 1000, 5000])
async def test_it_lasts_as_long_as_the_table_says(milliseconds: int) -> None:
    """R is read, once and for this wait, and is over when it returns."""
    days = Days()
    terms = Terms(days, {"waited_ms": milliseconds})
    assert await waited(days, terms) == pytest.approx(milliseconds / 1000)
    assert terms.asked == [READ_WAIT]


async def test_it_counts_from_when_the_end_was_learnt() -> None:
    """The time that reading R takes is a part of the wait and does not come on top."""
    days = Days()
    assert await waited(days, Terms(days, {"waited_ms": 1000}, takes=0.4)) == pytest.approx(1.0)
    assert days.slept == pytest.approx([0.6])


async def test_reading_may_take_longer_than_the_wait() -> None:
    """Whoever has read for longer than R sleeps no more."""
    days = Days()
    assert await waited(days, Terms(days, {"waited_ms": 1000}, takes=1.5)) == pytest.approx(1.5)
    assert days.slept == []


async def test_without_leases_nobody_waits() -> None:
    """With R = 0 replicas answer nothing from memory."""
    days = Days()
    assert await waited(days, Terms(days, {"waited_ms": 0})) == 0
    assert days.slept == []


async def test_a_sleep_that_ends_early_is_gone_on_with() -> None:
    """The boot clock decides, whatever the sleep's own clock says."""
    days = Days(share=0.5)
    assert await waited(days, Terms(days, {"waited_ms": 1000})) >= 1.0
    assert len(days.slept) > 1


async def test_a_machine_that_slept_meanwhile_waits_no_longer() -> None:
    """What passed while the machine slept has passed for the others as well."""
    days = Days(share=3600)
    await waited(days, Terms(days, {"waited_ms": 1000}))
    assert len(days.slept) == 1


@pytest.mark.parametrize("kind", ["down", "no row"])
async def test_who_cannot_tell_how_long_reports_nothing(kind: str) -> None:
    """A wait of unknown length is `Unavailable`: the caller is told to try again, and the repeat will wait."""
    days = Days()
    terms = Down(days, None) if kind == "down" else Terms(days, None)
    with pytest.raises(Unavailable):
        await waited(days, terms)
    assert days.slept == []


async def test_whoever_hangs_up_waits_no_more() -> None:
    """A wait that is cancelled ends at once."""
    days = Days()
    waiting = asyncio.create_task(
        RevocationWait(Terms(days, {"waited_ms": 5000}), clock=days.clock, sleep=asyncio.sleep).until_final()
    )
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
