"""Nothing is asked for by way of a request object or a registration (OpenID Connect Core §3.1.2.6).

Their values are never looked at, and a `request_uri` is never fetched.
"""

from services.authorize.request import AuthorizationRequest, Received
from tallystick.oauth2.errors import RegistrationNotSupported, RequestNotSupported, RequestUriNotSupported

_REFUSALS = {
    "request": RequestNotSupported,
    "request_uri": RequestUriNotSupported,
    "registration": RegistrationNotSupported,
}


def check(received: Received, request: AuthorizationRequest) -> AuthorizationRequest:
    """Refuse `request`, `request_uri` and `registration`."""
    for name, refusal in _REFUSALS.items():
        if received.parameters.optional(name) is not None:
            raise refusal(f"{name} is not supported")
    return request
