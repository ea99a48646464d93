"""The id by which one request is followed through the logs of all services."""

import re
from contextvars import ContextVar

HEADER = "x-request-id"
"""The HTTP header and the gRPC metadata key that carry it."""

_ACCEPTABLE = re.compile(r"[A-Za-z0-9._-]{8,64}")
_current: ContextVar[str] = ContextVar("request_id", default="")


def accepted(presented: str | None, fresh: str) -> str:
    """Keep a presented id if it is harmless in a log, else take the fresh one."""
    return presented if presented is not None and _ACCEPTABLE.fullmatch(presented) else fresh


def begin(request_id: str) -> None:
    """Bind the id to the present task or thread."""
    _current.set(request_id)


def current() -> str:
    """Return the id of the request in hand; empty outside of one."""
    return _current.get()
