"""The state can be given back as it came (RFC 6749 §4.1.1). It runs first of those that redirect, which carry it."""

from dataclasses import replace

from services.authorize.request import AuthorizationRequest, Received
from tallystick.oauth2.errors import InvalidRequest

MAX_LENGTH = 4000
"""The longest state that is kept, in characters: anybody may send one, and each waits as long as people may."""


def check(received: Received, request: AuthorizationRequest) -> AuthorizationRequest:
    """Verify `state`: sent once, readable, not too long, without line breaks; no more of it is anybody's business."""
    if "state" in received.unreadable:
        raise InvalidRequest("state cannot be decoded")
    state = received.parameters.optional("state")
    if state is not None and ("\r" in state or "\n" in state):
        raise InvalidRequest("state must not hold a line break")
    if state is not None and len(state) > MAX_LENGTH:
        raise InvalidRequest(f"state must have at most {MAX_LENGTH} characters")
    return replace(request, state=state)
