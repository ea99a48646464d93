"""What can go wrong when a resource server asks. An inactive token is not an error: it is an answer.

IntrospectionError
├── IntrospectionUnavailable   nobody can say now: no connection, no answer in time, or a fault over there
└── NotAllowedToIntrospect     our own credentials are wrong, disabled, or lack the right to ask
"""

import grpc

_NOT_ALLOWED = {grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.PERMISSION_DENIED}


class IntrospectionError(Exception):
    """Whether a token is live is not known. Its text holds no token and no credential."""


class IntrospectionUnavailable(IntrospectionError):
    """Nobody can say now; asking again later may help."""


class NotAllowedToIntrospect(IntrospectionError):
    """The resource server's own credentials are refused; asking again does not help."""


def error_of(error: grpc.RpcError) -> IntrospectionError:
    """Return what a failed call means; whatever is not a refusal of our credentials counts as unavailable."""
    return error_of_status(error.code(), error.details() or "")


def error_of_status(code: grpc.StatusCode, details: str) -> IntrospectionError:
    """Return what a status means."""
    kind = NotAllowedToIntrospect if code in _NOT_ALLOWED else IntrospectionUnavailable
    return kind(f"{code.name}: {details}")
