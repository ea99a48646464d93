"""Which of many lines are written."""

from tallystick.runtime.sample import Sample


class Seconds:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_the_first_few_of_each_second_are_chosen() -> None:
    """So many a second are chosen, and the next one says how many were passed over."""
    clock = Seconds()
    sample = Sample(clock, per_second=2)
    assert [sample.choose() for _ in range(5)] == [0, 0, None, None, None]
    clock.now += 0.9
    assert sample.choose() is None
    clock.now += 0.1
    assert [sample.choose() for _ in range(3)] == [4, 0, None]


def test_nothing_is_passed_over_while_little_happens() -> None:
    """Whatever comes once in a while is chosen."""
    clock = Seconds()
    sample = Sample(clock, per_second=1)
    for _ in range(3):
        assert sample.choose() == 0
        clock.now += 5


def test_none_at_all() -> None:
    """With none a second everything is passed over."""
    assert Sample(Seconds(), per_second=0).choose() is None
