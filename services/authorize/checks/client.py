"""The client is registered and enabled, and named once (RFC 6749 §4.1.2.1)."""

from dataclasses import replace

from services.authorize.request import AuthorizationRequest, Received
from tallystick.oauth2.errors import UnauthorizedClient


def check(received: Received, request: AuthorizationRequest) -> AuthorizationRequest:
    """Verify `client_id`; the client in hand is the one that it names, or stands for an unknown one."""
    client_id = received.parameters.required("client_id")
    if not received.client.enabled or received.client.client_id != client_id:
        raise UnauthorizedClient("the client is unknown or disabled")
    return replace(request, client_id=client_id)
