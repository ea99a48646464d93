"""Where browsers find authorize: as the issuer says, and never as a request's headers say (RFC 9700 §4.13)."""

from dataclasses import dataclass
from urllib.parse import urlsplit

_DEFAULT_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Site:
    """The addresses that follow from the issuer."""

    issuer: str

    @property
    def is_https(self) -> bool:
        """Whether browsers use TLS; if not, they are on this machine."""
        return urlsplit(self.issuer).scheme == "https"

    @property
    def origin(self) -> str:
        """The origin of our own pages, as browsers write it (RFC 6454 §6.2)."""
        parts = urlsplit(self.issuer)
        host = parts.hostname or ""
        host = f"[{host}]" if ":" in host else host
        port = "" if parts.port in {None, _DEFAULT_PORTS[parts.scheme]} else f":{parts.port}"
        return f"{parts.scheme}://{host}{port}"

    def path(self, path: str) -> str:
        """Return the path of an endpoint, below that of the issuer."""
        return urlsplit(self.issuer).path + path

    def well_known(self, name: str) -> str:
        """Return the path of a well-known document, which comes before that of the issuer (RFC 8414 §3.1)."""
        return f"/.well-known/{name}{urlsplit(self.issuer).path}"
