"""TLS for gRPC, by the files that the settings name: a service's certificates, and what servers make of them."""

from pathlib import Path

import grpc

from tallystick.runtime.log import logger
from tallystick.runtime.private_files import PrivateFileError, read_private
from tallystick.runtime.service_identity import service_uri
from tallystick.runtime.settings import PREFIX, Settings, SettingsError
from tallystick.tls.certificates import CertificateError, CertificateFiles, Certificates, Identity
from tallystick.tls.watched_certificates import WatchedCertificates

_log = logger(__name__)


def watch_certificates(settings: Settings) -> WatchedCertificates | None:
    """Return a service's certificates, or None where TLS is not set up; raise `SettingsError` for unusable ones."""
    authorities, certificate, key = settings.tls_ca_file, settings.tls_cert_file, settings.tls_key_file
    if authorities is None or certificate is None or key is None:
        return None
    try:
        return WatchedCertificates(
            service_files(authorities, certificate, key, uri=service_uri(settings.tls_trust_domain, settings.service)),
            renewed=_tell_renewed,
            kept=_tell_kept,
        )
    except CertificateError as error:
        raise SettingsError(f"{PREFIX}TLS_CERT_FILE, {PREFIX}TLS_KEY_FILE, {PREFIX}TLS_CA_FILE: {error}") from None


def service_files(authorities: Path, certificate: Path, key: Path, *, uri: str) -> CertificateFiles:
    """Return the files of the service with this URI, of which nobody else may read the key."""

    def verify(identity: Identity) -> None:
        if identity.uris != (uri,):
            found = ", ".join(identity.uris) or "none"
            raise CertificateError(f"{certificate} must have {uri} as its one URI, and has {found}")

    return CertificateFiles(authorities, certificate, key, read_key=read_key, verify=verify)


def read_key(path: Path) -> bytes:
    """Read a key that nobody else may read; raise `CertificateError` otherwise."""
    try:
        return read_private(path).encode("utf-8")
    except PrivateFileError as error:
        raise CertificateError(str(error)) from None


def server_credentials(watched: WatchedCertificates, *, mutual: bool) -> grpc.ServerCredentials:
    """Return a server's credentials, which follow the files.

    Mutual ones admit nobody without a certificate of an authority that is believed; others ask nobody for one, as gRPC
    for Python cannot ask without insisting.
    """
    fetcher = _Fetcher(watched, mutual=mutual)
    return grpc.dynamic_ssl_server_credentials(
        fetcher.configuration(),
        fetcher,  # type: ignore[arg-type] # types-grpcio does not know that it may return None
        mutual,
    )


class _Fetcher:
    """Asked by gRPC before each handshake; None says that nothing has changed."""

    def __init__(self, watched: WatchedCertificates, *, mutual: bool) -> None:
        self._watched = watched
        self._mutual = mutual
        self._given = watched.current()

    def __call__(self) -> grpc.ServerCertificateConfiguration | None:
        certificates = self._watched.current()
        if certificates is self._given:
            return None
        self._given = certificates
        return self.configuration()

    def configuration(self) -> grpc.ServerCertificateConfiguration:
        """Return what was given last as gRPC takes it."""
        given = self._given
        authorities = given.authorities if self._mutual else None
        return grpc.ssl_server_certificate_configuration([(given.key or b"", given.chain or b"")], authorities)


def _tell_renewed(certificates: Certificates) -> None:
    identity = certificates.identity
    _log.info("certificates_renewed", not_after=None if identity is None else identity.not_after.isoformat())


def _tell_kept(problem: CertificateError) -> None:
    _log.error("certificates_not_renewed", detail=str(problem))
