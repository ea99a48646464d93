"""What can go wrong between services and towards operators; `grpc_status` holds the table that carries it across gRPC.

Failure
├── Invalid            the request itself is wrong
├── NotFound           there is no such thing
├── AlreadyExists      there is one already
├── Refused            not in the present state of things
├── Unauthenticated    nobody knows who is asking
├── PermissionDenied   whoever is asking may not
├── ResourceExhausted  too much was asked or failed; asking again later may help
├── Unavailable        a store or a neighbour cannot be asked now; asking again may help
├── TimedOut           it took longer than the caller would wait
└── Internal           our own fault; the text of it stays here
"""

from typing import ClassVar


class Failure(Exception):
    """A refusal with a reason for programs (`UPPER_SNAKE_CASE`) and a message for people, free of secrets.

    `detail` goes to the log only.
    """

    default_reason: ClassVar[str]

    def __init__(self, message: str, *, reason: str = "", detail: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.reason = reason or self.default_reason
        self.detail = detail


class Invalid(Failure):
    default_reason = "INVALID"


class NotFound(Failure):
    default_reason = "NOT_FOUND"


class AlreadyExists(Failure):
    default_reason = "ALREADY_EXISTS"


class Refused(Failure):
    default_reason = "REFUSED"


class Unauthenticated(Failure):
    default_reason = "UNAUTHENTICATED"


class PermissionDenied(Failure):
    default_reason = "PERMISSION_DENIED"


class ResourceExhausted(Failure):
    """`retry_after` is in seconds."""

    default_reason = "RESOURCE_EXHAUSTED"

    def __init__(self, message: str, *, reason: str = "", detail: str = "", retry_after: int = 1) -> None:
        super().__init__(message, reason=reason, detail=detail)
        self.retry_after = retry_after


class Unavailable(Failure):
    default_reason = "UNAVAILABLE"


class TimedOut(Failure):
    default_reason = "DEADLINE_EXCEEDED"


class Internal(Failure):
    default_reason = "INTERNAL"
