"""A code is asked for, by a client that may have one (RFC 6749 §3.1.1)."""

from services.authorize.request import AuthorizationRequest, Received
from tallystick.oauth2.client import GrantType
from tallystick.oauth2.errors import UnauthorizedClient, UnsupportedResponseType

SUPPORTED = ("code",)
"""The values of `response_type` that are answered."""


def check(received: Received, request: AuthorizationRequest) -> AuthorizationRequest:
    """Verify `response_type`; tokens are not issued here (RFC 9700 §2.1.2)."""
    if received.parameters.required("response_type") not in SUPPORTED:
        raise UnsupportedResponseType("response_type must be code")
    if GrantType.AUTHORIZATION_CODE not in received.client.grant_types:
        raise UnauthorizedClient("the client is not registered for authorization_code")
    return request
