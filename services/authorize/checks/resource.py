"""Every resource that is named is one that we know (RFC 8707 §2).

The grant keeps all scopes, and the audience of each token is chosen at the token endpoint, where `resource` may be sent
again. Here it decides nothing yet, so it is only kept from being wrong.
"""

from services.authorize.request import AuthorizationRequest, Received
from tallystick.oauth2.audience import is_resource_identifier
from tallystick.oauth2.errors import InvalidTarget


def check(received: Received, request: AuthorizationRequest) -> AuthorizationRequest:
    """Verify `resource`, which may be repeated."""
    for resource in received.parameters.all("resource"):
        if not is_resource_identifier(resource):
            raise InvalidTarget("resource must be an absolute URI without fragment")
        if resource not in received.known_resources:
            raise InvalidTarget("the resource is not known")
    return request
