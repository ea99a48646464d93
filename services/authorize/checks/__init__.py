"""The checks of an authorization request, in the order in which they run; each is one rule in a file of its own.

A check takes the request as received and as verified so far, and returns the latter with what it has verified, or
raises an `OAuthError`. Who is told depends on how far the checks have come: until the redirect URI is verified there is
nowhere to send an error, so the person sees a page (RFC 6749 §4.1.2.1); from then on the client is told.
"""

from collections.abc import Callable

from services.authorize.checks import (
    client,
    code_challenge,
    encoding,
    redirect_uri,
    resource,
    response_mode,
    response_type,
    scope,
    state,
    unsupported,
)
from services.authorize.errors import Redirected, ShownHere
from services.authorize.pages.error_kind import ErrorKind
from services.authorize.request import AuthorizationRequest, Received
from tallystick.oauth2.errors import OAuthError

Check = Callable[[Received, AuthorizationRequest], AuthorizationRequest]

CHECKS: tuple[Check, ...] = (
    client.check,
    redirect_uri.check,
    state.check,
    encoding.check,
    unsupported.check,
    response_mode.check,
    response_type.check,
    code_challenge.check,
    scope.check,
    resource.check,
)


def verified(received: Received) -> AuthorizationRequest:
    """Run all checks and return the verified request; raise `ShownHere` or `Redirected` at the first that fails."""
    request = AuthorizationRequest()
    for check in CHECKS:
        try:
            request = check(received, request)
        except OAuthError as error:
            if not request.redirect_uri:
                detail = error.detail or error.description
                raise ShownHere(ErrorKind.UNTRUSTED_REQUEST, detail=detail) from error
            raise Redirected(request, error) from error
    return request
