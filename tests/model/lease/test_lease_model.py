"""The lease under everything that may happen, and what is found once a rule of it is gone."""

import pytest

from tests.model.lease.mutants import MUTANTS
from tests.model.lease.mutation import Mutant, simulation

A_SHARE, A_THOUSAND = range(30), range(1000)


def test_nothing_is_called_active_that_was_reported_dead() -> None:
    """No question that began after an end was reported is answered with active, and what lives is called so again."""
    violation = simulation()
    assert [found for seed in A_SHARE if (found := violation(seed))] == []


@pytest.mark.long
@pytest.mark.timeout(900)
def test_nothing_is_called_active_that_was_reported_dead_under_a_thousand_seeds() -> None:
    """The same holds under a thousand seeds."""
    violation = simulation()
    assert [found for seed in A_THOUSAND if (found := violation(seed))] == []


def test_a_seed_is_a_play() -> None:
    """The same seed gives the same play, in every process."""
    first, second = simulation(), simulation()
    without_a_wait = next(mutant for mutant in MUTANTS if mutant.rule == "whoever reports something dead waits")
    assert [first(seed) for seed in range(3)] == [second(seed) for seed in range(3)]
    mutants = [simulation(without_a_wait.edits) for _ in range(2)]
    assert len({violation(without_a_wait.noticed_under) for violation in mutants}) == 1


@pytest.mark.timeout(900)
@pytest.mark.parametrize("mutant", MUTANTS, ids=str)
def test_a_missing_rule_is_noticed(mutant: Mutant) -> None:
    """Without one rule there is a violation within a thousand seeds, as a rule under the seed that is known for it."""
    violation = simulation(mutant.edits)
    assert any(violation(seed) for seed in (mutant.noticed_under, *A_THOUSAND))
