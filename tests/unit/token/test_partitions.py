"""Which partitions there must be, and who sees to it (`services.token.partition_plan`, `services.token.partitions`)."""

import asyncio

import pytest

from services.token.partition_plan import ACCESS_TOKENS, LONGEST_LIFETIME_HOURS, Partitions, audit_events
from services.token.partitions import PartitionKeeper, maintain
from tallystick.runtime.failures import Unavailable
from tallystick.runtime.lifecycle import StartError
from tests.fakes.partitions import FakePartitions

NOW = 494_000
TODAY = 20_500
NONE: frozenset[int] = frozenset()


def plan(*attached: int, half_detached: frozenset[int] = NONE, detached: frozenset[int] = NONE) -> Partitions:
    """Return what a database has at `NOW`."""
    return Partitions(ACCESS_TOKENS, NOW, frozenset(attached), half_detached, detached)


def days(*attached: int, retention: int = 90) -> Partitions:
    """Return which days of the audit a database has."""
    return Partitions(audit_events(retention), TODAY, frozenset(attached), NONE, NONE)


def keeper(*stores: FakePartitions) -> PartitionKeeper:
    """Return a keeper that gives up soon."""
    return PartitionKeeper(*stores, interval_seconds=3600, start_seconds=0.05)


def test_every_lifetime_has_its_partition() -> None:
    """From the present hour to the longest lifetime's there must be all, and not one less."""
    needed = range(NOW, NOW + LONGEST_LIFETIME_HOURS + 1)
    assert plan(*needed).suffices
    for hour in needed:
        assert not plan(*(set(needed) - {hour})).suffices


def test_they_are_made_ahead_of_need() -> None:
    """Two hours more than the longest lifetime are made, soonest first."""
    assert plan().missing == tuple(range(NOW, NOW + 27))
    assert plan(*range(NOW, NOW + 26)).missing == (NOW + 26,)


def test_what_is_there_in_any_state_is_not_made_again() -> None:
    """A table of that name is in the way until it is dropped."""
    found = plan(*range(NOW, NOW + 25), half_detached=frozenset({NOW + 25}), detached=frozenset({NOW + 26}))
    assert found.missing == ()


@pytest.mark.parametrize(("hour", "is_past"), [(NOW + 1, False), (NOW, False), (NOW - 1, False), (NOW - 2, True)])
def test_a_partition_stays_an_hour_after_its_last_token(hour: int, *, is_past: bool) -> None:
    """A partition leaves an hour after everything in it has expired, attached or left over."""
    assert plan(hour).past == ((hour,) if is_past else ())
    assert plan(detached=frozenset({hour})).leftover == ((hour,) if is_past else ())


def test_a_week_of_the_audit_is_made_ahead() -> None:
    """Eight days after today are made, so that there are always seven whole ones; without tomorrow nothing starts."""
    assert days().missing == tuple(range(TODAY, TODAY + 9))
    assert days(TODAY, TODAY + 1).suffices
    assert not days(TODAY).suffices
    assert not days(TODAY + 1).suffices


@pytest.mark.parametrize("retention", [1, 90, 3660])
def test_an_event_is_kept_as_long_as_was_set(retention: int) -> None:
    """A day leaves when its last event is as old as the retention says, and not before."""
    oldest = TODAY - retention
    assert days(oldest - 2, oldest - 1, oldest, TODAY, retention=retention).past == (oldest - 2, oldest - 1)


async def test_missing_ones_are_created_before_old_ones_leave() -> None:
    """What tokens need comes first; what leaves is detached and dropped one after the other."""
    store = FakePartitions(NOW, attached={NOW - 3, NOW - 2, NOW - 1, *range(NOW, NOW + 26)})
    await maintain(store)
    leave = [(verb, hour) for hour in (NOW - 3, NOW - 2) for verb in ("detach", "drop")]
    assert store.done == [("create", NOW + 26), *leave]


async def test_an_interrupted_detachment_is_finished_first() -> None:
    """Whoever died in the middle leaves work that bars the way."""
    store = FakePartitions(NOW, attached={NOW - 2, *range(NOW, NOW + 27)}, half_detached={NOW - 4}, detached={NOW - 5})
    await maintain(store)
    expected = [("finish", NOW - 4), ("drop", NOW - 5), ("drop", NOW - 4), ("detach", NOW - 2), ("drop", NOW - 2)]
    assert store.done == expected


async def test_a_half_detached_partition_in_use_is_not_dropped() -> None:
    """What was detached by mistake keeps its tokens until they expire."""
    store = FakePartitions(NOW, attached=set(range(NOW + 1, NOW + 27)), half_detached={NOW})
    await maintain(store)
    assert store.done == [("finish", NOW)]


async def test_another_replica_is_left_alone() -> None:
    """Without the right nothing is changed, and what another made is enough to start."""
    store = FakePartitions(NOW, attached=set(range(NOW - 5, NOW + 25)), taken=True)
    await keeper(store).prepare()
    assert store.done == []


async def test_a_service_starts_without_the_right_if_it_can() -> None:
    """When no session can be had but everything is there, nothing stops the start."""
    await keeper(FakePartitions(NOW, attached=set(range(NOW, NOW + 25)), away=True)).prepare()


async def test_one_keeper_keeps_several_tables() -> None:
    """Each table gets what it lacks, by its own periods."""
    tokens, events = FakePartitions(NOW), FakePartitions(TODAY, table=audit_events(90))
    await keeper(tokens, events).prepare()
    assert (len(tokens.attached), events.attached) == (27, set(range(TODAY, TODAY + 9)))


async def test_trouble_with_one_table_is_none_of_the_other() -> None:
    """What one table lacks stops the start and names it, and the other gets its partitions all the same."""
    tokens, events = FakePartitions(NOW, away=True), FakePartitions(TODAY, table=audit_events(90))
    with pytest.raises(StartError, match="access_tokens"):
        await keeper(tokens, events).prepare()
    assert events.attached


@pytest.mark.parametrize("obstacle", ["taken", "away"])
async def test_no_service_starts_without_partitions(obstacle: str) -> None:
    """A service that could keep no token says so in one line instead of taking requests."""
    store = FakePartitions(NOW, taken=obstacle == "taken", away=obstacle == "away")
    with pytest.raises(StartError, match="TALLYSTICK_PARTITION_DSN") as caught:
        await keeper(store).prepare()
    assert "\n" not in str(caught.value)


async def test_preparing_twice_changes_nothing() -> None:
    """A second start finds everything done."""
    store = FakePartitions(NOW)
    await keeper(store).prepare()
    done = list(store.done)
    await keeper(store).prepare()
    assert store.done == done


async def test_a_failing_session_is_reported() -> None:
    """Whoever asks for one round is told when it could not be made."""
    with pytest.raises(Unavailable):
        await maintain(FakePartitions(NOW, away=True))


@pytest.mark.parametrize("mistake", [Unavailable("away"), ValueError("a mistake of ours")], ids=["away", "mistake"])
async def test_nothing_ends_the_keeper(mistake: Exception) -> None:
    """Whatever goes wrong in a round, while it works or looks what came of it, the rounds go on."""
    store = FakePartitions(NOW, mistakes=[mistake] * 4)
    keeping = asyncio.create_task(PartitionKeeper(store, interval_seconds=0, start_seconds=1).keep())
    async with asyncio.timeout(5):
        await store.created.wait()
    assert not keeping.done()
    keeping.cancel()
    await asyncio.wait({keeping})
