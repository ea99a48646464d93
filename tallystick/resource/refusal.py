"""How a gRPC call is refused: a status, words for people, and what HTTP would send as `WWW-Authenticate`."""

import logging

import grpc

from tallystick.oauth2.bearer_token import bearer_challenge
from tallystick.resource.errors import IntrospectionError

_log = logging.getLogger("tallystick.resource")


class Refusal(Exception):
    """A call is not let through. `challenge` is what HTTP would send as `WWW-Authenticate` (RFC 6750 §3)."""

    def __init__(self, code: grpc.StatusCode, details: str, challenge: str = "") -> None:
        super().__init__(details)
        self.code = code
        self.details = details
        self.trailing_metadata = (("www-authenticate", challenge),) if challenge else ()


def unauthenticated(realm: str, details: str, error: str = "") -> Refusal:
    """Return the refusal of a call without a good token."""
    return Refusal(grpc.StatusCode.UNAUTHENTICATED, details, bearer_challenge(realm, error=error))


def unknowable(error: IntrospectionError) -> Refusal:
    """Return the refusal for a token that nobody can judge now, and tell the log why."""
    tell_failure(error)
    return Refusal(grpc.StatusCode.UNAVAILABLE, UNKNOWABLE)


UNKNOWABLE = "the access token cannot be checked now"


def tell(service: str, details: str) -> None:
    """Write a refusal to the log `tallystick.resource`; it holds no token."""
    _log.info("refused %s: %s", service, details)


def tell_failure(error: IntrospectionError) -> None:
    """Write to the log why nobody can judge a token."""
    _log.warning("introspection failed: %s: %s", type(error).__name__, error)
