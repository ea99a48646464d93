"""The token that a request brings, and the token of the call in hand."""

from collections.abc import Sequence
from contextvars import ContextVar

from tallystick.oauth2.bearer_token import bearer_token
from tallystick.oauth2.errors import InvalidRequest
from tallystick.resource.introspection import Introspection

_current: ContextVar[Introspection] = ContextVar("tallystick_resource_token")


def presented_token(authorizations: Sequence[object]) -> str | None:
    """Return the bearer token among the `authorization` values of a request (RFC 6750 §2.1); None if there is none.

    Raise `InvalidRequest` for more than one value, and for one that is malformed.
    """
    if len(authorizations) > 1 or not all(isinstance(value, str) for value in authorizations):
        raise InvalidRequest("send one access token")
    return bearer_token(str(authorizations[0])) if authorizations else None


def current_token() -> Introspection:
    """Return what is known of the token of the call in hand; raise `LookupError` outside of a guarded handler."""
    return _current.get()


def bind(token: Introspection) -> None:
    """Make a token the current one; gRPC runs every call in a context of its own."""
    _current.set(token)
