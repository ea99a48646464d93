"""Two replicas each of authorize and token against the model."""

import os
import secrets
from collections.abc import Iterator

import pytest
from hypothesis import Phase, settings

from tests.model.playing import BOUNDED, play
from tests.model.stage import Stage, stage
from tests.support.databases import Database

SEED = "TALLYSTICK_TEST_SEED"
"""The environment variable by which a long play is repeated."""
MANY = settings(
    BOUNDED,
    max_examples=40,
    stateful_step_count=40,
    derandomize=False,
    phases=(Phase.generate, Phase.shrink),
)


@pytest.fixture(scope="module")
def open_stage(database: Database, redis_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """A stage of this module's own."""
    with stage(database, redis_url, tmp_path_factory.mktemp("stage")) as set_:
        yield set_


def test_the_server_does_what_the_model_says(open_stage: Stage) -> None:
    """Codes, families, grants, clients, users and consents are at two replicas as the model has them (TOK-05)."""
    play(open_stage)


@pytest.mark.long
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("number", range(2))
def test_the_server_does_what_the_model_says_in_long_plays(
    open_stage: Stage, number: int, pytestconfig: pytest.Config
) -> None:
    """The same holds for many more plays, longer ones and different ones in every run (TOK-05)."""
    seed = int(os.environ.get(SEED, secrets.randbelow(2**32)))
    pytestconfig.get_terminal_writer().line(f"\nmodel, long play {number}: {SEED}={seed}")
    play(open_stage, MANY, seed=seed)
