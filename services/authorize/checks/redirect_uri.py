"""The redirect URI is one that the client has registered (RFC 9700 §2.1, RFC 8252 §7.3)."""

from dataclasses import replace

from services.authorize.request import AuthorizationRequest, Received
from tallystick.oauth2.errors import InvalidRequest
from tallystick.oauth2.redirect_uri import matching


def check(received: Received, request: AuthorizationRequest) -> AuthorizationRequest:
    """Verify `redirect_uri`; absent, it is the only registered one (RFC 6749 §3.1.2.3)."""
    if "redirect_uri" in received.unreadable:
        raise InvalidRequest("redirect_uri cannot be decoded")
    client = received.client
    presented = received.parameters.optional("redirect_uri")
    if presented is None:
        if len(client.redirect_uris) != 1:
            raise InvalidRequest("redirect_uri is required, as not exactly one is registered")
        return replace(request, redirect_uri=client.redirect_uris[0], redirect_uri_sent=False)
    if not matching(client.redirect_uris, presented, client.application_type):
        raise InvalidRequest("redirect_uri is not registered")
    return replace(request, redirect_uri=presented, redirect_uri_sent=True)
