"""How much one caller may hold, and that it is nobody else's loss."""

from contextlib import ExitStack

import pytest

from tallystick.runtime.bulkhead import Bulkhead
from tallystick.runtime.failures import ResourceExhausted

MOST = 3


@pytest.fixture
def bulkhead() -> Bulkhead:
    return Bulkhead(MOST, what="calls")


def test_a_caller_has_so_many_places_and_no_more(bulkhead: Bulkhead) -> None:
    """The call beyond them is refused at once, and may come again (INTR-08)."""
    with ExitStack() as held:
        for _ in range(MOST):
            held.enter_context(bulkhead.place("noisy"))
        for _ in range(2):
            with pytest.raises(ResourceExhausted, match="at most 3 of one caller") as refused:
                held.enter_context(bulkhead.place("noisy"))
    assert (refused.value.reason, refused.value.retry_after) == ("TOO_MANY_CALLS", 1)


def test_others_have_places_of_their_own(bulkhead: Bulkhead) -> None:
    """A caller that holds all of its places takes none of another's (INTR-08)."""
    with ExitStack() as held:
        for caller in ("noisy", "quiet"):
            for _ in range(MOST):
                held.enter_context(bulkhead.place(caller))


def test_what_ends_gives_its_place_back(bulkhead: Bulkhead) -> None:
    """However a call ends, the next one finds its place."""
    for _ in range(MOST + 1):
        with pytest.raises(RuntimeError), bulkhead.place("api"):
            raise RuntimeError
    with ExitStack() as held:
        for _ in range(MOST):
            held.enter_context(bulkhead.place("api"))


def test_a_refusal_takes_no_place(bulkhead: Bulkhead) -> None:
    """Being refused costs nothing of what is given back later."""
    with ExitStack() as held:
        for _ in range(MOST - 1):
            held.enter_context(bulkhead.place("api"))
        with bulkhead.place("api"), pytest.raises(ResourceExhausted), bulkhead.place("api"):
            raise AssertionError
        held.enter_context(bulkhead.place("api"))
