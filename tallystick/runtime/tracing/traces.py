"""What the servers, the channels and the pool tell of a request while it is served."""

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Protocol

from structlog.types import EventDict, WrappedLogger

Pairs = tuple[tuple[str, str], ...]
"""Metadata of a call."""


class ServedCall(Protocol):
    """A gRPC call that is being answered."""

    def end(self, code: str, reason: str = "") -> None:
        """End it with its status code; `reason` is why it was refused, if it was."""


class ServedRequest(Protocol):
    """An HTTP request that is being answered."""

    def end(self, status: int) -> None:
        """End it with the status of the answer; 0 when there was none."""


class Traces(Protocol):
    """Follows requests; whatever is told while one is served belongs to it."""

    def call_served(self, method: str, metadata: Mapping[str, str]) -> ServedCall:
        """Begin with a call in this task or thread, as a part of the trace that its metadata name."""

    def request_served(self, method: str, route: str | None, headers: Mapping[str, str]) -> ServedRequest:
        """Begin with a request in this task, as a part of the trace that its headers name."""

    def call_made(self, method: str) -> AbstractContextManager[Pairs]:
        """Follow a call to a neighbour; give what metadata tell it of the trace."""

    def statement(self, text: str) -> AbstractContextManager[None]:
        """Follow what the database does for the request in hand; `text` has no values in it."""

    def command(self, name: str) -> AbstractContextManager[None]:
        """Follow what Redis does for the request in hand, by the name of the command alone."""

    def stamp(self, log: WrappedLogger, level: str, event: EventDict) -> EventDict:
        """Add to a line of the log by what trace to find it (a processor of structlog)."""

    def close(self) -> None:
        """Send what is left, in bounded time."""


class NoTraces:
    """Follows nothing."""

    def call_served(self, method: str, metadata: Mapping[str, str]) -> ServedCall:
        """Begin nothing."""
        del method, metadata
        return _UNTRACED_CALL

    def request_served(self, method: str, route: str | None, headers: Mapping[str, str]) -> ServedRequest:
        """Begin nothing."""
        del method, route, headers
        return _UNTRACED_REQUEST

    def call_made(self, method: str) -> AbstractContextManager[Pairs]:
        """Tell nothing."""
        del method
        return nullcontext(())

    def statement(self, text: str) -> AbstractContextManager[None]:
        """Follow nothing."""
        del text
        return nullcontext()

    def command(self, name: str) -> AbstractContextManager[None]:
        """Follow nothing."""
        del name
        return nullcontext()

    def stamp(self, log: WrappedLogger, level: str, event: EventDict) -> EventDict:
        """Add nothing."""
        del log, level
        return event

    def close(self) -> None:
        """Do nothing."""


class _UntracedCall:
    def end(self, code: str, reason: str = "") -> None:
        del code, reason


class _UntracedRequest:
    def end(self, status: int) -> None:
        del status


_UNTRACED_CALL = _UntracedCall()
_UNTRACED_REQUEST = _UntracedRequest()
NO_TRACES = NoTraces()
"""For what is not followed, and where no collector is named."""
