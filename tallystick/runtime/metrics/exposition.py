"""`GET /metrics`: what is measured, as Prometheus reads it, over plain HTTP on an address of its own.

Threads of its own answer, so that they do while the event loop is busy and all other threads wait for a store.
"""

import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread

from prometheus_client import CollectorRegistry, Metric
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest

from tallystick.runtime.http import listening_socket
from tallystick.runtime.log import logger
from tallystick.runtime.settings import ListenAddress

PATH = "/metrics"

# Of one that sends or reads nothing.
_PATIENCE_SECONDS = 5.0
_MOST_CONNECTIONS = 8
# Whoever finds no place here tries again after a second, and after three.
_MOST_UNACCEPTED = 128
_LOOK_SECONDS = 0.2

_log = logger(__name__)


@contextmanager
def exposed(registry: CollectorRegistry, address: ListenAddress | None) -> Iterator[None]:
    """Serve a registry while the context lasts, if there is an address; raise `StartError` when that is taken."""
    if address is None:
        yield
        return
    with _Server(listening_socket("METRICS_LISTEN", address), registry) as server:
        Thread(target=server.serve_forever, args=(_LOOK_SECONDS,), name="metrics", daemon=True).start()
        _log.info("metrics_listening", port=server.socket.getsockname()[1])
        try:
            yield
        finally:
            server.shutdown()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = _MOST_UNACCEPTED

    def __init__(self, bound: socket.socket, registry: CollectorRegistry) -> None:
        super().__init__(("", 0), _Scrape, bind_and_activate=False)
        # In place of one that would be bound after its name had been looked for in the DNS.
        self.socket.close()
        self.socket = bound
        self.measured = _Measured(registry)
        self._open: dict[socket.socket, None] = {}
        self._lock = Lock()
        self.server_activate()

    def process_request(self, request: socket.socket | tuple[bytes, socket.socket], client_address: object) -> None:
        """Answer in a thread; of too many connections the oldest is cut off, so that none keeps others out."""
        assert isinstance(request, socket.socket)  # noqa: S101 - the other form is that of datagrams
        with self._lock:
            self._open[request] = None
            if len(self._open) > _MOST_CONNECTIONS:
                _cut_off(self._open, next(iter(self._open)))
        super().process_request(request, client_address)

    def shutdown_request(self, request: socket.socket | tuple[bytes, socket.socket]) -> None:
        """End a connection."""
        with self._lock:
            self._open.pop(request, None)  # type: ignore[arg-type] # `process_request` let in nothing but sockets
        super().shutdown_request(request)

    def handle_error(self, request: object, client_address: object) -> None:
        """Log what went wrong, which would else go to standard error in words of its own."""
        del request, client_address
        _log.info("scrape_failed", exc_info=True)


def _cut_off(open_: dict[socket.socket, None], connection: socket.socket) -> None:
    del open_[connection]
    # Both ways, so that the thread that waits for the rest of a request has its end, and ends too.
    with suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)


class _Scrape(BaseHTTPRequestHandler):
    timeout = _PATIENCE_SECONDS
    server: _Server

    def do_GET(self) -> None:
        """Answer one request."""
        if self.path.partition("?")[0] != PATH:
            self.send_error(HTTPStatus.NOT_FOUND)
            return
        text = generate_latest(self.server.measured)
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", CONTENT_TYPE_PLAIN_0_0_4)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def version_string(self) -> str:
        """Say nothing of the versions of what answers."""
        return "tallystick"

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - as the library calls it
        """Log nothing: scrapes come every few seconds."""


class _Measured:
    """A registry without the moments at which each counter began, which would double what is sent."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry

    def collect(self) -> Iterator[Metric]:
        for metric in self._registry.collect():
            metric.samples = [each for each in metric.samples if each.name != f"{metric.name}_created"]
            yield metric
