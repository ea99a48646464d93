"""Which certificates are taken, and which are refused before anybody relies on them."""

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509 import DNSName, ObjectIdentifier
from cryptography.x509.oid import ExtendedKeyUsageOID

from tallystick.runtime.tls import service_files
from tallystick.tls.certificates import CertificateError, CertificateFiles
from tests.support.authority import DAY, LOCALHOST, Authority, CertificateFolder, Key, Leaf, uri

TOKEN = "spiffe://tallystick/token"


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority()


@pytest.fixture
def folder(tmp_path: Path, authority: Authority) -> CertificateFolder:
    """The files of token."""
    folder = CertificateFolder(tmp_path)
    folder.trust([authority])
    folder.hold(authority.service("token"))
    return folder


def files_of_token(folder: CertificateFolder) -> CertificateFiles:
    return service_files(folder.authorities, folder.certificate, folder.key, uri=TOKEN)


def test_a_service_learns_what_its_certificate_says(folder: CertificateFolder) -> None:
    """The one URI, and from when until when others accept it."""
    identity = files_of_token(folder).read().identity
    assert identity is not None
    assert identity.uris == (TOKEN,)
    assert identity.not_after - identity.not_before == DAY


@pytest.mark.parametrize(
    "names",
    [
        (uri("spiffe://tallystick/authorize"),),
        (uri("spiffe://elsewhere/token"),),
        (uri("spiffe://tallystick/token/1"),),
        (uri(TOKEN), uri("spiffe://tallystick/authorize")),
        (uri(TOKEN), uri(TOKEN)),
        (DNSName(TOKEN),),
        (),
    ],
    ids=["another service", "another domain", "a longer path", "two", "twice", "a DNS name", "none"],
)
def test_a_service_refuses_a_certificate_of_somebody_else(
    folder: CertificateFolder, authority: Authority, names: Sequence[DNSName]
) -> None:
    """A certificate that neighbours would not know it by is noticed at once."""
    folder.hold(authority.issue(*names, *LOCALHOST, common_name="token"))
    with pytest.raises(CertificateError, match=f"must have {TOKEN} as its one URI"):
        files_of_token(folder).read()


@pytest.mark.parametrize(
    ("begins", "ends", "said"),
    [(-DAY, timedelta(seconds=-1), "certificate has expired"), (DAY / 4, DAY / 2, "certificate is not yet valid")],
)
def test_a_certificate_out_of_its_time_is_refused(
    folder: CertificateFolder, authority: Authority, begins: timedelta, ends: timedelta, said: str
) -> None:
    """Others would refuse it too."""
    folder.hold(authority.issue(uri(TOKEN), begins=begins, ends=ends))
    with pytest.raises(CertificateError, match=said):
        files_of_token(folder).read()


@pytest.mark.parametrize(
    "key",
    [ec.generate_private_key(ec.SECP521R1()), ed25519.Ed25519PrivateKey.generate()],
    ids=["P-521", "Ed25519"],
)
def test_a_key_that_grpc_does_not_take_is_refused(folder: CertificateFolder, authority: Authority, key: Key) -> None:
    """OpenSSL takes it, and no call would come through."""
    folder.hold(authority.issue(uri(TOKEN), *LOCALHOST, key=key))
    with pytest.raises(CertificateError, match="a kind of key that gRPC does not take"):
        files_of_token(folder).read()


@pytest.mark.parametrize(
    "key",
    [ec.generate_private_key(ec.SECP384R1()), rsa.generate_private_key(65537, 2048)],
    ids=["P-384", "RSA"],
)
def test_keys_that_grpc_takes_are_taken(folder: CertificateFolder, authority: Authority, key: Key) -> None:
    """P-256, which all others here are, P-384 and RSA."""
    folder.hold(authority.issue(uri(TOKEN), *LOCALHOST, key=key))
    assert files_of_token(folder).read().identity is not None


@pytest.mark.parametrize("usage", [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH])
def test_a_certificate_for_one_side_only_is_refused(
    folder: CertificateFolder, authority: Authority, usage: ObjectIdentifier
) -> None:
    """A service calls and is called."""
    folder.hold(authority.issue(uri(TOKEN), usages=[usage]))
    with pytest.raises(CertificateError, match=r"none that others accept: un(suitable|supported) certificate purpose"):
        files_of_token(folder).read()


def test_a_certificate_of_an_authority_that_is_not_believed_is_refused(folder: CertificateFolder) -> None:
    """Who believes the same authorities would not accept it."""
    folder.hold(Authority("an authority").service("token"))
    with pytest.raises(CertificateError, match="none that others accept"):
        files_of_token(folder).read()


def encrypted(leaf: Leaf) -> Leaf:
    key = load_pem_private_key(leaf.key.encode(), None)
    text = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret")).decode()
    return Leaf(leaf.certificate, text)


def test_an_encrypted_key_is_refused(folder: CertificateFolder, authority: Authority) -> None:
    """Nobody is asked for a password at a terminal."""
    folder.hold(encrypted(authority.service("token")))
    with pytest.raises(CertificateError, match="the key is encrypted"):
        files_of_token(folder).read()


@pytest.mark.parametrize("name", ["certificate", "key"])
@pytest.mark.parametrize("text", ["", "no PEM", None], ids=["empty", "no PEM", "half"])
def test_a_broken_file_is_refused(folder: CertificateFolder, name: str, text: str | None) -> None:
    """Empty, something else, or written half."""
    path: Path = getattr(folder, name)
    whole = path.read_text()
    path.write_text(whole[: len(whole) // 2] if text is None else text)
    for files in (files_of_token(folder), CertificateFiles(folder.authorities, folder.certificate, folder.key)):
        with pytest.raises(CertificateError, match="no certificate and its key"):
            files.read()


def test_a_key_of_another_certificate_is_refused(folder: CertificateFolder, authority: Authority) -> None:
    """As it is while one of the files is new already."""
    folder.key.write_text(authority.service("token").key)
    with pytest.raises(CertificateError, match="key values mismatch"):
        files_of_token(folder).read()


@pytest.mark.parametrize(
    "text", ["", "no PEM", "-----BEGIN CERTIFICATE-----\nAAAA\n", "\N{LATIN SMALL LETTER A WITH DIAERESIS}"]
)
def test_authorities_that_are_none_are_refused(folder: CertificateFolder, text: str) -> None:
    """Nobody would be believed, or nobody knows who."""
    folder.authorities.write_text(text)
    with pytest.raises(CertificateError, match="holds no certificates of authorities"):
        files_of_token(folder).read()


def test_a_key_that_others_can_read_is_refused(folder: CertificateFolder) -> None:
    """A service's key is as private as its other secrets."""
    folder.key.chmod(0o644)
    with pytest.raises(CertificateError, match="can be read or written by others"):
        files_of_token(folder).read()


@pytest.mark.parametrize("name", ["authorities", "certificate", "key"])
def test_a_missing_file_is_named(folder: CertificateFolder, name: str) -> None:
    """The line says which."""
    path: Path = getattr(folder, name)
    path.unlink()
    with pytest.raises(CertificateError, match=rf"{path.name}"):
        files_of_token(folder).read()


def test_a_client_may_have_authorities_alone(folder: CertificateFolder) -> None:
    """It verifies others and shows nothing of its own."""
    certificates = CertificateFiles(folder.authorities).read()
    assert (certificates.chain, certificates.key, certificates.identity) == (None, None, None)


def test_a_certificate_without_its_key_is_refused(folder: CertificateFolder) -> None:
    """Both or neither."""
    with pytest.raises(ValueError, match="belong together"):
        CertificateFiles(folder.authorities, folder.certificate)


def test_a_key_is_shown_nowhere(folder: CertificateFolder) -> None:
    """Whoever logs certificates does not log the key."""
    assert "PRIVATE KEY" not in repr(files_of_token(folder).read())
