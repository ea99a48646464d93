"""Pages of grants: how many at a time, and the opaque token that says where the next one begins."""

import re
from base64 import urlsafe_b64decode
from datetime import UTC, datetime, timedelta
from uuid import UUID

from services.token.model import GrantPosition
from tallystick.oauth2.opaque_token import base64url
from tallystick.runtime.failures import Invalid

_DEFAULT_SIZE = 100
_LARGEST_SIZE = 1000
_TOKEN = re.compile(r"[A-Za-z0-9_-]{32}")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def page_size(asked: int) -> int:
    """Return how many grants a page has: 100 unless asked otherwise, 1,000 at the most; raise `Invalid` below 0."""
    if asked < 0:
        raise Invalid("page_size must not be negative")
    return min(asked or _DEFAULT_SIZE, _LARGEST_SIZE)


def page_token(last: GrantPosition) -> str:
    """Return the token of the page after a grant."""
    microseconds = (last.created_at - _EPOCH) // _MICROSECOND
    return base64url(microseconds.to_bytes(8, "big") + last.grant_id.bytes)


def position(token: str) -> GrantPosition | None:
    """Return where a page begins; None for the first one; raise `Invalid` for what is no token of ours."""
    if not token:
        return None
    if _TOKEN.fullmatch(token) is None:
        raise Invalid("page_token is not one that was given out")
    octets = urlsafe_b64decode(token)
    try:
        created_at = _EPOCH + int.from_bytes(octets[:8], "big") * _MICROSECOND
    except OverflowError:
        raise Invalid("page_token is not one that was given out") from None
    return GrantPosition(created_at, UUID(bytes=octets[8:]))
