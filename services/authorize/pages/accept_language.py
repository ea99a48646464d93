"""Which of our languages a browser prefers (RFC 9110 §12.5.4, RFC 4647 §3.4)."""

import re
from collections.abc import Iterable, Sequence

_ANY = "*"
_RANGE = re.compile(
    r"[ \t]*([A-Za-z]{1,8}(?:-[A-Za-z0-9]{1,8})*|\*)[ \t]*(?:;[ \t]*[qQ]=(0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?)[ \t]*)?"
)


def preferred_language(accept_language: Iterable[str], offered: Sequence[str]) -> str:
    """Return the best of the offered languages for these values of the header; the first when none is wanted.

    A range such as `de-CH` is content with `de`. Of two that are as welcome, the one that was named first is taken.
    What is malformed counts as absent.
    """
    wanted: dict[str, tuple[float, int]] = {}
    for place, element in enumerate(",".join(accept_language).split(",")):
        match = _RANGE.fullmatch(element)
        if match is not None:
            language = match[1].partition("-")[0].lower()
            wanted[language] = max(wanted.get(language, (0.0, 0)), (float(match[2] or 1), -place))
    unnamed = wanted.get(_ANY, (0.0, 0))
    best = max(offered, key=lambda language: wanted.get(language, unnamed))
    return best if wanted.get(best, unnamed)[0] > 0 else offered[0]
