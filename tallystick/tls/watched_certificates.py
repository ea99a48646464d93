"""Certificates that follow their files, for servers and channels of a program that goes on running."""

import time
from collections.abc import Callable
from datetime import datetime
from threading import Lock

from tallystick.tls.certificates import CertificateError, CertificateFiles, Certificates

LOOK_EVERY_SECONDS = 1.0
"""How old what is known of the files may be. Handshakes and calls ask more often, and some of them are strangers'."""


class WatchedCertificates:
    """The certificates to use now. May be asked from any thread; looks at the files as it is asked.

    Of a change `renewed` is told what is used from now on, and `kept`, once, why something is not. Raises
    `CertificateError` when there is nothing to begin with.
    """

    def __init__(
        self,
        files: CertificateFiles,
        *,
        renewed: Callable[[Certificates], None],
        kept: Callable[[CertificateError], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._files = files
        self._renewed = renewed
        self._kept = kept
        self._clock = clock
        self._lock = Lock()
        # Before they are read, so that a change since then is noticed.
        self._state: object = files.state()
        self._held = files.read()
        self._problem: str | None = None
        self._looked_at = clock()

    def current(self) -> Certificates:
        """Return what is to be used for a new connection: the same object until something has changed."""
        with self._lock:
            now = self._clock()
            if now - self._looked_at >= LOOK_EVERY_SECONDS:
                self._look()
                self._looked_at = now
            return self._held

    @property
    def not_after(self) -> datetime | None:
        """Until when our own certificate counts that is used now; None when we have none that was looked into."""
        identity = self.current().identity
        return None if identity is None else identity.not_after

    def _look(self) -> None:
        state = self._files.state()
        # What could not be used may be usable now, as it need not be a file that was wrong, but the time.
        if state == self._state and self._problem is None:
            return
        held, problem = self._files.renewed(self._held)
        self._state = state
        if held != self._held:
            self._held = held
            self._renewed(held)
        if problem is not None and str(problem) != self._problem:
            self._kept(problem)
        self._problem = None if problem is None else str(problem)
