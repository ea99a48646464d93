"""Which segments of a path all programs read alike: those whose escapes stand for nothing special (RFC 3986 §2)."""

import re
import unicodedata
from urllib.parse import unquote_to_bytes

_ESCAPES = re.compile(r"(?:%[0-9A-Fa-f]{2})+")
# What programs cut a path at or unescape once more, and what needs no escape (RFC 3986 §2.3), which some take away.
_SPECIAL = re.compile(r"[/\\%A-Za-z0-9._~-]")


def ambiguous_escape(segment: str) -> str | None:
    """Return the first escapes of a segment that programs read differently, None if there are none.

    They must be well-formed UTF-8, as some programs take `%C0%AF`, an overlong form, for a slash; and no control.
    """
    for match in _ESCAPES.finditer(segment):
        try:
            text = unquote_to_bytes(match[0]).decode("utf-8")
        except UnicodeDecodeError:
            return match[0]
        if any(_SPECIAL.match(character) or unicodedata.category(character) == "Cc" for character in text):
            return match[0]
    return None
