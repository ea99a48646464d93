"""HTTP: one ASGI middleware around every service's app, and a uvicorn that leaves signals to `lifecycle`."""

import asyncio
import socket
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from typing import Protocol

import uvicorn
from fastapi import FastAPI
from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tallystick.runtime import client_address, request_id
from tallystick.runtime.front_door import FrontDoor
from tallystick.runtime.http_protocol import BoundedHttpProtocol
from tallystick.runtime.lifecycle import StartError
from tallystick.runtime.log import logger
from tallystick.runtime.randomness import Randomness
from tallystick.runtime.settings import PREFIX, ListenAddress
from tallystick.runtime.tracing.traces import NO_TRACES, Traces

MAX_BODY_BYTES = 64 * 1024
_BODY_SECONDS = 10.0
# With bodies of full size, about 320 MB. Stores refuse far earlier those that wait too long for a connection.
_MAX_REQUESTS = 5000
_OVERLOADED = Response("Service Unavailable", 503, {"Retry-After": "1", "Connection": "close"}, "text/plain")
_FAILED = Response("Internal Server Error", 500, media_type="text/plain")
_OPEN = FrontDoor()
_log = logger(__name__)


class CountsRequests(Protocol):
    """Told of each request once it is over."""

    def __call__(self, route: str | None, method: str, status: int, seconds: float) -> None:
        """Count a request; its route is None when we serve nothing there, its status 0 when nothing was answered."""


def _uncounted(route: str | None, method: str, status: int, seconds: float) -> None:
    del route, method, status, seconds


def new_app(
    title: str,
    randomness: Randomness,
    door: FrontDoor = _OPEN,
    counted: CountsRequests = _uncounted,
    traces: Traces = NO_TRACES,
) -> FastAPI:
    """Return an app without generated pages, wrapped in the middleware."""
    app = FastAPI(title=title, openapi_url=None, docs_url=None, redoc_url=None, redirect_slashes=False)
    app.add_middleware(
        RequestFrame,
        randomness=randomness,
        door=door,
        counted=counted,
        traces=traces,
        routes=lambda: _routes(app.routes),
    )
    return app


def _routes(routes: Sequence[BaseRoute]) -> Collection[str]:
    # None of ours has a part that differs from request to request.
    return frozenset(each.path for each in routes if isinstance(each, Route))


class RequestFrame:
    """Binds request id and address, asks the door, bounds what is served at once, sets headers, and logs one line.

    The path is logged and the query never: it holds states and challenges.
    """

    def __init__(
        self,
        app: ASGIApp,
        randomness: Randomness,
        door: FrontDoor = _OPEN,
        max_requests: int = _MAX_REQUESTS,
        *,
        counted: CountsRequests = _uncounted,
        traces: Traces = NO_TRACES,
        routes: Callable[[], Collection[str]] = frozenset,
    ) -> None:
        """`routes` says at which paths something is served; it is asked once, with the first request."""
        self._app = app
        self._randomness = randomness
        self._door = door
        self._max_requests = max_requests
        self._in_flight = 0
        self._counted = counted
        self._traces = traces
        self._ask_routes = routes
        self._routes: Collection[str] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request (ASGI)."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began, status = time.monotonic(), 0
        request = Request(scope)
        presented = request.headers.get(request_id.HEADER)
        request_id.begin(request_id.accepted(presented, str(self._randomness.uuid())))
        entry = self._door.entry(request)
        client_address.begin(entry.address)
        route = self._route(scope["path"])
        # A stranger would have what it likes followed.
        span = self._traces.request_served(scope["method"], route, request.headers if entry.proxied else {})

        async def framed(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                headers.update(entry.headers)
                headers[request_id.HEADER] = request_id.current()
                headers.setdefault("cache-control", "no-store")
                headers.setdefault("pragma", "no-cache")
                headers.setdefault("x-content-type-options", "nosniff")
            await send(message)

        app = entry.answer or (self._app if self._in_flight < self._max_requests else _OVERLOADED)
        self._in_flight += 1
        try:
            await app(scope, receive, framed)
        except Exception as error:  # noqa: BLE001 - whatever it is, nobody outside learns of it
            _log.error("request_failed", exc_info=error)
            if not status:
                await _FAILED(scope, receive, framed)
        finally:
            self._in_flight -= 1
            seconds = time.monotonic() - began
            self._counted(route, scope["method"], status, seconds)
            milliseconds = round(seconds * 1000, 1)
            _log.info("http", method=scope["method"], path=scope["path"], status=status, duration_ms=milliseconds)
            span.end(status)

    def _route(self, path: str) -> str | None:
        """Return a path if something is served there."""
        if self._routes is None:
            self._routes = self._ask_routes()
        return path if path in self._routes else None


class BodyTooLarge(Exception):
    """A request body is over `MAX_BODY_BYTES`."""


async def read_body(receive: Receive, *, seconds: float = _BODY_SECONDS) -> bytes:
    """Read a request's body in bounded memory and time.

    Raises `BodyTooLarge`, or `ConnectionError` when the sender went away or took longer than so many seconds.
    """
    chunks, size = [], 0
    try:
        async with asyncio.timeout(seconds):
            while True:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise ConnectionError("the sender went away")
                chunk = message.get("body", b"")
                size += len(chunk)
                if size > MAX_BODY_BYTES:
                    raise BodyTooLarge
                chunks.append(chunk)
                if not message.get("more_body", False):
                    return b"".join(chunks)
    except TimeoutError:
        raise ConnectionError("the sender took too long") from None


def listening_socket(name: str, address: ListenAddress) -> socket.socket:
    """Bind and return a socket; raise `StartError` when the address is taken."""
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    bound = socket.socket(family, socket.SOCK_STREAM)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((address.host, address.port))
    except OSError as error:
        bound.close()
        advice = "stop what listens there or choose another address"
        raise StartError(f"{PREFIX}{name}: {address} cannot be used ({error.strerror}): {advice}") from None
    return bound


class HttpServer(uvicorn.Server):
    """Serves an app until told to stop; signals are the process's business."""

    def __init__(
        self, app: ASGIApp, *, drain_seconds: float, protocol: type[asyncio.Protocol] = BoundedHttpProtocol
    ) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                loop="uvloop",
                http=protocol,
                ws="none",
                lifespan="off",
                access_log=False,
                log_config=None,
                server_header=False,
                proxy_headers=False,
                timeout_graceful_shutdown=int(drain_seconds) or 1,
                backlog=1024,
            )
        )
        self.listening = asyncio.Event()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals alone: uvicorn would raise them again after its own shutdown and end the drain."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen, and let `listening` know."""
        await super().startup(sockets)
        self.listening.set()

    def stop(self) -> None:
        """Ask the server to finish what is in flight and return from `serve`."""
        self.should_exit = True
