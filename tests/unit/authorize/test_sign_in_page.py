"""The sign-in page, for a client and for oneself: what it says after which answer."""

import pytest

from services.authorize.pages.branding import Branding
from services.authorize.pages.render import Page, Pages
from services.authorize.pages.sign_in_view import SignInView
from services.authorize.pages.translated_pages import CATALOGUES
from services.authorize.pages.words import Words
from services.authorize.pages.words_en import ENGLISH
from tests.support.pages import only_form


def page(words: Words = ENGLISH, *, wait_seconds: int = 0, failed: bool = False, signed_out: bool = False) -> Page:
    """Render the page."""
    view = SignInView(username="bob", wait_seconds=wait_seconds, failed=failed, signed_out=signed_out)
    return Pages(Branding(), words).sign_in(view, interaction="", csrf="csrf")


@pytest.mark.parametrize("words", CATALOGUES)
@pytest.mark.parametrize(("seconds", "minutes"), [(1, 1), (60, 1), (61, 2), (300, 5)])
def test_the_wait_is_told_in_whole_minutes(words: Words, seconds: int, minutes: int) -> None:
    """People read minutes, rounded up, and programs seconds (GEN-09)."""
    waiting = page(words, wait_seconds=seconds)
    assert (waiting.status, waiting.headers["Retry-After"]) == (429, str(seconds))
    assert words.sign_in.throttled.format(minutes=minutes) in waiting.html
    assert words.sign_in.failed not in waiting.html
    assert "aria-invalid" not in waiting.html.partition("</style>")[2]


def test_a_page_to_wait_on_is_as_well_protected() -> None:
    """It has the headers of the page that it is shown in place of, and its form (UI-01, UI-02)."""
    waiting, asking = page(wait_seconds=60), page()
    assert {**asking.headers, "Retry-After": "60"} == waiting.headers
    assert only_form(waiting.html) == only_form(asking.html)


@pytest.mark.parametrize("words", CATALOGUES)
def test_who_has_signed_out_is_told(words: Words) -> None:
    """Nobody wonders whether it worked (UI-04)."""
    assert words.sign_in.signed_out in page(words, signed_out=True).html
    assert words.sign_in.signed_out not in page(words).html + page(words, failed=True).html
