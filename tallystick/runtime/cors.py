"""Who may read answers from a page of another origin (CORS, fetch.spec.whatwg.org).

Apps that run in a browser may use what names its caller in the request itself. No answer is ever readable with cookies,
and what is not named here is not readable at all: the pages of authorize, and introspection.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from starlette.requests import Request
from starlette.responses import Response

_READABLE = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Expose-Headers": "WWW-Authenticate, DPoP-Nonce, Retry-After, X-Request-Id",
}
_PREFLIGHT = {
    "Access-Control-Allow-Headers": "Authorization, Content-Type, X-Request-Id",
    "Access-Control-Max-Age": "3600",
}


@dataclass(frozen=True, slots=True)
class CrossOrigin:
    """The paths that pages of any origin may use, each with its one method."""

    methods: Mapping[str, str] = field(default_factory=dict)

    def headers(self, path: str) -> Mapping[str, str]:
        """Return what every answer of a path carries, errors included."""
        return _READABLE if path in self.methods else {}

    def preflight(self, request: Request) -> Response | None:
        """Answer the question whether a request may be sent; None when this is no such question, or not here."""
        method = self.methods.get(request.scope["path"])
        asked = {"origin", "access-control-request-method"} <= set(request.headers)
        if method is None or request.method != "OPTIONS" or not asked:
            return None
        return Response(status_code=204, headers={"Access-Control-Allow-Methods": method, **_PREFLIGHT})
