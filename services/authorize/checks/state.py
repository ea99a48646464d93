"""The state can be given back as it came (RFC 6749 §4.1.1). It runs first of those that redirect, which carry it."""

from dataclasses import replace

from services.authorize.request import AuthorizationRequest, Received
from tallystick.oauth2.errors import InvalidRequest


def check(received: Received, request: AuthorizationRequest) -> AuthorizationRequest:
    """Verify `state`: sent once, decodable, without line breaks; nothing else of it is anybody's business."""
    if "state" in received.unreadable:
        raise InvalidRequest("state cannot be decoded")
    state = received.parameters.optional("state")
    if state is not None and ("\r" in state or "\n" in state):
        raise InvalidRequest("state must not hold a line break")
    return replace(request, state=state)
