"""Authorization server metadata (RFC 8414 §2): what is offered, with every default spelled out.

An absent member would stand for a default that is not ours, `implicit` among them.
"""

from services.authorize.checks import response_mode, response_type
from tallystick.oauth2.client import AuthMethod, GrantType
from tallystick.oauth2.pkce import CodeChallengeMethod

_WITH_SECRET = (AuthMethod.CLIENT_SECRET_BASIC, AuthMethod.CLIENT_SECRET_POST)


def metadata(*, issuer: str, token_url: str, introspect_url: str) -> dict[str, object]:
    """Return the document, which depends on settings alone."""
    return {
        "issuer": issuer,
        "authorization_endpoint": f"{issuer}/oauth2/authorize",
        "token_endpoint": f"{token_url}/oauth2/token",
        "revocation_endpoint": f"{token_url}/oauth2/revoke",
        "introspection_endpoint": f"{introspect_url}/oauth2/introspect",
        "response_types_supported": list(response_type.SUPPORTED),
        "response_modes_supported": list(response_mode.SUPPORTED),
        "grant_types_supported": [grant.value for grant in GrantType],
        "token_endpoint_auth_methods_supported": [*_WITH_SECRET, AuthMethod.NONE],
        "revocation_endpoint_auth_methods_supported": [*_WITH_SECRET, AuthMethod.NONE],
        "introspection_endpoint_auth_methods_supported": [*_WITH_SECRET],
        # plain is an exemption for single clients and not offered to any.
        "code_challenge_methods_supported": [CodeChallengeMethod.S256],
        "authorization_response_iss_parameter_supported": True,
    }
