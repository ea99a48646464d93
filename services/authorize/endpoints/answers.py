"""How everything ends that a browser asks: a page or a redirect, whatever went wrong on the way."""

from collections.abc import Awaitable, Callable
from http import HTTPStatus

from fastapi import FastAPI, Request, Response
from fastapi.responses import HTMLResponse, PlainTextResponse
from starlette.exceptions import HTTPException

from services.authorize.authorization_response import error_location
from services.authorize.errors import Redirected, RequestRefused, ShownHere
from services.authorize.pages.error_kind import ErrorKind
from services.authorize.pages.render import Page
from services.authorize.pages.translated_pages import TranslatedPages
from services.authorize.refusal_event import refusal_event
from tallystick.runtime import request_id
from tallystick.runtime.audit_event import Audit
from tallystick.runtime.failures import Unavailable
from tallystick.runtime.log import logger
from tallystick.runtime.oauth_http import CountsRefusals

Handler = Callable[[Request], Awaitable[Response]]

_BARE_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
}

_log = logger(__name__)


class Answers:
    """Carries exceptions to the browser. Nothing of the request but its id gets into an error page."""

    def __init__(self, pages: TranslatedPages, audit: Audit, refused: CountsRefusals, *, issuer: str) -> None:
        self._pages = pages
        self._audit = audit
        self._refused = refused
        self._issuer = issuer

    def around(self, handler: Handler) -> Handler:
        """Return the handler such that it answers whatever is raised."""

        async def answered(request: Request) -> Response:
            try:
                return await handler(request)
            except ShownHere as refusal:
                _log.info("refused_here", kind=refusal.kind.label, detail=refusal.detail)
                self._refused(refusal.kind.label, "")
                await self._tell(refusal)
                return self._error(request, refusal.kind)
            except Redirected as refusal:
                error = refusal.error
                _log.info("refused", client_id=refusal.client_id, error=error.code, detail=refusal.detail)
                self._refused(error.code, error.reason)
                await self._tell(refusal)
                return see_other(error_location(refusal.request, error, issuer=self._issuer))
            except Unavailable:
                self._refused(ErrorKind.UNAVAILABLE.label, "")
                return self._error(request, ErrorKind.UNAVAILABLE)
            except Exception as error:  # noqa: BLE001 - whatever it is, no browser learns of it
                _log.error("request_failed", exc_info=error)
                self._refused(ErrorKind.INTERNAL.label, "")
                return self._error(request, ErrorKind.INTERNAL)

        return answered

    def add_to(self, app: FastAPI) -> None:
        """Answer requests for paths that do not exist and methods that do not fit."""

        async def refused(request: Request, error: Exception) -> Response:
            if not isinstance(error, HTTPException) or error.status_code == HTTPStatus.NOT_FOUND:
                return self._error(request, ErrorKind.NOT_FOUND)
            headers = {**_BARE_HEADERS, **(error.headers or {})}
            return PlainTextResponse(error.detail, error.status_code, headers)

        app.add_exception_handler(HTTPException, refused)

    def insecure(self, request: Request, reason: str) -> Response:
        """Refuse what did not come safely, by a page and never by a redirect; the log has the reason."""
        del reason
        return self._error(request, ErrorKind.INSECURE)

    async def _tell(self, refusal: RequestRefused) -> None:
        event = refusal_event(refusal)
        if event is not None:
            await self._audit.record(event)

    def _error(self, request: Request, kind: ErrorKind) -> Response:
        pages = self._pages.accepted_by(request.headers.getlist("accept-language"))
        return page_response(pages.error(kind, request_id=request_id.current()))


def page_response(page: Page) -> Response:
    """Return a page as it was rendered."""
    return HTMLResponse(page.html, page.status, dict(page.headers))


def see_other(location: str) -> Response:
    """Redirect by 303, after which no browser sends a form again (RFC 9700 §4.12), or says where it comes from."""
    return Response(status_code=HTTPStatus.SEE_OTHER, headers={**_BARE_HEADERS, "Location": location})
