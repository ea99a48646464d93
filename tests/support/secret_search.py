"""Finds secrets in what a run leaves behind, in plain and in the forms in which programs write them down."""

import json
from base64 import b64encode
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import quote, quote_plus

SHORTEST = 12
"""How many characters a secret has at least that can be found."""

_STEP = 4
_WINDOW = SHORTEST - _STEP + 1


@dataclass(frozen=True, slots=True)
class Finding:
    """What kind of secret stands in which line; not which one."""

    kind: str
    line: int


class SecretSearch:
    """Looks for many secrets, given with what they are, in many texts at once.

    Only every fourth window of a text is looked at: whatever is 12 bytes long covers one of them from one of its own
    first four bytes on, and where such a window occurs the whole is looked for.
    """

    def __init__(self, secrets: Mapping[str, str]) -> None:
        self._windows: dict[bytes, list[tuple[bytes, str]]] = {}
        for secret, kind in secrets.items():
            for form in _forms(secret):
                for start in range(_STEP):
                    self._windows.setdefault(form[start : start + _WINDOW], []).append((form, kind))

    def found_in(self, text: bytes) -> list[Finding]:
        """Return where secrets stand, the first place of each."""
        starts = range(0, len(text) - _WINDOW + 1, _STEP)
        windows = {window for start in starts if (window := text[start : start + _WINDOW]) in self._windows}
        forms = {each for window in windows for each in self._windows[window]}
        found = {(kind, text.find(form)) for form, kind in forms}
        return [Finding(kind, text.count(b"\n", 0, place) + 1) for kind, place in sorted(found) if place >= 0]


def _forms(secret: str) -> set[bytes]:
    plain = secret.encode()
    texts = {quote(secret, safe=""), quote_plus(secret), json.dumps(secret)[1:-1], plain.hex(), plain.hex().upper()}
    return {plain, *(text.encode() for text in texts), *_in_base64(plain)}


def _in_base64(plain: bytes) -> Iterator[bytes]:
    # What stands before a secret, such as the client id and colon of Basic, shifts it by 0, 1 or 2 bytes; the
    # characters at its ends that also encode a neighbour are left out.
    for shift in range(3):
        encoded = b64encode(bytes(shift) + plain)[-(-shift * 8 // 6) : (shift + len(plain)) * 8 // 6]
        yield encoded
        yield encoded.translate(bytes.maketrans(b"+/", b"-_"))
