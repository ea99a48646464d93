"""Passwords by Argon2id (RFC 9106), in threads of their own, as hashing would hold up the event loop."""

import asyncio
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from threading import BoundedSemaphore
from types import TracebackType
from typing import Any, Self, TypeVar
from unicodedata import normalize

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from argon2.profiles import RFC_9106_LOW_MEMORY

from tallystick.runtime.failures import Unavailable
from tallystick.runtime.log import logger

# Each takes 64 MiB while it works.
_THREADS = 2
_WAITING = 32

Result = TypeVar("Result")

_log = logger(__name__)


class Argon2Passwords:
    """Implements `Passwords`, by RFC 9106's second recommended parameters (64 MiB, 3 passes) unless told otherwise.

    At most `waiting` hashes wait for the `threads` that compute them; beyond that `Unavailable` is raised at once, so
    that a flood of sign-ins is refused rather than queued.
    """

    def __init__(
        self, hasher: PasswordHasher | None = None, *, threads: int = _THREADS, waiting: int = _WAITING
    ) -> None:
        self._hasher = hasher or PasswordHasher.from_parameters(RFC_9106_LOW_MEMORY)
        # Nobody's password: what is verified when there is no user, so that it takes as long.
        self._nobodys_hash = self._hasher.hash("")
        self._executor = ThreadPoolExecutor(threads, thread_name_prefix="argon2")
        self._threads = threads
        self._begun: set[Future[Any]] = set()
        self._places = BoundedSemaphore(threads + waiting)

    @property
    def waiting(self) -> int:
        """How many wait for a thread."""
        return max(0, len(self._begun) - self._threads)

    async def hash(self, password: str) -> str:
        """Return the hash of a password, with a salt of its own."""
        return await self._in_thread(lambda: self._hasher.hash(_prepared(password)))

    async def verify(self, hashed: str | None, password: str) -> bool:
        """Tell whether a password has this hash; None, for a user who is not known, takes as long and is False."""
        verified = await self._in_thread(lambda: self._verify(hashed or self._nobodys_hash, _prepared(password)))
        return hashed is not None and verified

    def close(self) -> None:
        """Wait for what is being computed and end the threads."""
        self._executor.shutdown(cancel_futures=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    async def _in_thread(self, work: Callable[[], Result]) -> Result:
        if not self._places.acquire(blocking=False):
            raise Unavailable("too many passwords are being checked")
        future = self._executor.submit(work)
        self._begun.add(future)
        # Gives the place back when the work is done, or was cancelled before it began.
        future.add_done_callback(self._done)
        return await asyncio.wrap_future(future)

    def _done(self, future: Future[Any]) -> None:
        self._begun.discard(future)
        self._places.release()

    def _verify(self, hashed: str, password: str) -> bool:
        try:
            return self._hasher.verify(hashed, password)
        except VerificationError:
            return False
        except InvalidHashError:
            _log.error("unreadable_password_hash")
            return False


def _prepared(password: str) -> str:
    # The same password may be typed in two ways, depending on the keyboard (RFC 8265 §4.2).
    return normalize("NFC", password)
