"""What is made of certificates: made anew when they change, and ended when nobody uses it any more."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from threading import Event

import pytest

from tallystick.tls.certificates import CertificateFiles, Certificates
from tallystick.tls.renewed import Renewed
from tallystick.tls.watched_certificates import WatchedCertificates
from tests.support.authority import Authority, CertificateFolder

CHANGES = 20


class Made:
    """Something that can be ended, which is noticed when it happens twice or while it is used."""

    def __init__(self, certificates: Certificates | None) -> None:
        self.certificates = certificates
        self.ended = 0

    def end(self) -> None:
        self.ended += 1


@pytest.fixture
def change(tmp_path: Path) -> Callable[[], None]:
    """Give the files that are watched another content."""
    folder = CertificateFolder(tmp_path)
    return lambda: folder.trust([Authority()])


@pytest.fixture
def renewed(tmp_path: Path, change: Callable[[], None]) -> Renewed[Made]:
    change()
    ticks = iter(range(10**9))
    watched = WatchedCertificates(
        CertificateFiles(tmp_path / "ca.crt"),
        renewed=lambda _: None,
        kept=pytest.fail,
        clock=lambda: float(next(ticks)),
    )
    return Renewed(Made, Made.end, watched)


def test_it_is_made_once_while_nothing_changes(renewed: Renewed[Made]) -> None:
    """And is the same for everybody."""
    with renewed.use() as first, renewed.use() as second:
        assert first is second
    assert first.ended == 0


def test_the_former_is_ended_at_once_when_nobody_uses_it(renewed: Renewed[Made], change: Callable[[], None]) -> None:
    """There is nothing to wait for."""
    with renewed.use() as former:
        pass
    change()
    with renewed.use() as latter:
        assert former.ended == 1
    assert latter.ended == 0
    assert latter.certificates is not former.certificates


def test_the_former_lasts_until_its_last_user_is_done(renewed: Renewed[Made], change: Callable[[], None]) -> None:
    """And is ended once."""
    with ExitStack() as first, ExitStack() as second:
        former = first.enter_context(renewed.use())
        assert second.enter_context(renewed.use()) is former
        change()
        with renewed.use() as latter:
            assert latter is not former
        first.close()
        assert former.ended == 0
        second.close()
        assert former.ended == 1


def test_without_certificates_it_is_made_once() -> None:
    """As for plaintext."""
    renewed = Renewed(Made, Made.end)
    with renewed.use() as made:
        assert made.certificates is None
    with renewed.use() as again:
        assert again is made
    assert made.ended == 0


def test_closing_ends_all_that_there_is(renewed: Renewed[Made], change: Callable[[], None]) -> None:
    """What a call in progress uses too, once; and nothing is made afterwards."""
    with renewed.use() as former:
        change()
        with renewed.use() as latter:
            renewed.close()
            assert (former.ended, latter.ended) == (1, 1)
    change()
    with renewed.use() as closed:
        assert closed is latter
    assert (former.ended, latter.ended) == (1, 1)


def test_nothing_is_ended_under_its_users(renewed: Renewed[Made], change: Callable[[], None]) -> None:
    """Many threads, and changes all the time."""
    seen: set[Made] = set()
    over = Event()

    def used() -> None:
        while not over.is_set():
            with renewed.use() as made:
                seen.add(made)
                assert made.ended == 0

    with ThreadPoolExecutor(3) as threads:
        using = [threads.submit(used) for _ in range(3)]
        for number in range(1, CHANGES):
            change()
            while len(seen) <= number and not any(each.done() for each in using):
                time.sleep(0.001)
        over.set()
        for each in using:
            each.result()
    with renewed.use() as latest:
        assert {made.ended for made in seen - {latest}} == {1}
    assert latest.ended == 0
