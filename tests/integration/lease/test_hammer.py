"""No answer of introspection calls live what was reported over before the question (promise 3)."""

from collections.abc import Iterator

import pytest

from tests.integration.lease.checker import violations
from tests.integration.lease.hammer import Arena, Course
from tests.integration.lease.verdict import Floors, require_none
from tests.integration.lease.ways import Way

DROP_THE_RULE = "ALTER TABLE lease_terms DROP CONSTRAINT lease_terms_waited_check"
DO_NOT_WAIT = "UPDATE lease_terms SET waited_ms = 0"
WAIT_AGAIN = "UPDATE lease_terms SET waited_ms = granted_ms"

SHORT = Course(seed=4, seconds=4.0, of_each=1, revokers=8, stories=100, faults=True)
CALM = Course(seed=5, seconds=60.0, of_each=1, revokers=len(Way), stories=1, faults=False)
RASH = Course(
    seed=6, seconds=60.0, of_each=2, revokers=6, stories=1, faults=False, ways=(Way.OWN_TOKEN, Way.GRANT, Way.REPLAY)
)


@pytest.fixture(scope="module")
def lease_seconds() -> float:
    return 0.5


@pytest.fixture
def nobody_waits(arena: Arena) -> Iterator[None]:
    """Replicas answer from memory as before, and whoever ends something is told at once."""
    with arena.cluster.database.connect() as owner:
        owner.execute(DROP_THE_RULE)
        owner.execute(DO_NOT_WAIT)
        yield
        owner.execute(WAIT_AGAIN)


def test_nothing_is_called_live_that_was_reported_over(arena: Arena) -> None:
    """While replicas are paused, cut off, slowed and restarted, no question asked after a report is answered active."""
    floors = Floors(active=100, leased=30, reused=1, soon=5, restored=0, reports=5, ways=3, faults=2)
    require_none(arena.run(SHORT), floors, seed=SHORT.seed, lease_seconds=arena.lease_seconds)


def test_every_way_to_end_a_token_is_final(arena: Arena) -> None:
    """Whoever ends a token, first, second, again or by learning of it, is told once it is over everywhere (REVO-02)."""
    floors = Floors(active=100, leased=30, reused=1, soon=5, restored=1, reports=30, ways=18, faults=0)
    require_none(arena.run(CALM), floors, seed=CALM.seed, lease_seconds=arena.lease_seconds)


@pytest.mark.usefixtures("nobody_waits")
def test_without_the_wait_it_is_found(arena: Arena) -> None:
    """When whoever ends something does not wait, a run shows answers that are wrong, so they would be seen."""
    assert any(each.answer.active for each in violations(arena.run(RASH)))
