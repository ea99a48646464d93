"""Which service a certificate belongs to: the one URI in it, `spiffe://TRUST_DOMAIN/SERVICE` (SPIFFE X.509-SVID §2)."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from tallystick.runtime.callers import Caller, CallerKind
from tallystick.runtime.failures import Unauthenticated

_SERVICES = (CallerKind.AUTHORIZE, CallerKind.TOKEN, CallerKind.INTROSPECT)
# What gRPC calls the certificate that a peer has shown, and those of its names that are URIs. Its common name, and
# names of other kinds that read like one of ours, say nothing.
_CERTIFICATE = "x509_pem_cert"
_URIS = "peer_uri"


@dataclass(frozen=True, slots=True)
class PeerCertificate:
    """The certificate that a peer has shown, which gRPC has verified: the URIs that it is issued for."""

    uris: tuple[str, ...]

    @classmethod
    def of(cls, auth_context: Mapping[str, Iterable[bytes]]) -> "PeerCertificate | None":
        """Read what gRPC knows of a connection; None when no certificate was shown."""
        if _CERTIFICATE not in auth_context:
            return None
        return cls(tuple(uri.decode("utf-8", "replace") for uri in auth_context.get(_URIS, ())))


def service_uri(trust_domain: str, service: str) -> str:
    """Return the URI of a service."""
    return f"spiffe://{trust_domain}/{service}"


class ServiceIdentities:
    """The services of one trust domain."""

    def __init__(self, trust_domain: str) -> None:
        self._services: Mapping[tuple[str, ...], CallerKind] = {
            (service_uri(trust_domain, kind.value),): kind for kind in _SERVICES
        }

    def identify(self, certificate: PeerCertificate) -> Caller:
        """Return the service that a certificate belongs to; raise `Unauthenticated` for any other."""
        kind = self._services.get(certificate.uris)
        if kind is None:
            raise Unauthenticated("the certificate belongs to no service of this trust domain")
        return Caller(kind, kind.value)
