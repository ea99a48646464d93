"""Which segments of a path all programs read alike: those whose escapes stand for nothing special (RFC 3986 §2)."""

import re
import unicodedata
from urllib.parse import unquote, unquote_to_bytes

_ESCAPES = re.compile(r"(?:%[0-9A-Fa-f]{2})+")
# What some program cuts a path at, unescapes once more, or takes a dot for.
_SPECIAL = re.compile(r"[/\\%;?#.]")
# What needs no escape (RFC 3986 §2.3), and which some programs undo therefore.
_UNRESERVED = re.compile(r"[A-Za-z0-9._~-]")


def ambiguous_escape(segment: str) -> str | None:
    """Return the first escapes of a segment that programs read differently, None if there are none.

    They must be well-formed UTF-8, as some programs take `%C0%AF`, an overlong form, for a slash; no control; and
    nothing that is a slash or a dot to programs that fold characters alike (NFKC).
    """
    if unquote(segment).strip() in {".", ".."}:
        return segment
    for match in _ESCAPES.finditer(segment):
        try:
            text = unquote_to_bytes(match[0]).decode("utf-8")
        except UnicodeDecodeError:
            return match[0]
        if _UNRESERVED.search(text) or _SPECIAL.search(unicodedata.normalize("NFKC", text)) or _has_control(text):
            return match[0]
    return None


def _has_control(text: str) -> bool:
    return any(unicodedata.category(character) == "Cc" for character in text)
