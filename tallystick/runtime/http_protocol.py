"""HTTP/1.1 that is bounded in what it keeps of a request and in how long it waits for one.

uvicorn leaves both to a proxy in front: its parser keeps headers of any size, and its timers run only between requests.
"""

from asyncio import TimerHandle, Transport
from http import HTTPStatus

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

MAX_HEAD_BYTES = 32 * 1024
"""How much of a message may be something else than its body: request line, headers, and the framing of chunks."""

_PIECE_BYTES = 4 * 1024


class BoundedHttpProtocol(HttpToolsProtocol):
    """Refuses a head of more than `MAX_HEAD_BYTES`, to within one piece, with 431 (RFC 6585 §5).

    A connection on which no head is complete `head_seconds` after it began, or after the last answer, is closed.
    """

    head_seconds: float = 10.0
    _overhead: int = 0
    _head_deadline: TimerHandle | None = None

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override] # as uvicorn's own
        """Begin to wait for a head."""
        super().connection_made(transport)
        self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no longer."""
        self._head_has_come()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse in pieces, so that no more than one of them is kept beyond the bound."""
        for start in range(0, len(data), _PIECE_BYTES):
            if self.transport.is_closing():
                return
            piece = data[start : start + _PIECE_BYTES]
            super().data_received(piece)
            self._overhead += len(piece)
            if self._overhead > MAX_HEAD_BYTES:
                self._refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)

    def on_message_begin(self) -> None:
        """Count anew."""
        self._overhead = 0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """Serve the request; its body has a deadline of its own, in `read_body`."""
        self._head_has_come()
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Leave the body out of the count; it is bounded where it is read, and not kept elsewhere."""
        self._overhead -= len(body)
        super().on_body(body)

    def on_response_complete(self) -> None:
        """Begin to wait for the next head, unless it came already."""
        another_has_come = bool(self.pipeline)
        super().on_response_complete()
        if not another_has_come and not self.transport.is_closing():
            self._await_head()

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - uvicorn's signature
        """Refuse what is no HTTP."""
        self._refuse(HTTPStatus.BAD_REQUEST)

    def _await_head(self) -> None:
        self._head_has_come()
        self._head_deadline = self.loop.call_later(self.head_seconds, self.transport.close)

    def _head_has_come(self) -> None:
        if self._head_deadline is not None:
            self._head_deadline.cancel()
            self._head_deadline = None

    def _refuse(self, status: HTTPStatus) -> None:
        """Answer, unless an answer has begun on this connection, and close."""
        cycle: RequestResponseCycle | None = self.cycle
        if cycle is None or cycle.response_complete or not cycle.response_started:
            lines = (
                f"HTTP/1.1 {status.value} {status.phrase}",
                "content-length: 0",
                "cache-control: no-store",
                "pragma: no-cache",
                "x-content-type-options: nosniff",
                "connection: close",
            )
            self.transport.write("".join(f"{line}\r\n" for line in (*lines, "")).encode())
        self.transport.close()
