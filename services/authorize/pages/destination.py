"""Where the browser goes after consent, said so that people can judge it."""

from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import urlsplit

_DEFAULT_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Destination:
    """The place behind a redirect URI: its host, or the scheme that an application on this device listens to."""

    name: str
    on_this_device: bool

    @classmethod
    def of(cls, redirect_uri: str) -> "Destination":
        """Read the destination of a validated redirect URI (RFC 8252 §7)."""
        uri = urlsplit(redirect_uri)
        if uri.scheme not in _DEFAULT_PORTS:
            return cls(name=uri.scheme, on_this_device=True)
        host = uri.hostname or ""
        name = f"[{host}]" if ":" in host else host
        if uri.port is not None and uri.port != _DEFAULT_PORTS[uri.scheme]:
            name = f"{name}:{uri.port}"
        return cls(name=name, on_this_device=_is_loopback(host))


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
