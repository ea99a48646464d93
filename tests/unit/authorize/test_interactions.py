"""`interaction` and `csrf`: who may answer a request, and how often."""

import asyncio

import pytest

from services.authorize.csrf import form_token, is_form_token
from services.authorize.errors import ShownHere
from services.authorize.interaction import Interactions
from services.authorize.pages.error_kind import ErrorKind
from tests.fakes.authorize import REQUEST, Countdown, InMemoryInteractions

BROWSER, OTHER = "b" * 43, "o" * 43


async def refused(interactions: Interactions, interaction_id: str, browser: str) -> ErrorKind:
    """Return the kind of page that looking for an interaction ends with."""
    with pytest.raises(ShownHere) as refusal:
        await interactions.find(interaction_id, browser=browser)
    return refusal.value.kind


async def test_an_interaction_is_found_in_its_browser() -> None:
    """Looking at it changes nothing, however often (AUTHZ-18)."""
    interactions = Interactions(InMemoryInteractions(), Countdown())
    interaction_id = await interactions.begin(REQUEST, browser=BROWSER)
    for _ in range(3):
        assert (await interactions.find(interaction_id, browser=BROWSER)).request == REQUEST


async def test_neither_id_nor_cookie_is_stored() -> None:
    """Whoever reads the store can answer nothing (GEN-11)."""
    store = InMemoryInteractions()
    interaction_id = await Interactions(store, Countdown()).begin(REQUEST, browser=BROWSER)
    [(digest, interaction)] = store.kept.items()
    assert 32 == len(digest) == len(interaction.browser_digest)
    assert not {interaction_id.encode(), BROWSER.encode()} & {digest, interaction.browser_digest}


@pytest.mark.parametrize("browser", ["", OTHER, BROWSER[:-1], BROWSER + "b"])
async def test_another_browser_cannot_answer(browser: str) -> None:
    """An address that is passed on is of no use (AUTHZ-18)."""
    interactions = Interactions(InMemoryInteractions(), Countdown())
    interaction_id = await interactions.begin(REQUEST, browser=BROWSER)
    assert ErrorKind.OTHER_BROWSER is await refused(interactions, interaction_id, browser)


@pytest.mark.parametrize("interaction_id", ["", "x", "é", "x" * 43])
async def test_an_unknown_interaction_is_over(interaction_id: str) -> None:
    """An id that was never given out is like one that has expired (AUTHZ-18)."""
    interactions = Interactions(InMemoryInteractions(), Countdown())
    assert ErrorKind.EXPIRED is await refused(interactions, interaction_id, BROWSER)


async def test_an_interaction_is_answered_once() -> None:
    """Of many answers at once one counts, and after it the interaction is over (UI-09)."""
    interactions = Interactions(InMemoryInteractions(), Countdown())
    interaction_id = await interactions.begin(REQUEST, browser=BROWSER)
    outcomes = await asyncio.gather(*(interactions.consume(interaction_id) for _ in range(20)), return_exceptions=True)
    assert outcomes.count(None) == 1
    assert sum(isinstance(each, ShownHere) and each.kind is ErrorKind.EXPIRED for each in outcomes) == 19
    assert ErrorKind.EXPIRED is await refused(interactions, interaction_id, BROWSER)


def test_a_form_token_fits_one_form_of_one_interaction_in_one_session() -> None:
    """Changing any of what the token is bound to gives another (UI-04)."""
    bound = {"browser": BROWSER, "interaction": "i", "session": "s"}
    token = form_token("consent", **bound)
    others = {
        form_token("login", **bound),
        *(form_token("consent", **{**bound, name: "x" * 43}) for name in bound),
        form_token("consent", browser=BROWSER, interaction="i\ns", session=""),
        form_token("consent", browser=BROWSER, interaction="i"),
    }
    assert is_form_token(token, form_token("consent", **bound))
    assert token not in others
    assert BROWSER not in token


@pytest.mark.parametrize("presented", ["", "x", "é", "\ud7ff", "A" * 43])
def test_another_form_token_does_not_fit(presented: str) -> None:
    """Any text is compared, and none raises (UI-04)."""
    assert not is_form_token(presented, form_token("login", browser=BROWSER, interaction="i"))
