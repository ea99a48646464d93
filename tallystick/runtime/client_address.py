"""The address that the request in hand came from, as far as trusted proxies tell it."""

from contextvars import ContextVar
from ipaddress import IPv6Network
from urllib.parse import unquote

from tallystick.runtime.forwarded import parse_address

HEADER = "x-client-address"
"""The gRPC metadata key by which one service tells another."""

_IPV6_SITE_BITS = 64
_current: ContextVar[str] = ContextVar("client_address", default="")


def begin(address: str) -> None:
    """Bind an IP address to the present task or thread."""
    _current.set(address)


def current() -> str:
    """Return the IP address; empty outside of a request and when it is not known."""
    return _current.get()


def current_network() -> str:
    """Return what to count attempts by: the address, of IPv6 the /64, within which one host may have any address."""
    address = _current.get()
    return str(IPv6Network((address, _IPV6_SITE_BITS), strict=False)) if ":" in address else address


def accepted(presented: str | None, peer: str) -> str:
    """Keep a presented address if it is one in its canonical form and nothing else, else take the peer's."""
    return presented if presented and str(parse_address(presented) or "") == presented else peer


def of_grpc_peer(peer: str) -> str:
    """Return the address in what gRPC calls a peer: `ipv4:127.0.0.1:5000`, `ipv6:%5B::1%5D:5000`; empty if none is."""
    kind, _, host = peer.partition(":")
    return str((kind in {"ipv4", "ipv6"} and parse_address(unquote(host))) or "")
