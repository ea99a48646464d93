"""Web sites of other people: what a browser finds at them, and what it asked them for."""

import itertools
import socket
import ssl
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlsplit

from tests.support.redirect_target import Arrival

ARRIVED = '<h1 id="arrived">Arrived</h1>'


@dataclass(frozen=True, slots=True)
class _Answer:
    status: HTTPStatus
    headers: Mapping[str, str]
    body: bytes


class WebSite:
    """A site with an address for everything that a test puts there, under any name that leads to this machine."""

    def __init__(self, scheme: str, port: int, host: str) -> None:
        self._scheme = scheme
        self._port = port
        self._host = host
        self._names = (f"/{number}" for number in itertools.count(1))
        self._answers: dict[str, _Answer] = {}
        self._arrivals: list[Arrival] = []

    def page(self, html: str = ARRIVED, *, host: str = "") -> str:
        """Put a page at a new address and return it. A client's callback is such a page."""
        text = f'<!doctype html><html lang="en"><meta charset="utf-8"><title>A site</title>{html}'
        answer = _Answer(HTTPStatus.OK, {"content-type": "text/html; charset=utf-8"}, text.encode())
        return self._at_new_address(answer, host)

    def redirect(self, location: str, *, host: str = "") -> str:
        """Have a new address redirect to a location, and return it."""
        return self._at_new_address(_Answer(HTTPStatus.FOUND, {"location": location}, b""), host)

    def arrivals(self, url: str) -> list[Arrival]:
        """Return the requests for an address so far."""
        path = urlsplit(url).path
        return [arrival for arrival in self._arrivals if arrival.path == path]

    def only_arrival(self, url: str) -> Arrival:
        """Return the one request for an address that has come so far."""
        (arrival,) = self.arrivals(url)
        return arrival

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        """Answer a request of a browser."""
        parts = urlsplit(handler.path)
        headers = {name.lower(): value for name, value in handler.headers.items()}
        query = dict(parse_qsl(parts.query, keep_blank_values=True))
        self._arrivals.append(Arrival(handler.command, parts.path, query, headers))
        found = self._answers.get(parts.path, _Answer(HTTPStatus.NOT_FOUND, {}, b""))
        handler.send_response(found.status)
        for name, value in found.headers.items():
            handler.send_header(name, value)
        handler.send_header("content-length", str(len(found.body)))
        handler.end_headers()
        handler.wfile.write(found.body)

    def _at_new_address(self, answer: _Answer, host: str) -> str:
        path = next(self._names)
        self._answers[path] = answer
        return f"{self._scheme}://{host or self._host}:{self._port}{path}"


@contextmanager
def running_site(host: str, *, listen: str = "127.0.0.1", tls: ssl.SSLContext | None = None) -> Iterator[WebSite]:
    """Give a running site; `host` is its name where a test gives it no other one."""

    class Server(ThreadingHTTPServer):
        address_family = socket.AF_INET6 if ":" in listen else socket.AF_INET
        daemon_threads = True

        def handle_error(self, request: object, client_address: object) -> None:
            """Say nothing: browsers try a connection without taking the certificate, and hang up."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            site.answer(self)

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("content-length", 0)))
            site.answer(self)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
            """Say nothing."""

    server = Server((listen, 0), Handler)
    site = WebSite("http" if tls is None else "https", server.server_address[1], host)
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield site
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
