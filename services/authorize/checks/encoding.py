"""Every parameter can be decoded (RFC 6749 App. B)."""

from services.authorize.request import AuthorizationRequest, Received
from tallystick.oauth2.errors import InvalidRequest


def check(received: Received, request: AuthorizationRequest) -> AuthorizationRequest:
    """Refuse a broken escape, bad UTF-8 or a NUL in any parameter."""
    if received.unreadable:
        raise InvalidRequest("a parameter cannot be decoded")
    return request
