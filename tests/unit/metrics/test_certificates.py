"""Until when a service's certificate counts, over files that change."""

from datetime import timedelta
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from tallystick.runtime.metrics.certificates import CertificateState
from tallystick.runtime.tls import service_files
from tallystick.tls.watched_certificates import LOOK_EVERY_SECONDS, WatchedCertificates
from tests.support.authority import LOCALHOST, Authority, CertificateFolder, uri

TOKEN = "spiffe://tallystick/token"
NAME = "tallystick_certificate_not_after_seconds"
HOUR = timedelta(hours=1)


class Watch:
    """Certificates by a clock that only we move, and what is told of them."""

    def __init__(self, folder: Path) -> None:
        self.authority, self.folder, self._now = Authority(), CertificateFolder(folder), 0.0
        self.folder.trust([self.authority])
        self.hold(HOUR)
        watched = WatchedCertificates(
            service_files(self.folder.authorities, self.folder.certificate, self.folder.key, uri=TOKEN),
            renewed=lambda _: None,
            kept=lambda _: None,
            clock=lambda: self._now,
        )
        self.registry = CollectorRegistry()
        CertificateState(self.registry, watched)

    def hold(self, ends: timedelta) -> None:
        """Put a certificate into the files that ends so long after now."""
        self.folder.hold(self.authority.issue(uri(TOKEN), *LOCALHOST, ends=ends))

    def told(self) -> float:
        """Return what a scrape finds that comes after the files may be looked at again."""
        self._now += LOOK_EVERY_SECONDS
        return self.registry.get_sample_value(NAME) or 0.0


@pytest.fixture
def watch(tmp_path: Path) -> Watch:
    return Watch(tmp_path)


def test_a_renewed_certificate_is_told_of(watch: Watch) -> None:
    """The end moves as far as the new one's is later than the former's."""
    first = watch.told()
    watch.hold(5 * HOUR)
    assert watch.told() - first == pytest.approx(4 * HOUR.total_seconds(), abs=60)


def test_what_counts_is_the_certificate_in_use(watch: Watch) -> None:
    """A file that cannot be used leaves the former certificate in its place, and its end is what is told."""
    first = watch.told()
    watch.folder.hold(Authority("a stranger").issue(uri(TOKEN), *LOCALHOST, ends=5 * HOUR))
    assert watch.told() == first
    watch.folder.certificate.unlink()
    assert watch.told() == first


def test_the_end_is_not_moved_by_looking(watch: Watch) -> None:
    """It is a moment of time, which stays true while nobody looks."""
    assert watch.told() == watch.told() > 0
