"""What is noted of each gRPC call as it ends: a line in the log, and a count.

Neither messages nor metadata are ever logged. Where very many calls succeed, some of them are.
"""

import time
from typing import Protocol

from tallystick.runtime.failures import Failure
from tallystick.runtime.grpc_status import code_of
from tallystick.runtime.log import logger
from tallystick.runtime.sample import Sample

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


class EndedCalls:
    """Logs and counts the calls of one server."""

    def __init__(self, counted: CountsCalls, sample: Sample | None = None) -> None:
        """Of calls that succeed those that `sample` passes over are logged at level debug only."""
        self._counted = counted
        self._sample = sample

    def answered(self, method: str, began: float) -> None:
        """Note a call that succeeded; `began` is by the monotonic clock."""
        passed_over = 0 if self._sample is None else self._sample.choose()
        seconds = time.monotonic() - began
        self._counted(method, OK, seconds)
        if passed_over is None:
            _log.debug("rpc", **_fields(method, seconds), outcome=OK)
        else:
            more = {"passed_over": passed_over} if passed_over else {}
            _log.info("rpc", **_fields(method, seconds), outcome=OK, **more)

    def ended(self, method: str, began: float, outcome: str, **more: int) -> None:
        """Note a stream that ended without an error, or a call that nobody waits for any more."""
        seconds = time.monotonic() - began
        self._counted(method, outcome, seconds)
        _log.info("rpc", **_fields(method, seconds), **more, outcome=outcome)

    def failed(self, method: str, began: float, error: Exception, **more: int) -> None:
        """Note a call that was refused or went wrong."""
        seconds = time.monotonic() - began
        fields = {**_fields(method, seconds), **more}
        code = code_of(error).name
        if isinstance(error, Failure):
            self._counted(method, code, seconds, error.reason)
            _log.info("rpc", **fields, outcome=error.reason, detail=error.detail)
        else:
            self._counted(method, code, seconds, _INTERNAL)
            _log.error("rpc", **fields, outcome=_INTERNAL, exc_info=error)


def _fields(method: str, seconds: float) -> dict[str, str | float]:
    return {"method": method, "duration_ms": round(seconds * 1000, 1)}
