"""`GET /metrics` over real sockets: what is served, and that whoever keeps a connection open keeps nobody out."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import httpx
import pytest
from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector
from structlog.testing import capture_logs

from tallystick.runtime.lifecycle import StartError
from tallystick.runtime.metrics.exposition import exposed
from tallystick.runtime.settings import ListenAddress

ANYWHERE = ListenAddress(host="127.0.0.1", port=0)
PLACES = 8
CROWD = 4 * PLACES
SECONDS = 3.0
"""Less than a silent connection is borne with, so that what is seen earlier has another reason."""


@contextmanager
def serving(registry: CollectorRegistry) -> Iterator[int]:
    """Serve a registry and return the port that the system chose, as the log tells it."""
    with capture_logs() as logs, exposed(registry, ANYWHERE):
        [line] = [line for line in logs if line["event"] == "metrics_listening"]
        yield line["port"]


@pytest.fixture(scope="module")
def registry() -> CollectorRegistry:
    registry = CollectorRegistry()
    Counter("tallystick_things", "Things.", ("kind",), registry=registry).labels("good").inc(3)
    Histogram("tallystick_waits_seconds", "Waits.", registry=registry, buckets=(1,)).observe(0.5)
    return registry


@pytest.fixture(scope="module")
def port(registry: CollectorRegistry) -> Iterator[int]:
    with serving(registry) as port:
        yield port


def get(port: int, path: str = "/metrics", method: str = "GET") -> httpx.Response:
    """Send one request on a connection of its own."""
    return httpx.request(method, f"http://127.0.0.1:{port}{path}", timeout=SECONDS, trust_env=False)


def handlers() -> list[threading.Thread]:
    """Return the threads that have a connection, oldest first."""
    return [thread for thread in threading.enumerate() if "process_request_thread" in thread.name]


def test_what_prometheus_reads(port: int) -> None:
    """Its own format, with all samples but the moments at which counters began."""
    answer = get(port)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/plain; version=0.0.4; charset=utf-8")
    assert [line for line in answer.text.splitlines() if not line.startswith("#")] == [
        'tallystick_things_total{kind="good"} 3.0',
        'tallystick_waits_seconds_bucket{le="1.0"} 1.0',
        'tallystick_waits_seconds_bucket{le="+Inf"} 1.0',
        "tallystick_waits_seconds_count 1.0",
        "tallystick_waits_seconds_sum 0.5",
    ]


def test_parameters_have_no_effect(port: int) -> None:
    """Prometheus may send some, as its configuration says."""
    assert get(port, "/metrics?name[]=tallystick_things_total").text == get(port).text


@pytest.mark.parametrize("path", ["/", "/metrics/", "/metrics/../metrics", "/METRICS", "/debug/<b>"])
def test_nothing_else_is_served(port: int, path: str) -> None:
    """Any other path is answered 404, without the path."""
    answer = httpx.Client(trust_env=False).send(
        httpx.Request("GET", f"http://127.0.0.1:{port}", extensions={"target": path.encode()})
    )
    assert answer.status_code == httpx.codes.NOT_FOUND
    assert path == "/" or path not in answer.text


@pytest.mark.parametrize("method", ["HEAD", "POST", "PUT", "DELETE", "OPTIONS", "TRACE"])
def test_it_can_only_be_read(port: int, method: str) -> None:
    """Other methods are not implemented."""
    assert get(port, method=method).status_code == httpx.codes.NOT_IMPLEMENTED


def test_versions_are_not_told(port: int) -> None:
    """The server's name is ours, not Python's."""
    assert get(port).headers["server"] == "tallystick"


@pytest.mark.parametrize("sent", [b"\0\xff\r\n\r\n", b"GET\r\n\r\n", b"GET /metrics HTTP/9.9\r\n\r\n", b""])
def test_garbage_harms_nobody_else(port: int, sent: bytes) -> None:
    """It gets an error or nothing, and the next one its answer."""
    with socket.create_connection(("127.0.0.1", port), timeout=SECONDS) as connection:
        connection.sendall(sent)
        connection.shutdown(socket.SHUT_WR)
        received = b"".join(iter(lambda: connection.recv(4096), b""))
    assert b"tallystick_things" not in received
    assert get(port).status_code == httpx.codes.OK


def test_silent_connections_keep_nobody_out(port: int) -> None:
    """Of many connections that never finish their request the oldest are cut off, and their threads end."""
    with ExitStack() as crowd:
        for _ in range(CROWD):
            connection = crowd.enter_context(socket.create_connection(("127.0.0.1", port), timeout=SECONDS))
            connection.sendall(b"GET /met")
        assert get(port).status_code == httpx.codes.OK
        oldest = handlers()[:-PLACES]
        until = time.monotonic() + SECONDS
        for thread in oldest:
            thread.join(max(0.0, until - time.monotonic()))
        assert not any(thread.is_alive() for thread in oldest)
        assert len(handlers()) <= PLACES


def test_many_at_once_are_all_answered(port: int) -> None:
    """As many as have a place get whole answers, side by side."""
    answers: list[httpx.Response] = []
    together = threading.Barrier(PLACES)

    def scrape() -> None:
        together.wait(SECONDS)
        answers.append(get(port))

    scrapers = [threading.Thread(target=scrape) for _ in range(PLACES)]
    for scraper in scrapers:
        scraper.start()
    for scraper in scrapers:
        scraper.join()
    assert [answer.status_code for answer in answers] == [httpx.codes.OK] * PLACES
    assert len({answer.text for answer in answers}) == 1


class Broken(Collector):
    """Tells nothing, but fails with words that nobody should read."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.is_broken = False
        registry.register(self)

    def collect(self) -> list[Metric]:
        if self.is_broken:
            raise RuntimeError("postgresql://user:password@host")
        return []


def test_what_cannot_be_told_fails_the_scrape_only() -> None:
    """Prometheus gets no half answer and no reason, and finds the replica again once that is over."""
    registry = CollectorRegistry()
    broken = Broken(registry)
    with serving(registry) as port:
        broken.is_broken = True
        with pytest.raises(httpx.RemoteProtocolError) as failure:
            get(port)
        assert "password" not in str(failure.value)
        broken.is_broken = False
        assert get(port).status_code == httpx.codes.OK


def test_nothing_is_served_without_an_address(registry: CollectorRegistry) -> None:
    """The context does nothing then."""
    threads = threading.active_count()
    with capture_logs() as logs, exposed(registry, None):
        assert (threading.active_count(), logs) == (threads, [])


def test_a_taken_address_keeps_the_service_from_starting(registry: CollectorRegistry, port: int) -> None:
    """The reason names the setting, so that nobody believes to be watched who is not."""
    taken = ListenAddress(host="127.0.0.1", port=port)
    with pytest.raises(StartError, match=r"^TALLYSTICK_METRICS_LISTEN: 127\.0\.0\.1:"), exposed(registry, taken):
        pass


def test_it_ends_with_the_context(registry: CollectorRegistry) -> None:
    """Afterwards the port is free again, whoever is still connected."""
    with serving(registry) as port, socket.create_connection(("127.0.0.1", port)) as connection:
        assert get(port).status_code == httpx.codes.OK
        address = connection.getpeername()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(address, timeout=SECONDS)


def test_it_ends_when_the_service_fails(registry: CollectorRegistry) -> None:
    """An exception passes through, and leaves nothing behind."""
    with pytest.raises(LookupError), serving(registry) as port:
        raise LookupError
    with pytest.raises(httpx.ConnectError):
        get(port)
