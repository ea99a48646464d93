"""The one table between failures and gRPC status, with `google.rpc.ErrorInfo` as detail, and back."""

import grpc
import grpc.aio
from google.protobuf import any_pb2
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2
from grpc_status import rpc_status

from tallystick.runtime.failures import (
    AlreadyExists,
    Failure,
    Internal,
    Invalid,
    NotFound,
    PermissionDenied,
    Refused,
    ResourceExhausted,
    TimedOut,
    Unauthenticated,
    Unavailable,
)

DOMAIN = "tallystick"
"""The domain of our `ErrorInfo`."""

_CODES: dict[type[Failure], grpc.StatusCode] = {
    Invalid: grpc.StatusCode.INVALID_ARGUMENT,
    NotFound: grpc.StatusCode.NOT_FOUND,
    AlreadyExists: grpc.StatusCode.ALREADY_EXISTS,
    Refused: grpc.StatusCode.FAILED_PRECONDITION,
    Unauthenticated: grpc.StatusCode.UNAUTHENTICATED,
    PermissionDenied: grpc.StatusCode.PERMISSION_DENIED,
    ResourceExhausted: grpc.StatusCode.RESOURCE_EXHAUSTED,
    Unavailable: grpc.StatusCode.UNAVAILABLE,
    TimedOut: grpc.StatusCode.DEADLINE_EXCEEDED,
    Internal: grpc.StatusCode.INTERNAL,
}
_FAILURES = {code: failure for failure, code in _CODES.items()} | {
    grpc.StatusCode.CANCELLED: Unavailable,
    grpc.StatusCode.RESOURCE_EXHAUSTED: Unavailable,
}


def status_of(error: Exception) -> grpc.Status:
    """Return the status that a handler ends with; anything but a `Failure` becomes INTERNAL without its text."""
    failure = error if isinstance(error, Failure) else Internal("internal error")
    details = [_packed(error_details_pb2.ErrorInfo(reason=failure.reason, domain=DOMAIN))]
    if isinstance(failure, ResourceExhausted):
        details.append(_packed(error_details_pb2.RetryInfo(retry_delay=Duration(seconds=failure.retry_after))))
    code: int = code_of(failure).value[0]
    status: grpc.Status = rpc_status.to_status(status_pb2.Status(code=code, message=failure.message, details=details))
    return status


def code_of(error: Exception) -> grpc.StatusCode:
    """Return the code of that status."""
    return next((_CODES[kind] for kind in type(error).__mro__ if kind in _CODES), grpc.StatusCode.INTERNAL)


def failure_of(error: grpc.aio.AioRpcError) -> Failure:
    """Return the failure that a call ended with, as its caller sees it."""
    kind = _FAILURES.get(error.code(), Internal)
    return kind(error.details() or "", reason=_reason(error))


def _packed(detail: Message) -> any_pb2.Any:
    packed = any_pb2.Any()
    packed.Pack(detail)
    return packed


def _reason(error: grpc.aio.AioRpcError) -> str:
    packed = next((value for key, value in error.trailing_metadata() if key == "grpc-status-details-bin"), b"")
    for detail in status_pb2.Status.FromString(packed).details:
        info = error_details_pb2.ErrorInfo()
        if detail.Unpack(info) and info.domain == DOMAIN:
            return str(info.reason)
    return ""
