"""How everything ends that a browser asks: a page or a redirect, whatever went wrong on the way."""

from collections.abc import Awaitable, Callable
from http import HTTPStatus

from fastapi import FastAPI, Request, Response
from fastapi.responses import HTMLResponse, PlainTextResponse
from starlette.exceptions import HTTPException

from services.authorize.authorization_response import error_location
from services.authorize.errors import Redirected, ShownHere
from services.authorize.pages.error_kind import ErrorKind
from services.authorize.pages.render import Page, Pages
from tallystick.runtime import request_id
from tallystick.runtime.failures import Unavailable
from tallystick.runtime.log import logger

Handler = Callable[[Request], Awaitable[Response]]

_BARE_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
}

_log = logger(__name__)


class Answers:
    """Carries exceptions to the browser. Nothing of the request but its id gets into an error page."""

    def __init__(self, pages: Pages, *, issuer: str) -> None:
        self._pages = pages
        self._issuer = issuer

    def around(self, handler: Handler) -> Handler:
        """Return the handler such that it answers whatever is raised."""

        async def answered(request: Request) -> Response:
            try:
                return await handler(request)
            except ShownHere as refusal:
                _log.info("refused_here", kind=refusal.kind.label, detail=refusal.detail)
                return self._error(refusal.kind)
            except Redirected as refusal:
                client_id, error = refusal.request.client_id, refusal.error
                _log.info("refused", client_id=client_id, error=error.code, detail=error.detail or error.description)
                return see_other(error_location(refusal.request, error, issuer=self._issuer))
            except Unavailable:
                return self._error(ErrorKind.UNAVAILABLE)
            except Exception as error:  # noqa: BLE001 - whatever it is, no browser learns of it
                _log.error("request_failed", exc_info=error)
                return self._error(ErrorKind.INTERNAL)

        return answered

    def add_to(self, app: FastAPI) -> None:
        """Answer requests for paths that do not exist and methods that do not fit."""

        async def refused(_: Request, error: Exception) -> Response:
            if not isinstance(error, HTTPException) or error.status_code == HTTPStatus.NOT_FOUND:
                return self._error(ErrorKind.NOT_FOUND)
            headers = {**_BARE_HEADERS, **(error.headers or {})}
            return PlainTextResponse(error.detail, error.status_code, headers)

        app.add_exception_handler(HTTPException, refused)

    def _error(self, kind: ErrorKind) -> Response:
        return page_response(self._pages.error(kind, request_id=request_id.current()))


def page_response(page: Page) -> Response:
    """Return a page as it was rendered."""
    return HTMLResponse(page.html, page.status, dict(page.headers))


def see_other(location: str) -> Response:
    """Redirect by 303, after which no browser sends a form again (RFC 9700 §4.12), or says where it comes from."""
    return Response(status_code=HTTPStatus.SEE_OTHER, headers={**_BARE_HEADERS, "Location": location})
