"""The catalogues: each language says everything, and nobody else says anything."""

import re
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from string import Formatter

import pytest

from services.authorize.pages import words as catalogue
from services.authorize.pages.date_text import date_text
from services.authorize.pages.error_kind import ErrorKind
from services.authorize.pages.translated_pages import CATALOGUES
from services.authorize.pages.words import Words
from services.authorize.pages.words_de import GERMAN
from services.authorize.pages.words_en import ENGLISH

TEMPLATES = sorted((Path(catalogue.__file__).parent / "templates").glob("*.html"))
NOT_WORDS = re.compile(r"\{#.*?#\}|\{%.*?%\}|\{\{.*?\}\}|<[^>]*>", re.DOTALL)
SPOKEN_ATTRIBUTE = re.compile(r'(?:alt|aria-label|placeholder|title)="([^"{]+)"')


def said(value: object, place: str = "") -> Iterator[tuple[str, str]]:
    """Yield every text of a catalogue and where it stands."""
    if isinstance(value, str):
        yield place, value
    elif isinstance(value, tuple):
        for number, each in enumerate(value):
            yield from said(each, f"{place}.{number}")
    elif isinstance(value, dict):
        for key, each in value.items():
            yield from said(each, f"{place}.{key.label}")
    elif is_dataclass(value):
        for field in fields(value):
            yield from said(getattr(value, field.name), f"{place}.{field.name}")


def placeholders(text: str) -> list[str]:
    """Return the names of a text's placeholders."""
    return sorted(name for _, name, _, _ in Formatter().parse(text) if name is not None)


@pytest.mark.parametrize("words", CATALOGUES, ids=lambda words: words.lang)
def test_a_language_says_everything(words: Words) -> None:
    """Every text of the first catalogue is in each of the others, with the same placeholders, and none is empty."""
    ours, first = dict(said(words)), dict(said(ENGLISH))
    assert ours.keys() == first.keys()
    assert [place for place, text in ours.items() if not text.strip()] == []
    assert {place: placeholders(text) for place, text in ours.items()} == {
        place: placeholders(text) for place, text in first.items()
    }
    assert set(words.errors) == set(ErrorKind)
    assert len(set(words.months)) == 12


def test_languages_do_not_borrow() -> None:
    """What has words in English says something else in German, but for names and what is spelt alike."""
    english = dict(said(ENGLISH))
    same = {place for place, text in said(GERMAN) if text == english[place]}
    alike = {".direction", ".product", ".page_title", ".consent.version", ".account.version"}
    assert {place for place in same if not place.startswith(".months")} == alike


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda template: template.name)
def test_a_template_has_no_words_of_its_own(template: Path) -> None:
    """Outside of tags and expressions there is nothing to read, nor in the attributes that are read aloud."""
    html = template.read_text(encoding="utf-8")
    assert NOT_WORDS.sub("", html).split() == []
    assert SPOKEN_ATTRIBUTE.findall(html) == []


@pytest.mark.parametrize(
    ("moment", "english", "german"),
    [
        (datetime(2026, 3, 1, 12, tzinfo=UTC), "1 March 2026", "1. März 2026"),
        (datetime(2024, 2, 29, 23, 59, tzinfo=UTC), "29 February 2024", "29. Februar 2024"),
        (datetime(2026, 1, 1, 0, 30, tzinfo=timezone(timedelta(hours=2))), "31 December 2025", "31. Dezember 2025"),
    ],
)
def test_a_date_reads_as_the_language_writes_it(moment: datetime, english: str, german: str) -> None:
    """Day, month and year stand in the language's own order, whatever the moment's time zone."""
    assert (date_text(moment, ENGLISH), date_text(moment, GERMAN)) == (english, german)
