"""What a program makes of certificates, such as a channel, made anew when they change: gRPC does not (grpc#41779)."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Lock
from typing import Generic, TypeVar

from tallystick.tls.certificates import Certificates
from tallystick.tls.watched_certificates import WatchedCertificates

Made = TypeVar("Made")


@dataclass(slots=True, eq=False)
class _Generation(Generic[Made]):
    made: Made
    certificates: Certificates | None
    users: int = 0


class Renewed(Generic[Made]):
    """What is made of the certificates to use now; for any thread. Without certificates it is made once.

    What was made of former ones is given to `end` when its last user has done with it, so that nothing in progress is
    cut off; and all that there is when it is closed.
    """

    def __init__(
        self,
        make: Callable[[Certificates | None], Made],
        end: Callable[[Made], None],
        watched: WatchedCertificates | None = None,
    ) -> None:
        self._make = make
        self._end = end
        self._watched = watched
        self._lock = Lock()
        self._current = self._new()
        self._former: set[_Generation[Made]] = set()

    @contextmanager
    def use(self) -> Iterator[Made]:
        """Give what is made of the certificates to use now, and leave it in peace until it is given back."""
        generation = self._borrow()
        try:
            yield generation.made
        finally:
            self._give_back(generation)

    def close(self) -> None:
        """End what is used now, and what of former certificates is still used; nothing is made afterwards."""
        with self._lock:
            open_ = [*self._former, self._current]
            self._former.clear()
            self._watched = None
        for generation in open_:
            self._end(generation.made)

    def _borrow(self) -> _Generation[Made]:
        with self._lock:
            if self._watched is not None and self._watched.current() is not self._current.certificates:
                self._former.add(self._current)
                self._current = self._new()
            self._current.users += 1
            current, unused = self._current, self._unused()
        for generation in unused:
            self._end(generation.made)
        return current

    def _give_back(self, generation: _Generation[Made]) -> None:
        with self._lock:
            generation.users -= 1
            unused = self._unused()
        for each in unused:
            self._end(each.made)

    def _unused(self) -> set[_Generation[Made]]:
        """Forget what was made of former certificates and nobody uses, and return it."""
        unused = {generation for generation in self._former if generation.users == 0}
        self._former -= unused
        return unused

    def _new(self) -> _Generation[Made]:
        certificates = None if self._watched is None else self._watched.current()
        return _Generation(self._make(certificates), certificates)
