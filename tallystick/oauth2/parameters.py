"""Request parameters: `application/x-www-form-urlencoded` in UTF-8, each name at most once (RFC 6749 §3.1, App. B)."""

import re
from dataclasses import dataclass
from urllib.parse import unquote_to_bytes

from tallystick.oauth2.errors import InvalidRequest

_MALFORMED_ESCAPE = re.compile(rb"%(?![0-9A-Fa-f]{2})")
_MAX_PARAMETERS = 100


class MalformedForm(ValueError):
    """The bytes are no form: a broken escape, bad UTF-8, a NUL, or too many parameters."""


@dataclass(frozen=True, slots=True)
class Parameters:
    """The parameters of one request, read without guessing.

    An empty value counts as absent (RFC 6749 §3.1). Reading a name that was sent twice raises `InvalidRequest`, so an
    unknown parameter may repeat and a known one never goes unnoticed.
    """

    pairs: tuple[tuple[str, str], ...]

    def all(self, name: str) -> tuple[str, ...]:
        """Return every value of a parameter that may repeat, such as `resource` (RFC 8707 §2)."""
        return tuple(value for key, value in self.pairs if key == name and value)

    def repeated(self, name: str) -> bool:
        """Tell whether a name was sent more than once, empty values included."""
        return sum(key == name for key, _ in self.pairs) > 1

    def optional(self, name: str) -> str | None:
        """Return the value, or None when it is absent or empty; raise `InvalidRequest` when it was repeated."""
        if self.repeated(name):
            raise InvalidRequest(f"{name} must not be repeated")
        values = self.all(name)
        return values[0] if values else None

    def required(self, name: str) -> str:
        """Return the value; raise `InvalidRequest` when it is absent, empty or repeated."""
        value = self.optional(name)
        if value is None:
            raise InvalidRequest(f"{name} is required")
        return value


def parse_form(encoded: bytes) -> Parameters:
    """Decode a form body or a query string; raise `MalformedForm` rather than guess."""
    if not encoded:
        return Parameters(())
    fields = encoded.split(b"&")
    if len(fields) > _MAX_PARAMETERS:
        raise MalformedForm("too many parameters")
    return Parameters(tuple(_pair(field) for field in fields if field))


def parse_query(encoded: bytes) -> tuple[Parameters, frozenset[str]]:
    """Decode a query string; return the parameters, and the names of those whose value cannot be decoded.

    Those count as empty, so that whoever answers can still find where to. Raise `MalformedForm` for a name that cannot
    be decoded, or too many parameters.
    """
    pairs, unreadable = [], set()
    fields = [field for field in encoded.split(b"&") if field]
    if len(fields) > _MAX_PARAMETERS:
        raise MalformedForm("too many parameters")
    for encoded_name, _, encoded_value in (field.partition(b"=") for field in fields):
        name, value = form_decode(encoded_name), ""
        try:
            value = form_decode(encoded_value)
        except MalformedForm:
            unreadable.add(name)
        pairs.append((name, value))
    return Parameters(tuple(pairs)), frozenset(unreadable)


def _pair(field: bytes) -> tuple[str, str]:
    name, _, value = field.partition(b"=")
    return form_decode(name), form_decode(value)


def form_decode(encoded: bytes) -> str:
    """Decode one name or value (RFC 6749 App. B); raise `MalformedForm` for a broken escape, bad UTF-8 or a NUL."""
    if _MALFORMED_ESCAPE.search(encoded):
        raise MalformedForm("broken percent-encoding")
    try:
        text = unquote_to_bytes(encoded.replace(b"+", b" ")).decode("utf-8")
    except UnicodeDecodeError:
        raise MalformedForm("not UTF-8") from None
    if "\0" in text:
        raise MalformedForm("a NUL character")
    return text
