"""Text of foreign origin, made safe for a terminal."""

import unicodedata

# Controls, invisible and bidirectional formatting, surrogates, private use, unassigned, line and paragraph separators.
_OBEYED_OR_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


def escaped(text: str) -> str:
    """Return a text in which every character that would be obeyed or hidden is shown by its number."""
    return "".join(_shown(character) for character in text)


def _shown(character: str) -> str:
    if unicodedata.category(character) not in _OBEYED_OR_HIDDEN:
        return character
    number = ord(character)
    if number <= 0xFF:
        return f"\\x{number:02x}"
    return f"\\u{number:04x}" if number <= 0xFFFF else f"\\U{number:08x}"
