"""Garbage to feed parsers with: any bytes, and texts that are right but for one hostile change.

`@fuzzed` runs a property on a bounded number of examples, the same in every run, and in long runs on many, drawn anew.
"""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

BOUNDED = 40
"""How many examples every run tries."""

_UNHURRIED = tuple(HealthCheck)
_WITHOUT_EXPLAINING = tuple(phase for phase in Phase if phase is not Phase.explain)

TEXT = st.text(st.characters(codec="utf-8"), max_size=300)
"""Any text that UTF-8 can carry."""

NASTY = st.sampled_from(
    [
        "\0", "\r", "\n", "\t", " ", "\x7f", "\x85", "\xa0", "%", "%00", "%0d%0a", "%2", "%ff", "+", "&", "=", ";", ",",
        '"', "'", "\\", "/", "//", "..", "/../", "?", "#", "@", ":", "*", "{", "}", "<", ">", "<script>", "$",
        "\u017f", "\u212a", "\u0130", "\u2028", "\u202e", "\ufeff", "\uff0f",
        "\U0001f4a9", "é", "e\u0301", "-1", "0x7f", "nan",
    ]
)  # fmt: skip
"""What has broken parsers: controls, separators, broken escapes, look-alikes, letters that change length with case."""


def examples(number: int) -> settings:
    """Return settings for so many examples: the same ones each time if they are few."""
    return settings(
        max_examples=number,
        derandomize=number <= BOUNDED,
        deadline=None,
        suppress_health_check=_UNHURRIED,
        phases=_WITHOUT_EXPLAINING,
        print_blob=True,
    )


def fuzzed(*, bounded: int = BOUNDED, long: int = 1000, **strategies: SearchStrategy[Any]) -> Callable[..., Any]:
    """Make a test of a property whose arguments are drawn from these strategies."""

    def decorate(holds: Callable[..., None]) -> Callable[..., None]:
        def test(number: int) -> None:
            settings_of_run = examples(number)
            settings_of_run(given(**strategies)(holds))()

        test.__name__, test.__doc__, test.__module__ = holds.__name__, holds.__doc__, holds.__module__
        numbers = [pytest.param(bounded, id="bounded"), pytest.param(long, id="long", marks=pytest.mark.long)]
        return pytest.mark.timeout(600)(pytest.mark.parametrize("number", numbers)(test))

    return decorate


@st.composite
def damaged(draw: DrawFn, whole: SearchStrategy[str]) -> str:
    """Draw a text and change it in one place: cut, repeat, swap case, put something nasty in, or flip a bit."""
    text = draw(whole)
    place = draw(st.integers(0, max(0, len(text) - 1)))
    match draw(st.sampled_from(["cut", "drop", "repeat", "case", "insert", "append", "prepend", "bit", "twice"])):
        case "cut":
            return text[:place]
        case "drop":
            return text[:place] + text[place + 1 :]
        case "repeat":
            return text[:place] + text[place : place + 1] * 2 + text[place + 1 :]
        case "case":
            return text[:place] + text[place:].swapcase()
        case "insert":
            return text[:place] + draw(NASTY) + text[place:]
        case "append":
            return text + draw(NASTY)
        case "prepend":
            return draw(NASTY) + text
        case "bit":
            return flipped(text, place, draw(st.integers(0, 7))) if text else text
        case _:
            return text * 2


def flipped(text: str, place: int, bit: int) -> str:
    """Return a text with one bit of one character flipped."""
    return text[:place] + chr(ord(text[place]) ^ (1 << bit)) + text[place + 1 :]


def garbage(whole: SearchStrategy[str]) -> SearchStrategy[str]:
    """Draw something that is whole, damaged, or was never near it."""
    return st.one_of(whole, damaged(whole), damaged(damaged(whole)), TEXT)
