"""A TCP proxy between the services and a store, which keeps a question or an answer back at the moment that matters."""

import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from enum import Enum
from itertools import cycle
from threading import Condition, Event, Lock, Thread
from typing import Self
from urllib.parse import urlsplit, urlunsplit

from tests.support.databases import Database

_CHUNK = 64 * 1024
_PATIENCE_SECONDS = 15.0


class Moment(Enum):
    """What is kept back: what is asked has then not been done, or has been."""

    BEFORE = "the question is on its way"
    AFTER = "the answer is on its way"


class Hold:
    """Catches every connection on which a mark goes to the store; what is caught is never delivered."""

    def __init__(self, mark: bytes, moment: Moment) -> None:
        self.mark = mark
        self.moment = moment
        self.ended = Event()
        self._changed = Condition()
        self._caught = 0

    def catch(self) -> None:
        """Count one more, and return when the hold is over."""
        with self._changed:
            self._caught += 1
            self._changed.notify_all()
        self.ended.wait()

    def wait(self, count: int) -> None:
        """Return when so many are caught; fail after fifteen seconds."""
        with self._changed:
            if not self._changed.wait_for(lambda: self._caught >= count, _PATIENCE_SECONDS):
                raise TimeoutError(f"of {count} that were to be held {self._caught} came: {self.mark!r}")


class StoreProxy:
    """Passes bytes on between a loopback port of its own and a store, as a test lets it."""

    def __init__(self, url: str) -> None:
        self.lead_to(url)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._connections: set[_Connection] = set()
        self._lock = Lock()
        self.hold: Hold | None = None
        self.delay_seconds = 0.0
        self.refuses = False
        self._acceptor = Thread(target=self._accept, daemon=True)
        self._acceptor.start()

    def url(self, url: str) -> str:
        """Return a store's address such that it leads through here."""
        parts = urlsplit(url)
        credentials = f"{parts.netloc.rpartition('@')[0]}@" if "@" in parts.netloc else ""
        host, port = self._listener.getsockname()
        return urlunsplit(parts._replace(netloc=f"{credentials}{host}:{port}"))

    def lead_to(self, *urls: str) -> None:
        """Lead new connections to these stores, in turn; those that there are stay where they are."""
        targets = [urlsplit(url) for url in urls]
        self._targets = cycle([(str(target.hostname), int(target.port or 0)) for target in targets])

    @contextmanager
    def holding(self, mark: bytes, moment: Moment) -> Iterator[Hold]:
        """Keep back what concerns a mark; in the end the connections concerned break."""
        hold = self.hold = Hold(mark, moment)
        try:
            yield hold
        finally:
            self.hold = None
            hold.ended.set()

    @contextmanager
    def slow(self, seconds: float) -> Iterator[None]:
        """Deliver each answer of the store that much later."""
        self.delay_seconds = seconds
        try:
            yield
        finally:
            self.delay_seconds = 0.0

    @contextmanager
    def cut(self) -> Iterator[None]:
        """Break all connections and take no new ones."""
        self.refuses = True
        self._break_all()
        try:
            yield
        finally:
            self.refuses = False

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                if self.refuses:
                    client.close()
                    continue
                try:
                    server = socket.create_connection(next(self._targets), timeout=5)
                except OSError:
                    client.close()
                    continue
                server.settimeout(None)
                connection = _Connection(self, client, server)
                with self._lock:
                    # Before anybody may break it, who waits for its threads.
                    connection.start()
                    self._connections = {each for each in self._connections if not each.broken.is_set()} | {connection}

    def _break_all(self) -> None:
        with self._lock:
            connections, self._connections = self._connections, set()
        for connection in connections:
            connection.finish()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        # A thread that waits in accept() is not woken by close() alone.
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._acceptor.join()
        self._listener.close()
        self._break_all()


class _Connection:
    def __init__(self, proxy: StoreProxy, client: socket.socket, server: socket.socket) -> None:
        self._proxy, self._client, self._server = proxy, client, server
        self._hold: Hold | None = None
        self._lock = Lock()
        self._running = 2
        self.broken = Event()
        for each in (client, server):
            each.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

        self._threads = [
            Thread(target=self._until_it_breaks, args=(work,), daemon=True) for work in (self._questions, self._answers)
        ]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def close(self) -> None:
        self.broken.set()
        for each in (self._client, self._server):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    def finish(self) -> None:
        self.close()
        for thread in self._threads:
            thread.join()

    def _until_it_breaks(self, work: Callable[[], None]) -> None:
        with suppress(OSError):
            work()
        with self._lock:
            self.close()
            self._running -= 1
            if not self._running:
                self._client.close()
                self._server.close()

    def _questions(self) -> None:
        tail = b""
        while octets := self._client.recv(_CHUNK):
            hold = self._proxy.hold
            if hold is not None and self._hold is None and hold.mark in tail + octets:
                self._hold = hold
                if hold.moment is Moment.BEFORE:
                    hold.catch()
                    return
            tail = octets[-100:]
            self._server.sendall(octets)

    def _answers(self) -> None:
        while octets := self._server.recv(_CHUNK):
            hold = self._hold
            if hold is not None and hold.moment is Moment.AFTER:
                if _is_complete(octets):
                    hold.catch()
                    return
                continue
            time.sleep(self._proxy.delay_seconds)
            self._client.sendall(octets)


def _is_complete(octets: bytes) -> bool:
    """Tell whether a store has done what it was asked: PostgreSQL is ready for more, Redis ends each answer so."""
    return octets.endswith((b"Z\x00\x00\x00\x05I", b"\r\n"))


@dataclass(frozen=True, slots=True)
class ProxiedDatabase(Database):
    """A database that is reached through a proxy."""

    proxy: StoreProxy = field(kw_only=True)

    def dsn(self, role: str | None = None) -> str:
        """Return its address for the owner, or acting as a role."""
        return self.proxy.url(Database.dsn(self, role))
