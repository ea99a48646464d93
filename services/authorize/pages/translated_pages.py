"""The pages in every language that there is a catalogue for."""

from collections.abc import Iterable

from services.authorize.pages.accept_language import preferred_language
from services.authorize.pages.branding import Branding
from services.authorize.pages.render import Pages
from services.authorize.pages.words_de import GERMAN
from services.authorize.pages.words_en import ENGLISH

CATALOGUES = (ENGLISH, GERMAN)
"""The first is for those who want none of them."""


class TranslatedPages:
    """Renders the pages in the language that a browser prefers."""

    def __init__(self, branding: Branding) -> None:
        self._pages = {words.lang: Pages(branding, words) for words in CATALOGUES}

    def accepted_by(self, accept_language: Iterable[str]) -> Pages:
        """Return the pages in the best language for these values of `Accept-Language`."""
        return self._pages[preferred_language(accept_language, tuple(self._pages))]
