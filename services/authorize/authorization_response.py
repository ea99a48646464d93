"""The authorization response (RFC 6749 §4.1.2): where the browser is sent with a code or an error."""

from urllib.parse import urlencode

from services.authorize.request import AuthorizationRequest
from tallystick.oauth2.errors import OAuthError


def success_location(request: AuthorizationRequest, *, code: str, issuer: str) -> str:
    """Return the redirect URI with `code`, `state` as it came, and `iss` (RFC 9207 §2)."""
    return _location(request, {"code": code}, issuer)


def error_location(request: AuthorizationRequest, error: OAuthError, *, issuer: str) -> str:
    """Return the redirect URI with the error, `state` as it came, and `iss`, which errors carry too (RFC 9207 §2)."""
    return _location(request, {"error": error.code, "error_description": error.description}, issuer)


def _location(request: AuthorizationRequest, members: dict[str, str], issuer: str) -> str:
    if request.state is not None:
        members["state"] = request.state
    members["iss"] = issuer
    # What the registered URI has of a query is kept (RFC 6749 §3.1.2).
    uri = request.redirect_uri
    separator = "" if uri.endswith(("?", "&")) else "&" if "?" in uri else "?"
    return f"{uri}{separator}{urlencode(members)}"
