"""What is noted of each gRPC call as it ends: a line in the log, a count, and the end of its span.

Neither messages nor metadata are ever logged. Where very many calls succeed, some of them are.
"""

import time
from collections.abc import Mapping
from typing import Protocol

from tallystick.runtime.failures import Failure
from tallystick.runtime.grpc_status import code_of
from tallystick.runtime.log import logger
from tallystick.runtime.sample import Sample
from tallystick.runtime.tracing.traces import ServedCall, Traces

OK = "OK"
CANCELLED = "CANCELLED"

_INTERNAL = "INTERNAL"

_log = logger(__name__)


class CountsCalls(Protocol):
    """Told of each call once it is over."""

    def __call__(self, method: str, code: str, seconds: float, reason: str = "") -> None:
        """Count a call by its status code; `reason` is why it was refused, if it was."""


def uncounted(method: str, code: str, seconds: float, reason: str = "") -> None:
    """Count nothing."""
    del method, code, seconds, reason


class Calls:
    """Notes the calls of one server."""

    def __init__(self, counted: CountsCalls, traces: Traces, sample: Sample | None = None) -> None:
        """Of calls that succeed those that `sample` passes over are logged at level debug only."""
        self._counted = counted
        self._traces = traces
        self._sample = sample

    def begin(self, method: str) -> "Call":
        """Begin with a call."""
        return Call(method, self._counted, self._traces, self._sample)


class Call:
    """One call; it ends once, in one of three ways."""

    def __init__(self, method: str, counted: CountsCalls, traces: Traces, sample: Sample | None) -> None:
        self._method = method
        self._counted = counted
        self._traces = traces
        self._sample = sample
        self._began = time.monotonic()
        self._span: ServedCall | None = None

    def follow(self, metadata: Mapping[str, str]) -> None:
        """Trace it from here on, as its metadata say; those who may not call are not followed, nor believed."""
        self._span = self._traces.call_served(self._method, metadata)

    def answered(self) -> None:
        """Note that it succeeded."""
        passed_over = 0 if self._sample is None else self._sample.choose()
        fields = self._counted_as(OK)
        if passed_over is None:
            _log.debug("rpc", **fields, outcome=OK)
        else:
            more = {"passed_over": passed_over} if passed_over else {}
            _log.info("rpc", **fields, outcome=OK, **more)
        self._end_span(OK)

    def ended(self, outcome: str, **more: int) -> None:
        """Note a stream that ended without an error, or a call that nobody waits for any more."""
        _log.info("rpc", **self._counted_as(outcome), **more, outcome=outcome)
        self._end_span(outcome)

    def failed(self, error: Exception, **more: int) -> None:
        """Note that it was refused or went wrong."""
        code = code_of(error).name
        if isinstance(error, Failure):
            reason = error.reason
            _log.info("rpc", **self._counted_as(code, reason), **more, outcome=reason, detail=error.detail)
        else:
            reason = _INTERNAL
            _log.error("rpc", **self._counted_as(code, reason), **more, outcome=reason, exc_info=error)
        self._end_span(code, reason)

    def _counted_as(self, code: str, reason: str = "") -> dict[str, str | float]:
        """Count it, and return what its line in the log says of it."""
        seconds = time.monotonic() - self._began
        self._counted(self._method, code, seconds, reason)
        return {"method": self._method, "duration_ms": round(seconds * 1000, 1)}

    def _end_span(self, code: str, reason: str = "") -> None:
        if self._span is not None:
            self._span.end(code, reason)
