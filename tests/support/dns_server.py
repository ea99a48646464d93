"""A name server on loopback, in whose answers a headless Service's replicas come and go."""

import socket
import struct
from contextlib import suppress
from threading import Event, Lock, Thread
from types import TracebackType
from typing import Self

_HEADER = struct.Struct("!HHHHHH")
_A, _IN = 1, 1
_NO_ERROR_AUTHORITATIVE = 0x8580
_TTL_SECONDS = 0
# Where in a message the name begins that it asks for, as a pointer to it (RFC 1035 §4.1.4).
_POINTER_TO_NAME = 0xC00C


class DnsServer:
    """Answers questions for IPv4 addresses (RFC 1035) and says that there is nothing else."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self._socket.settimeout(0.1)
        self._ending = Event()
        self._addresses: dict[str, tuple[str, ...]] = {}
        self._lock = Lock()
        self._thread = Thread(target=self._serve, name="dns", daemon=True)

    def target(self, name: str, port: int) -> str:
        """Return the gRPC target of a name that is looked up here."""
        host, own_port = self._socket.getsockname()
        return f"dns://{host}:{own_port}/{name}:{port}"

    def say(self, name: str, *addresses: str) -> None:
        """Answer with these addresses from now on."""
        with self._lock:
            self._addresses[name] = addresses

    def _serve(self) -> None:
        while not self._ending.is_set():
            with suppress(TimeoutError):
                question, sender = self._socket.recvfrom(512)
                self._socket.sendto(self._answer(question), sender)

    def _answer(self, message: bytes) -> bytes:
        identifier = _HEADER.unpack_from(message)[0]
        labels, at = [], _HEADER.size
        while length := message[at]:
            labels.append(message[at + 1 : at + 1 + length].decode("ascii"))
            at += 1 + length
        question = message[_HEADER.size : at + 5]
        kind, _ = struct.unpack_from("!HH", message, at + 1)
        with self._lock:
            addresses = self._addresses.get(".".join(labels), ()) if kind == _A else ()
        answers = b"".join(
            struct.pack("!HHHIH", _POINTER_TO_NAME, _A, _IN, _TTL_SECONDS, 4) + socket.inet_aton(address)
            for address in addresses
        )
        return _HEADER.pack(identifier, _NO_ERROR_AUTHORITATIVE, 1, len(addresses), 0, 0) + question + answers

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._ending.set()
        self._thread.join()
        self._socket.close()
