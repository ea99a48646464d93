"""Text of foreign origin, made safe to look at."""

import unicodedata

_SPACES = frozenset({"Cc", "Zl", "Zp", "Zs"})
_UNSEEN = frozenset({"Cf", "Co", "Cs"})
# Persian, Indic scripts and emoji are misspelt without the two joiners.
_JOINERS = frozenset("\u200c\u200d")
# Letters and symbols by category, blank to the eye: a name made of them would look like no name.
_BLANKS = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0")


def display_text(text: str, *, limit: int) -> str:
    """Strip what could disguise `text`, and cut it to `limit` characters.

    Bidirectional controls, other invisible formatting, private-use characters and surrogates go; controls, line breaks
    and runs of white space become one space. Markup is not touched: escaping belongs to the template.
    """
    seen = "".join(_seen(character) for character in text)
    line = " ".join(seen.split())
    if not line.strip("".join(_JOINERS) + " "):
        return ""
    return line if len(line) <= limit else line[: limit - 1].rstrip() + "…"


def _seen(character: str) -> str:
    category = unicodedata.category(character)
    if category in _SPACES:
        return " "
    if character in _BLANKS or (category in _UNSEEN and character not in _JOINERS):
        return ""
    return character
