"""Where a client's answer arrives: a small web server that remembers what it was asked and shows a page."""

import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

_PAGE = b'<!doctype html><html lang="en"><title>Arrived</title><main><h1 id="arrived">Arrived</h1></main>'


@dataclass(frozen=True, slots=True)
class Arrival:
    """One request: its method, its query and its headers, with names in lower case."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]


@dataclass(frozen=True, slots=True)
class RedirectTarget:
    """A running server: its port, and the requests for its callback so far."""

    port: int
    arrivals: list[Arrival] = field(default_factory=list)

    @property
    def callback(self) -> str:
        """The redirect URI, as registered for a native client."""
        return f"http://127.0.0.1:{self.port}/callback"

    def only_arrival(self) -> Arrival:
        """Return the one request that has come so far."""
        (arrival,) = self.arrivals
        return arrival


@contextmanager
def running_target(tls: ssl.SSLContext | None = None, page: bytes = _PAGE) -> Iterator[RedirectTarget]:
    """Give a running server that shows a page at every address."""
    arrivals: list[Arrival] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer()

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("content-length", 0)))
            self._answer()

        def _answer(self) -> None:
            parts = urlsplit(self.path)
            if parts.path == "/callback":
                headers = {name.lower(): value for name, value in self.headers.items()}
                arrivals.append(Arrival(self.command, parts.path, dict(parse_qsl(parts.query)), headers))
            self.send_response(200)
            self.send_header("content-type", "text/html; charset=utf-8")
            self.send_header("content-length", str(len(page)))
            self.end_headers()
            self.wfile.write(page)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield RedirectTarget(server.server_address[1], arrivals)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def self_signed(host: str, folder: Path) -> ssl.SSLContext:
    """Return a server's TLS settings with a certificate for a host that nobody else vouches for."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, host)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=24))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = folder / "target.pem"
    pem.touch(mode=0o600)
    pem.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    return context
