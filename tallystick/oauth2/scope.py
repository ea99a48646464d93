"""Scopes (RFC 6749 §3.3): parsing, the allow-list of a client, and how people's choices narrow them."""

import re
from collections.abc import Collection, Iterable

from tallystick.oauth2.errors import InvalidScope

INTROSPECT = "introspect"
"""The built-in scope that lets a resource server introspect with an access token of its own."""

_SCOPE_TOKEN = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]+")
_REGISTRABLE = re.compile(r"[a-z0-9._:-]{1,100}")


def is_registrable(name: str) -> bool:
    """Tell whether an operator may give a scope this name: lower-case letters, digits and `._:-`."""
    return _REGISTRABLE.fullmatch(name) is not None


def parse_scope(value: str) -> tuple[str, ...]:
    """Split a scope parameter at single spaces, each scope once, in the order asked.

    Raise `InvalidScope` for anything outside the grammar of RFC 6749 §3.3.
    """
    tokens = value.split(" ")
    if any(_SCOPE_TOKEN.fullmatch(token) is None for token in tokens):
        raise InvalidScope("scope is malformed")
    return tuple(dict.fromkeys(tokens))


def requested_scopes(value: str | None, allowed: Collection[str]) -> tuple[str, ...]:
    """Return what a request asks for: all that is allowed when the parameter is absent.

    Raise `InvalidScope` when it asks for anything that is not allowed, or nothing is allowed at all.
    """
    asked = tuple(sorted(allowed)) if value is None else parse_scope(value)
    if not asked:
        raise InvalidScope("the client has no scope to ask for")
    if not set(asked) <= set(allowed):
        raise InvalidScope("scope holds a value that this request may not ask for")
    return asked


def narrowed(granted: Iterable[str], allowed: Collection[str]) -> tuple[str, ...]:
    """Keep of what was granted only what is allowed now, in the order granted."""
    return tuple(scope for scope in granted if scope in allowed)


def scope_string(scopes: Iterable[str]) -> str:
    """Write scopes as the value of a `scope` member."""
    return " ".join(scopes)
