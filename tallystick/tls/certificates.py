"""Certificates for gRPC: read from PEM files, and tried before anybody uses them.

A service's are tried by a TLS handshake with itself, in memory, which tells what the certificate says of it. That is
OpenSSL's, and takes kinds of keys that gRPC's library does not, so the kind is looked at as well.
"""

import ssl
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

_BOTH_SIDES = (ssl.PROTOCOL_TLS_CLIENT, ssl.PROTOCOL_TLS_SERVER)

# RSA, P-256 and P-384, as a certificate writes what kind of key it is for (RFC 3279 §2.3.1, RFC 5480 §2.1.1.1, DER).
_KEYS_OF_GRPC = tuple(map(bytes.fromhex, ("06092a864886f70d010101", "06082a8648ce3d030107", "06052b81040022")))

Verify = Callable[["Identity"], None]


class CertificateError(Exception):
    """Certificates cannot be used; the text is one line that names the file and says why."""


@dataclass(frozen=True, slots=True)
class Identity:
    """What our own certificate says: its URIs (RFC 5280 §4.2.1.6), and between when and when it counts."""

    uris: tuple[str, ...]
    not_before: datetime
    not_after: datetime


@dataclass(frozen=True, slots=True)
class Certificates:
    """The authorities that are believed, and our own certificate with its chain and key; PEM."""

    authorities: bytes
    chain: bytes | None = None
    key: bytes | None = field(default=None, repr=False)
    identity: Identity | None = None


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise CertificateError(f"cannot read {path}: {error.strerror}") from None


@dataclass(frozen=True, slots=True)
class CertificateFiles:
    """Where certificates are: the authorities that are believed, and our own with its key if we have one.

    `read_key` reads the key file, and raises `CertificateError` for one that it will not have. With `verify` the
    certificate has to be one that whoever believes the same authorities accepts from servers and from clients; then
    `verify` judges what it says, and raises `CertificateError` if it is somebody else's.
    """

    authorities: Path
    certificate: Path | None = None
    key: Path | None = None
    read_key: Callable[[Path], bytes] = _read
    verify: Verify | None = None

    def __post_init__(self) -> None:
        if (self.certificate is None) != (self.key is None):
            raise ValueError("a certificate and its key belong together: name both files or neither")

    def state(self) -> tuple[object, ...]:
        """Return what differs once any of the files is another one or has changed."""
        return tuple(map(_state, self._paths()))

    def read(self) -> Certificates:
        """Read and try them; raise `CertificateError`."""
        authorities = self._authorities()
        if self.certificate is None or self.key is None:
            return Certificates(authorities)
        chain, key = _read(self.certificate), self.read_key(self.key)
        identity = self._tried(self.certificate, self.key, authorities)
        # What was tried is what was read only if nobody wrote in between.
        if (chain, key, authorities) != (_read(self.certificate), self.read_key(self.key), _read(self.authorities)):
            raise CertificateError(f"{self.certificate} and {self.key} change as they are read")
        if identity is not None and self.verify is not None:
            self.verify(identity)
        return Certificates(authorities, chain, key, identity)

    def renewed(self, held: Certificates) -> tuple[Certificates, CertificateError | None]:
        """Return what is to be used from now on, and why that is not all that the files hold.

        A certificate that cannot be used leaves the former one in its place; authorities are believed, and no longer
        believed, all the same.
        """
        try:
            return self.read(), None
        except CertificateError as error:
            try:
                return replace(held, authorities=self._authorities()), error
            except CertificateError:
                return held, error

    def _authorities(self) -> bytes:
        authorities = _read(self.authorities)
        _trusting(ssl.PROTOCOL_TLS_CLIENT, self.authorities, authorities)
        return authorities

    def _tried(self, certificate: Path, key: Path, authorities: bytes) -> Identity | None:
        if self.verify is None:
            _load(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), certificate, key)
            return None
        client, server = (_trusting(protocol, self.authorities, authorities) for protocol in _BOTH_SIDES)
        for context in (client, server):
            _load(context, certificate, key)
        return _shake_hands(client, server, certificate)

    def _paths(self) -> Iterable[Path]:
        return (path for path in (self.authorities, self.certificate, self.key) if path is not None)


def _state(path: Path) -> object:
    try:
        found = path.stat()
    except OSError as error:
        return error.errno
    return found.st_dev, found.st_ino, found.st_mtime_ns, found.st_size


def _load(context: ssl.SSLContext, certificate: Path, key: Path) -> None:
    try:
        context.load_cert_chain(certificate, key, password=_no_password)
    except (OSError, ValueError) as error:
        raise CertificateError(f"{certificate} and {key} are no certificate and its key: {_reason(error)}") from None


def _shake_hands(client_context: ssl.SSLContext, server_context: ssl.SSLContext, certificate: Path) -> Identity:
    """Return what a certificate says, once both sides have accepted it."""
    to_client, to_server = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = client_context.wrap_bio(to_client, to_server, server_side=False)
    server = server_context.wrap_bio(to_server, to_client, server_side=True)
    pending = [client, server]
    while pending:
        side = pending.pop(0)
        try:
            side.do_handshake()
        except ssl.SSLWantReadError:
            pending.append(side)
        except ssl.SSLError as error:
            raise CertificateError(f"{certificate} is none that others accept: {_reason(error)}") from None
    if not any(kind in (client.getpeercert(binary_form=True) or b"") for kind in _KEYS_OF_GRPC):
        raise CertificateError(f"{certificate} is for a kind of key that gRPC does not take: use ECDSA P-256 or RSA")
    return _identity(client.getpeercert() or {})


def _trusting(protocol: int, path: Path, authorities: bytes) -> ssl.SSLContext:
    context = ssl.SSLContext(protocol)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_REQUIRED
    # As gRPC does: an authority that is believed needs no further one above it.
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    try:
        context.load_verify_locations(cadata=authorities.decode("ascii"))
    except (ssl.SSLError, ValueError) as error:
        raise CertificateError(f"{path} holds no certificates of authorities: {_reason(error)}") from None
    return context


def _no_password() -> str:
    # Otherwise OpenSSL would ask at the terminal.
    raise ValueError("the key is encrypted")


def _identity(certificate: dict[str, Any]) -> Identity:
    return Identity(
        uris=tuple(name for kind, name in certificate.get("subjectAltName", ()) if kind == "URI"),
        not_before=_moment(certificate["notBefore"]),
        not_after=_moment(certificate["notAfter"]),
    )


def _moment(text: str) -> datetime:
    return datetime.fromtimestamp(ssl.cert_time_to_seconds(text), UTC)


def _reason(error: Exception) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return error.verify_message
    if isinstance(error, ssl.SSLError):
        return (error.reason or "unreadable").lower().replace("_", " ")
    if isinstance(error, OSError):
        return error.strerror or "unreadable"
    return str(error)
