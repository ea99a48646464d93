"""What operators may write into names, descriptions and the like: whatever people can be shown as it stands."""

from services.authorize.pages.display_text import display_text
from tallystick.runtime.failures import Invalid

NAME_LIMIT = 100
"""The longest name, version or title, in characters."""

SENTENCE_LIMIT = 400
"""The longest text that a page shows, in characters."""

_EXCERPT = 60


def required_line(field: str, text: str, *, limit: int) -> str:
    """Return a line of text that must not be empty; raise `Invalid` otherwise."""
    if not text:
        raise Invalid(f"{field} is missing")
    return line(field, text, limit=limit)


def line(field: str, text: str, *, limit: int) -> str:
    """Return a line of text; raise `Invalid` when it is too long, or people would see something else than is written.

    So there are no controls, no bidirectional or other invisible characters, and no spaces at the ends or in a row.
    """
    if len(text) > limit:
        raise Invalid(f"{field} is longer than {limit} characters")
    if display_text(text, limit=limit) != text:
        raise Invalid(
            f"{field} must be one line without control, invisible or bidirectional characters, "
            "and without spaces at its ends or in a row"
        )
    return text


def excerpt(text: str) -> str:
    """Return as much of a text as belongs into an error message."""
    return text if len(text) <= _EXCERPT else f"{text[: _EXCERPT - 1]}…"
