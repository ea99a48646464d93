"""Whose turn it is to be read for."""

from hypothesis import given
from hypothesis import strategies as st

from services.introspect.fair_queue import A_TURN, FairQueue


def queue_of(*lengths: int) -> FairQueue[tuple[int, int]]:
    """Give a queue in which askers with these many questions wait."""
    queue: FairQueue[tuple[int, int]] = FairQueue()
    for asker, length in enumerate(lengths):
        queue.add((asker, number) for number in range(length))
    return queue


def test_all_are_served_in_turn() -> None:
    """After a turn of the first the second has one, and what is left of the first comes after it."""
    taken = queue_of(2 * A_TURN, 1).take(2 * A_TURN)
    assert [asker for asker, _ in taken] == [0] * A_TURN + [1] + [0] * (A_TURN - 1)


def test_nothing_waits_in_an_empty_queue() -> None:
    """Nothing is taken where nothing is, also for somebody who asked for nothing."""
    queue = queue_of(0)
    assert (len(queue), queue.take(5)) == (0, [])


@given(st.lists(st.integers(0, 60), max_size=8), st.lists(st.integers(0, 50), max_size=30))
def test_everything_is_taken_once_and_in_order(lengths: list[int], amounts: list[int]) -> None:
    """However much is taken at a time, what one asked comes in its order, and the length is what is left."""
    queue = queue_of(*lengths)
    taken: list[tuple[int, int]] = []
    for most in [*amounts, sum(lengths)]:
        part = queue.take(most)
        assert len(part) <= most
        taken += part
        assert len(queue) == sum(lengths) - len(taken)
    for asker, length in enumerate(lengths):
        assert [number for each, number in taken if each == asker] == list(range(length))


@given(st.lists(st.integers(1, 200), min_size=1, max_size=8))
def test_nobody_waits_longer_than_a_turn_of_each_other(lengths: list[int]) -> None:
    """The first question of the last to come is taken after at most one turn of everybody before."""
    taken = queue_of(*lengths).take(sum(lengths))
    assert taken.index((len(lengths) - 1, 0)) <= A_TURN * (len(lengths) - 1)
