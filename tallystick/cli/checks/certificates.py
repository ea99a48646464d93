"""The certificates for gRPC: whether they can be used, whose they are, and whether somebody renews them."""

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from tallystick.cli.checks.finding import Finding, fail, ok, warn
from tallystick.runtime.failures import Unauthenticated
from tallystick.runtime.service_identity import PeerCertificate, ServiceIdentities
from tallystick.runtime.settings import DEFAULT_TRUST_DOMAIN, PREFIX
from tallystick.runtime.tls import read_key
from tallystick.tls.certificates import CertificateError, CertificateFiles, Identity

CHECK = "certificates"
SMALLEST_REMAINDER = 0.2
"""What part of its validity a certificate has left when somebody should have renewed it; cert-manager does at 1/3."""

_SETTINGS = ("TLS_CA_FILE", "TLS_CERT_FILE", "TLS_KEY_FILE")


def examine_certificates(environ: Mapping[str, str], now: datetime) -> list[Finding]:
    """Judge the files that the settings name, if they name any; whoever only asks services has authorities alone."""
    named = {name: Path(path) for name in _SETTINGS if (path := environ.get(PREFIX + name))}
    return [_examine(named, environ.get(f"{PREFIX}TLS_TRUST_DOMAIN", DEFAULT_TRUST_DOMAIN), now)] if named else []


def _examine(named: Mapping[str, Path], trust_domain: str, now: datetime) -> Finding:
    authorities, certificate, key = (named.get(name) for name in _SETTINGS)
    if authorities is None or (certificate is None) != (key is None):
        missing = " and ".join(PREFIX + name for name in _SETTINGS if name not in named)
        return fail(CHECK, f"{missing} not set", "name all three files, or the authorities alone")
    services = ServiceIdentities(trust_domain)

    def verify(identity: Identity) -> None:
        try:
            services.identify(PeerCertificate(identity.uris))
        except Unauthenticated as error:
            raise CertificateError(f"{certificate}: {error}") from None

    try:
        found = CertificateFiles(authorities, certificate, key, read_key=read_key, verify=verify).read()
    except CertificateError as error:
        return fail(CHECK, str(error), "see docs/mtls.md for what belongs there")
    return ok(CHECK, "authorities only") if found.identity is None else _validity(found.identity, now)


def _validity(identity: Identity, now: datetime) -> Finding:
    told = f"{identity.uris[0]}, until {identity.not_after.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
    if identity.not_after - now < SMALLEST_REMAINDER * (identity.not_after - identity.not_before):
        return warn(CHECK, told, "most of its time is over: see to it that it is renewed")
    return ok(CHECK, told)
