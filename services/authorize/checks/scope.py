"""The scope holds only what the client may ask a resource owner for (RFC 6749 §3.3)."""

from dataclasses import replace

from services.authorize.request import AuthorizationRequest, Received
from tallystick.oauth2.scope import INTROSPECT, requested_scopes


def check(received: Received, request: AuthorizationRequest) -> AuthorizationRequest:
    """Verify `scope`; absent, it is every scope that the client may ask for."""
    # Introspection is a right of the resource server itself, which no resource owner can give.
    allowed = received.client.scopes.keys() - {INTROSPECT}
    return replace(request, scopes=requested_scopes(received.parameters.optional("scope"), allowed))
