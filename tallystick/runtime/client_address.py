"""The address that the request in hand came from, as far as trusted proxies tell it."""

from contextvars import ContextVar

_current: ContextVar[str] = ContextVar("client_address", default="")


def begin(address: str) -> None:
    """Bind an IP address to the present task or thread."""
    _current.set(address)


def current() -> str:
    """Return the IP address; empty outside of a request and when it is not known."""
    return _current.get()
