"""A certificate authority for tests, and the files that a service or a client reads its certificates from."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from tallystick.runtime.private_files import write_private

DAY = timedelta(days=1)
LOCALHOST = (x509.DNSName("localhost"), x509.IPAddress(ip_address("127.0.0.1")))
Key = ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey | rsa.RSAPrivateKey
BOTH_USAGES = (ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH)


def uri(text: str) -> x509.GeneralName:
    """Return a name of the kind by which services are known."""
    return x509.UniformResourceIdentifier(text)


@dataclass(frozen=True, slots=True)
class Leaf:
    """A certificate and its key; PEM."""

    certificate: str
    key: str


class Authority:
    """Issues certificates."""

    def __init__(self, name: str = "an authority") -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        now = datetime.now(UTC)
        certificate = (
            self._builder(self._name, self._key, now - DAY, now + DAY)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(self._key.public_key()), critical=False)
            .sign(self._key, SHA256())
        )
        self.certificate = certificate.public_bytes(Encoding.PEM).decode()

    def issue(
        self,
        *names: x509.GeneralName,
        common_name: str = "",
        usages: Sequence[x509.ObjectIdentifier] = BOTH_USAGES,
        begins: timedelta = -DAY / 2,
        ends: timedelta = DAY / 2,
        key: Key | None = None,
    ) -> Leaf:
        """Issue a certificate for names and a key, a new one unless it is given, from and until so long after now."""
        key, now = key or ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)] if common_name else [])
        builder = self._builder(subject, key, now + begins, now + ends)
        if names:
            builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        builder = builder.add_extension(x509.ExtendedKeyUsage(usages), critical=False)
        # Tells authorities of the same name apart (RFC 5280 §4.2.1.1).
        issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key())
        builder = builder.add_extension(issuer, critical=False)
        return Leaf(
            builder.sign(self._key, SHA256()).public_bytes(Encoding.PEM).decode(),
            key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode(),
        )

    def service(self, service: str, trust_domain: str = "tallystick") -> Leaf:
        """Issue what a service needs."""
        return self.issue(uri(f"spiffe://{trust_domain}/{service}"), *LOCALHOST)

    def _builder(self, subject: x509.Name, key: Key, begins: datetime, ends: datetime) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(begins)
            .not_valid_after(ends)
        )


class CertificateFolder:
    """The three files by which cert-manager gives certificates, each written wholly or not at all."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(exist_ok=True)
        self.authorities, self.certificate, self.key = folder / "ca.crt", folder / "tls.crt", folder / "tls.key"

    def trust(self, authorities: Iterable[Authority]) -> None:
        """Write the authorities that are believed."""
        write_private(self.authorities, "".join(authority.certificate for authority in authorities))

    def hold(self, leaf: Leaf) -> None:
        """Write a certificate and its key, one after the other as there is no other way."""
        write_private(self.certificate, leaf.certificate)
        write_private(self.key, leaf.key)

    @property
    def settings(self) -> dict[str, object]:
        """The settings that name the files, without `TALLYSTICK_`."""
        return {"TLS_CA_FILE": self.authorities, "TLS_CERT_FILE": self.certificate, "TLS_KEY_FILE": self.key}
