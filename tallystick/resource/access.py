"""The verdict on one use of a token, as a value."""

from dataclasses import dataclass, replace
from enum import Enum

from tallystick.introspect.v1 import introspection_pb2
from tallystick.oauth2.bearer_token import bearer_challenge
from tallystick.resource import introspection
from tallystick.resource.errors import IntrospectionUnavailable
from tallystick.resource.freshness import seconds_of
from tallystick.resource.introspection import INACTIVE, Introspection


class Denial(Enum):
    """The first of the checks that failed; its value says so to people."""

    TOKEN_INACTIVE = "the access token is not good here"
    SERVICE_UNKNOWN = "there is no such service here"
    INSUFFICIENT_SCOPE = "the access token does not carry a scope that covers this service"
    OWNER_NOT_AUTHORIZED = (
        "whoever the access token speaks for is not authorised to use this service; another token would not help"
    )
    OTHER = "the access token is not good for this service"


@dataclass(frozen=True, slots=True)
class Access:
    """Whether a token is good for a service of a resource; `denial` is None when it is.

    `service` is the registered service that was requested, empty when none was found or the token is not live.
    `http_status` (200, 401 or 403), `error` and `www_authenticate` are what HTTP answers (RFC 6750 §3); `error` is
    empty where asking for another token would not help. `token` is inactive unless the token is live and for the
    resource. `valid_for` is how many seconds the verdict holds for this token, resource and service and for no other,
    counted from before the question was asked; 0 when it must be asked each time, as after a denial.
    """

    allowed: bool
    denial: Denial | None
    service: str
    http_status: int
    error: str
    www_authenticate: str
    token: Introspection
    valid_for: float = 0.0


_DENIALS = {
    introspection_pb2.DENIAL_TOKEN_INACTIVE: Denial.TOKEN_INACTIVE,
    introspection_pb2.DENIAL_SERVICE_UNKNOWN: Denial.SERVICE_UNKNOWN,
    introspection_pb2.DENIAL_INSUFFICIENT_SCOPE: Denial.INSUFFICIENT_SCOPE,
    introspection_pb2.DENIAL_OWNER_NOT_AUTHORIZED: Denial.OWNER_NOT_AUTHORIZED,
}


def from_message(message: introspection_pb2.CheckAccessResponse) -> Access:
    """Read a verdict; raise `IntrospectionUnavailable` for one that contradicts itself."""
    # What is known of the token goes with the verdict and holds no longer than it.
    token = replace(introspection.from_message(message.token), valid_for=0.0)
    if message.allowed:
        if message.denial != introspection_pb2.DENIAL_UNSPECIFIED or not token.active:
            raise IntrospectionUnavailable("introspection contradicts itself")
        return Access(True, None, message.service, 200, "", "", token, seconds_of(message.valid_for))
    denial = _DENIALS.get(message.denial, Denial.OTHER)
    http_status = message.http_status if message.http_status in {401, 403} else 403
    return Access(False, denial, message.service, http_status, message.error, message.www_authenticate, token)


def denied(resource: str, denial: Denial, *, token: Introspection = INACTIVE) -> Access:
    """Return a verdict that takes no asking, as introspection would word it; `service` is not told."""
    http_status = 401 if denial is Denial.TOKEN_INACTIVE else 403
    error = {Denial.TOKEN_INACTIVE: "invalid_token", Denial.INSUFFICIENT_SCOPE: "insufficient_scope"}.get(denial, "")
    return Access(False, denial, "", http_status, error, bearer_challenge(resource, error=error), token)
