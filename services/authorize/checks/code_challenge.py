"""A code challenge comes with the request, made by S256 (RFC 7636 §4.3, RFC 9700 §2.1.1)."""

from dataclasses import replace

from services.authorize.model import Client
from services.authorize.request import AuthorizationRequest, Received
from tallystick.oauth2.client import ClientType
from tallystick.oauth2.errors import InvalidRequest
from tallystick.oauth2.pkce import CodeChallenge, CodeChallengeMethod, RequirePkce


def check(received: Received, request: AuthorizationRequest) -> AuthorizationRequest:
    """Verify `code_challenge` and `code_challenge_method`, which is plain when absent (RFC 7636 §4.3)."""
    value = received.parameters.optional("code_challenge")
    method = received.parameters.optional("code_challenge_method")
    if value is None:
        if method is not None or _owed(received.client, received.require_pkce):
            raise InvalidRequest("code_challenge is required (RFC 7636)")
        return request
    if method == CodeChallengeMethod.S256:
        challenge = CodeChallenge(value, CodeChallengeMethod.S256)
    elif method in {None, CodeChallengeMethod.PLAIN} and received.client.allow_plain_pkce:
        challenge = CodeChallenge(value, CodeChallengeMethod.PLAIN)
    else:
        raise InvalidRequest("code_challenge_method must be S256")
    if not challenge.is_well_formed():
        raise InvalidRequest("code_challenge is malformed")
    return replace(request, code_challenge=challenge)


def _owed(client: Client, require_pkce: RequirePkce) -> bool:
    # A public client has nothing else that binds a code to it, so it cannot be freed.
    return require_pkce is RequirePkce.ALL or client.client_type is ClientType.PUBLIC
