"""The answer is wanted in the query (OAuth 2.0 Multiple Response Types §2.1)."""

from services.authorize.request import AuthorizationRequest, Received
from tallystick.oauth2.errors import InvalidRequest

SUPPORTED = ("query",)
"""The values of `response_mode` that are answered, the default first."""


def check(received: Received, request: AuthorizationRequest) -> AuthorizationRequest:
    """Verify `response_mode`; what is not supported is told in the default mode."""
    if received.parameters.optional("response_mode") not in {None, *SUPPORTED}:
        raise InvalidRequest("response_mode is not supported: leave it out or send query")
    return request
