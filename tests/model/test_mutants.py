"""The model is worth something: take a rule from the server, and it finds a difference."""

import os
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis.errors import FlakyFailure

from tests.model.mutants import OFTEN_NOTICED, SOMETIMES_NOTICED, Mutant
from tests.model.playing import BOUNDED, play
from tests.model.stage import stage
from tests.model.texts import Difference
from tests.support.databases import Databases, RedisDatabases

ENOUGH = settings(BOUNDED, max_examples=120)
"""At most 120 plays of 25 steps; most mutants do not outlive the third."""

EVERY_MUTANT = "TALLYSTICK_TEST_EVERY_MUTANT"
PLAYED = (*OFTEN_NOTICED, *SOMETIMES_NOTICED) if os.environ.get(EVERY_MUTANT) == "1" else OFTEN_NOTICED


@pytest.mark.parametrize("mutant", [*OFTEN_NOTICED, *SOMETIMES_NOTICED], ids=str)
def test_a_mutant_applies(mutant: Mutant, tmp_path: Path) -> None:
    """The rule that a mutant takes away is still where the mutant looks for it."""
    assert mutant.checkout(tmp_path) == tmp_path


@pytest.mark.long
@pytest.mark.timeout(900)
@pytest.mark.parametrize("mutant", PLAYED, ids=str)
def test_a_missing_rule_is_noticed(
    mutant: Mutant, databases: Databases, redis_databases: RedisDatabases, tmp_path: Path
) -> None:
    """The machine finds the difference that one missing rule makes, within a bounded number of steps."""
    logs = tmp_path / "logs"
    logs.mkdir()
    with (
        databases.migrated() as database,
        redis_databases.lent() as redis_url,
        stage(database, redis_url, logs, checkout=mutant.checkout(tmp_path)) as open_stage,
        pytest.raises((Difference, FlakyFailure)),
    ):
        # A race that the missing rule lets be lost may be won when it is tried again.
        play(open_stage, ENOUGH)
