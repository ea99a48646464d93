"""What the doctor says of certificates."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tallystick.cli.checks.certificates import examine_certificates
from tallystick.cli.checks.finding import Finding, Outcome
from tallystick.cli.connection import channel_to
from tallystick.cli.usage import CommandFailed
from tests.support.authority import Authority, CertificateFolder, Leaf, uri

AUTHORITY = Authority()


@pytest.fixture
def folder(tmp_path: Path) -> CertificateFolder:
    folder = CertificateFolder(tmp_path)
    folder.trust([AUTHORITY])
    return folder


def examined(folder: CertificateFolder, leaf: Leaf | None = None, without: str = "", **more: str) -> list[Finding]:
    """Examine the files, with a certificate and its key, and without one setting."""
    if leaf is not None:
        folder.hold(leaf)
    environ = {f"TALLYSTICK_{name}": str(path) for name, path in folder.settings.items() if name != without}
    return examine_certificates(environ | more, datetime.now(UTC))


def test_where_there_is_no_tls_nothing_is_said() -> None:
    """Nobody who has none needs to know."""
    assert examine_certificates({"TALLYSTICK_TLS_TRUST_DOMAIN": "tallystick"}, datetime.now(UTC)) == []


def test_a_certificate_is_told_by_name_and_end(folder: CertificateFolder) -> None:
    """Whose it is, and until when."""
    [found] = examined(folder, AUTHORITY.service("token"))
    assert found.outcome is Outcome.OK
    assert found.message.startswith("spiffe://tallystick/token, until 2")


def test_authorities_alone_are_enough_to_ask(folder: CertificateFolder) -> None:
    """An operator has no certificate."""
    environ = {"TALLYSTICK_TLS_CA_FILE": str(folder.authorities)}
    [found] = examine_certificates(environ, datetime.now(UTC))
    assert (found.outcome, found.message) == (Outcome.OK, "authorities only")


def test_a_certificate_near_its_end_is_a_warning(folder: CertificateFolder) -> None:
    """Whoever should renew it has not."""
    [found] = examined(folder, AUTHORITY.issue(uri("spiffe://tallystick/token"), ends=timedelta(hours=2)))
    assert found.outcome is Outcome.WARN


@pytest.mark.parametrize(
    ("leaf", "said"),
    [
        (AUTHORITY.issue(uri("spiffe://tallystick/admin")), "belongs to no service of this trust domain"),
        (AUTHORITY.service("token", "elsewhere"), "belongs to no service of this trust domain"),
        (Authority().service("token"), "none that others accept"),
        (AUTHORITY.issue(uri("spiffe://tallystick/token"), ends=timedelta(seconds=-1)), "has expired"),
    ],
)
def test_a_certificate_that_others_refuse_fails(folder: CertificateFolder, leaf: Leaf, said: str) -> None:
    """Before anybody starts with it."""
    [found] = examined(folder, leaf)
    assert found.outcome is Outcome.FAIL
    assert said in found.message


def test_another_trust_domain_may_be_ours(folder: CertificateFolder) -> None:
    """By its setting."""
    [found] = examined(folder, AUTHORITY.service("token", "elsewhere"), TALLYSTICK_TLS_TRUST_DOMAIN="elsewhere")
    assert found.outcome is Outcome.OK


@pytest.mark.parametrize("name", ["TLS_CA_FILE", "TLS_CERT_FILE", "TLS_KEY_FILE"])
def test_a_file_that_is_not_named_fails(folder: CertificateFolder, name: str) -> None:
    """All three, or the authorities alone."""
    [found] = examined(folder, AUTHORITY.service("token"), without=name)
    assert (found.outcome, found.message) == (Outcome.FAIL, f"TALLYSTICK_{name} not set")


def test_a_command_does_not_ask_by_authorities_that_are_none(folder: CertificateFolder) -> None:
    """It ends with one line instead."""
    folder.authorities.write_text("no PEM")
    with pytest.raises(CommandFailed, match=r"TALLYSTICK_TLS_CA_FILE: .* holds no certificates"):
        channel_to("127.0.0.1:1", folder.authorities)
