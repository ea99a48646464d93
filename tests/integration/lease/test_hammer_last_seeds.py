"""Half of the runs of a minute; the other half is in a file of its own, as another process takes that."""

import pytest

from tests.integration.lease.hammer import Arena
from tests.integration.lease.minute import TIMEOUT_SECONDS, endure

pytestmark = [pytest.mark.long, pytest.mark.timeout(TIMEOUT_SECONDS)]


@pytest.mark.parametrize("seed", range(6, 11))
def test_a_minute_of_everything(arena: Arena, seed: int) -> None:
    """Replicas suffer for a minute, and nothing is called live that was reported over before the question."""
    endure(arena, seed)
