"""Lists, a page at a time: each page begins after the key that the one before ended with."""

import binascii
import re
from base64 import urlsafe_b64decode
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from services.authorize.registry.model import Item, Page
from tallystick.oauth2.opaque_token import base64url
from tallystick.runtime.failures import Invalid

DEFAULT_SIZE = 100
LARGEST_SIZE = 1000
_TOKEN = re.compile(r"[A-Za-z0-9_-]{1,8000}")


@dataclass(frozen=True, slots=True)
class PageRequest:
    """At most `size` items of one kind whose key is greater than `after`; empty for the first page."""

    kind: str
    size: int
    after: str

    @property
    def limit(self) -> int:
        """How many to read: one more than is shown tells whether another page follows."""
        return self.size + 1

    def page(self, read: Sequence[Item], key: Callable[[Item], str]) -> Page[Item]:
        """Return the page that was read, in the order of its keys and not more than `limit`."""
        shown = tuple(read[: self.size])
        more = len(read) > self.size
        return Page(shown, base64url(f"{self.kind}:{key(shown[-1])}".encode()) if more else "")


def page_request(kind: str, size: int, token: str) -> PageRequest:
    """Read the page_size and page_token of a request for a list of one kind; raise `Invalid` for others than ours."""
    if not 0 <= size <= LARGEST_SIZE:
        raise Invalid(f"page_size must be between 1 and {LARGEST_SIZE}, or 0 for {DEFAULT_SIZE}")
    return PageRequest(kind, size or DEFAULT_SIZE, _key(kind, token) if token else "")


def _key(kind: str, token: str) -> str:
    try:
        if _TOKEN.fullmatch(token) is None:
            raise ValueError(token)
        found_kind, _, key = urlsafe_b64decode(token + "=" * (-len(token) % 4)).decode("utf-8").partition(":")
    except (binascii.Error, ValueError):
        found_kind, key = "", ""
    if found_kind != kind or not key or "\0" in key:
        raise Invalid("page_token must be the next_page_token of the page before, from the same list")
    return key
