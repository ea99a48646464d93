"""The two ways in which an authorization request is refused (RFC 6749 §4.1.2.1).

RequestRefused
├── ShownHere     by a page of our own, as nothing can be trusted to redirect, or the person can mend it
└── Redirected    at the client's redirect URI, which has been verified
"""

from collections.abc import Iterator
from contextlib import contextmanager

from services.authorize.pages.error_kind import ErrorKind
from services.authorize.request import AuthorizationRequest
from tallystick.oauth2.errors import OAuthError, ServerError, TemporarilyUnavailable
from tallystick.runtime.failures import TimedOut, Unavailable
from tallystick.runtime.log import logger

_log = logger(__name__)


class RequestRefused(Exception):
    """An authorization request is refused.

    `detail` goes to the log and the audit only. `client_id` names the client if it is registered and known by then.
    """

    detail: str
    client_id: str | None = None


class ShownHere(RequestRefused):
    """The person sees an error page of this kind."""

    def __init__(self, kind: ErrorKind, *, detail: str = "") -> None:
        super().__init__(kind.label)
        self.kind = kind
        self.detail = detail


class Redirected(RequestRefused):
    """The client is told. Takes the verified request, without which there is nowhere to redirect to."""

    def __init__(self, request: AuthorizationRequest, error: OAuthError) -> None:
        if not request.redirect_uri:
            raise ValueError("the redirect URI has not been verified")
        super().__init__(error.code)
        self.request = request
        self.error = error
        self.detail = error.detail or error.description
        self.client_id = request.client_id


@contextmanager
def told_to_client(request: AuthorizationRequest) -> Iterator[None]:
    """Turn what goes wrong with a verified request into an answer for its client, so that none is left waiting.

    What shall be shown here instead passes.
    """
    try:
        yield
    except RequestRefused:
        raise
    except OAuthError as error:
        raise Redirected(request, error) from error
    except (Unavailable, TimedOut) as error:
        raise Redirected(request, TemporarilyUnavailable("the request cannot be answered now")) from error
    except Exception as error:
        _log.error("authorization_failed", exc_info=error)
        raise Redirected(request, ServerError("internal error")) from error
