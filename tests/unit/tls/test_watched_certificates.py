"""Certificates that change while somebody uses them, each in every broken state on the way."""

import shutil
import time
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import count
from pathlib import Path

import pytest

from tallystick.runtime.tls import service_files
from tallystick.tls.certificates import CertificateError, Certificates
from tallystick.tls.watched_certificates import LOOK_EVERY_SECONDS, WatchedCertificates
from tests.support.authority import Authority, CertificateFolder, Leaf, uri

TOKEN = "spiffe://tallystick/token"


@dataclass
class Watch:
    """Certificates that are watched by a clock that only we move, and what was told of them."""

    folder: CertificateFolder
    authority: Authority
    now: float = 0.0
    renewed: list[Certificates] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.folder.trust([self.authority])
        self.folder.hold(self.authority.service("token"))
        self.watched = WatchedCertificates(
            service_files(self.folder.authorities, self.folder.certificate, self.folder.key, uri=TOKEN),
            renewed=self.renewed.append,
            kept=lambda problem: self.kept.append(str(problem)),
            clock=lambda: self.now,
        )

    def next(self) -> Certificates:
        """Return what is used once the files have been looked at again."""
        self.now += LOOK_EVERY_SECONDS
        return self.watched.current()


@pytest.fixture
def watch(tmp_path: Path) -> Watch:
    return Watch(CertificateFolder(tmp_path), Authority())


def test_nothing_changes_while_the_files_do_not(watch: Watch) -> None:
    """The same object says so."""
    assert watch.watched.current() is watch.next() is watch.next()
    assert watch.renewed == watch.kept == []


def test_a_new_pair_is_used(watch: Watch) -> None:
    """Once both files are there, and not before they are looked at."""
    former, leaf = watch.watched.current(), watch.authority.service("token")
    watch.folder.hold(leaf)
    assert watch.watched.current() is former
    assert watch.next().chain == leaf.certificate.encode()
    assert watch.renewed == [watch.watched.current()]
    assert watch.kept == []


def test_the_end_is_that_of_the_certificate_in_use(watch: Watch) -> None:
    """For those who watch over it."""
    former = watch.watched.not_after
    leaf = watch.authority.issue(uri(TOKEN), ends=timedelta(hours=1))
    watch.folder.hold(leaf)
    identity = watch.next().identity
    assert identity is not None
    assert former is not None
    assert watch.watched.not_after == identity.not_after < former


def test_a_link_that_is_replaced_is_noticed(tmp_path: Path) -> None:
    """All files are links through `..data`, which Kubernetes lets point to another folder at once."""
    authority, volume = Authority(), tmp_path / "volume"
    volume.mkdir()

    def swap(version: int) -> Leaf:
        folder, leaf = CertificateFolder(volume / f"..{version}"), authority.service("token")
        folder.trust([authority])
        folder.hold(leaf)
        link = volume / "..data_tmp"
        link.symlink_to(f"..{version}")
        link.rename(volume / "..data")
        shutil.rmtree(volume / f"..{version - 1}", ignore_errors=True)
        return leaf

    swap(0)
    for name in ("ca.crt", "tls.crt", "tls.key"):
        (volume / name).symlink_to(f"..data/{name}")
    seconds = count(step=LOOK_EVERY_SECONDS)
    watched = WatchedCertificates(
        service_files(volume / "ca.crt", volume / "tls.crt", volume / "tls.key", uri=TOKEN),
        renewed=lambda _: None,
        kept=pytest.fail,
        clock=lambda: next(seconds),
    )
    for version in range(1, 4):
        leaf = swap(version)
        assert watched.current().chain == leaf.certificate.encode()
        assert watched.current().key == leaf.key.encode()


def test_half_a_pair_leaves_the_former_in_place(watch: Watch) -> None:
    """The certificate of one with the key of another is told of once, and is over when the key has come."""
    former, leaf = watch.watched.current(), watch.authority.service("token")
    watch.folder.certificate.write_text(leaf.certificate)
    assert watch.next() is watch.next() is former
    assert len(watch.kept) == 1
    watch.folder.hold(leaf)
    assert watch.next().key == leaf.key.encode()
    assert len(watch.kept) == 1


@pytest.mark.parametrize("name", ["authorities", "certificate", "key"])
@pytest.mark.parametrize("text", ["", "no PEM", None], ids=["empty", "no PEM", "gone"])
def test_a_broken_file_leaves_the_former_in_place(watch: Watch, name: str, text: str | None) -> None:
    """Whatever it is that broke."""
    path: Path = getattr(watch.folder, name)
    former, whole = watch.watched.current(), path.read_text()
    if text is None:
        path.unlink()
    else:
        path.write_text(text)
    assert watch.next() is watch.next() is former
    assert len(watch.kept) == 1
    path.write_text(whole)
    path.chmod(0o600)
    assert watch.next() is former
    assert watch.renewed == []


def test_a_broken_file_is_told_of_again_when_it_breaks_again(watch: Watch) -> None:
    """Once for each time."""
    whole = watch.folder.key.read_text()
    for _ in range(2):
        watch.folder.key.write_text("no PEM")
        watch.next()
        watch.folder.key.write_text(whole)
        watch.next()
    assert len(watch.kept) == 2


def test_somebody_elses_certificate_leaves_the_former_in_place(watch: Watch) -> None:
    """A Secret that was mounted in the wrong place does not change who a service is."""
    former = watch.watched.current()
    watch.folder.hold(watch.authority.service("authorize"))
    assert watch.next() is former
    assert "must have" in watch.kept[0]


def test_a_certificate_of_an_authority_to_come_waits_for_it(watch: Watch) -> None:
    """No neighbour may know the authority yet if we do not."""
    former, new = watch.watched.current(), Authority("the next")
    leaf = new.service("token")
    watch.folder.hold(leaf)
    assert watch.next() is former
    watch.folder.trust([watch.authority, new])
    assert watch.next().chain == leaf.certificate.encode()


def test_an_authority_that_is_no_longer_believed_is_gone_at_once(watch: Watch) -> None:
    """Even if our own certificate is still one of its, which is kept for want of another."""
    former, new = watch.watched.current(), Authority("the next")
    watch.folder.trust([new])
    certificates = watch.next()
    assert certificates.authorities == new.certificate.encode()
    assert certificates.chain == former.chain
    assert "none that others accept" in watch.kept[0]


def test_a_certificate_that_begins_later_is_used_when_it_does(watch: Watch) -> None:
    """What failed is tried again although no file has changed."""
    former = watch.watched.current()
    watch.folder.hold(watch.authority.issue(uri(TOKEN), begins=timedelta(seconds=2)))
    assert watch.next() is former
    deadline = time.monotonic() + 10
    while watch.next() is former:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert len(watch.kept) == len(watch.renewed) == 1


def test_a_start_without_certificates_fails(tmp_path: Path) -> None:
    """There are no former ones to keep."""
    files = service_files(tmp_path / "ca.crt", tmp_path / "tls.crt", tmp_path / "tls.key", uri=TOKEN)
    with pytest.raises(CertificateError, match=r"ca\.crt: No such file"):
        WatchedCertificates(files, renewed=pytest.fail, kept=pytest.fail)
