"""OAuth over HTTP, alike on every endpoint: how a request is read, and how whatever goes wrong is written."""

from collections.abc import Awaitable, Collection, Mapping
from typing import Protocol

from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from tallystick.oauth2.bearer_token import bearer_challenge
from tallystick.oauth2.errors import (
    InsufficientScope,
    InvalidClient,
    InvalidRequest,
    InvalidToken,
    OAuthError,
    ServerError,
    TemporarilyUnavailable,
    TooManyRequests,
)
from tallystick.oauth2.parameters import MalformedForm, Parameters, parse_form
from tallystick.runtime.cors import CrossOrigin
from tallystick.runtime.failures import ResourceExhausted, TimedOut, Unavailable
from tallystick.runtime.front_door import FrontDoor
from tallystick.runtime.http import BodyTooLarge, CountsRequests, new_app, read_body
from tallystick.runtime.log import logger
from tallystick.runtime.randomness import Randomness
from tallystick.runtime.settings import Settings
from tallystick.runtime.tracing.traces import Traces

_FORM = "application/x-www-form-urlencoded"
_REALM = "tallystick"
_RETRY_AFTER_SECONDS = "1"
_CONTENT_TOO_LARGE = 413

_log = logger(__name__)


class CountsRefusals(Protocol):
    """Told of each refusal at an endpoint."""

    def __call__(self, error: str, reason: str) -> None:
        """Count a refusal by its error code; `reason` tells some apart that have the same."""


def uncounted(error: str, reason: str) -> None:
    """Count nothing."""
    del error, reason


def oauth_app(
    settings: Settings, randomness: Randomness, cross_origin: CrossOrigin, counted: CountsRequests, traces: Traces
) -> FastAPI:
    """Return a service's app, on which everything that is refused gets the error document of RFC 6749 §5.2."""
    door = FrontDoor(settings.is_https, settings.trusted_proxies, cross_origin, refused=_unsafe)
    app = new_app(f"Tallystick {settings.service}", randomness, door, counted, traces)
    app.add_exception_handler(HTTPException, _unfitting)
    return app


def _unsafe(request: Request, reason: str) -> Response:
    del request
    return error_response(InvalidRequest(reason))


async def _unfitting(request: Request, error: Exception) -> Response:
    """Refuse a path that does not exist, or a method that does not fit: `Allow` tells which do (RFC 9110 §15.5.6)."""
    del request
    status, headers = (error.status_code, error.headers) if isinstance(error, HTTPException) else (500, None)
    document = error_response(InvalidRequest("there is no such endpoint, or not for this method"), status=status)
    document.headers.update(headers or {})
    return document


async def read_form(request: Request, once: Collection[str]) -> Parameters:
    """Read the form in a body (RFC 6749 §3.2); raise `InvalidRequest` or `BodyTooLarge`.

    The query has no effect, but a parameter of `once` that stands in both is a parameter sent twice.
    """
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != _FORM:
        raise InvalidRequest(f"the body must be {_FORM}")
    try:
        body, query = parse_form(await read_body(request.receive)), parse_form(request.scope["query_string"])
    except ConnectionError:
        raise InvalidRequest("the body is incomplete") from None
    except MalformedForm as error:
        raise InvalidRequest(f"the request cannot be read: {error}") from None
    twice = {name for name, _ in body.pairs} & {name for name, _ in query.pairs} & set(once)
    if twice:
        raise InvalidRequest(f"{min(twice)} must not be repeated")
    return body


def authorization(request: Request) -> str | None:
    """Return the `Authorization` header, if any; raise `InvalidRequest` when there are several."""
    values = request.headers.getlist("authorization")
    if len(values) > 1:
        raise InvalidRequest("the Authorization header must not be repeated")
    return values[0] if values else None


async def answered(answer: Awaitable[Response], refused: CountsRefusals = uncounted) -> Response:
    """Return an endpoint's answer, or the error document of RFC 6749 §5.2 for what was raised instead.

    What is not an `OAuthError` becomes 429 when too much was asked, 503 when asking again may help, else 500; why, only
    the log is told.
    """
    try:
        return await answer
    except Exception as error:  # noqa: BLE001 - whatever it is, no client learns more than the document says
        document, reason, status = _told(error)
        refused(document.code, reason)
        return error_response(document, status=status)


def _told(error: Exception) -> tuple[OAuthError, str, int | None]:
    """Return what is told of an error, for which reason, and by which status if not by the error's own."""
    match error:
        case OAuthError():
            return error, error.reason, None
        case BodyTooLarge():
            return InvalidRequest("the request is too large"), "too_large", _CONTENT_TOO_LARGE
        case ResourceExhausted():
            return TooManyRequests(error.message, retry_after=error.retry_after), error.reason.lower(), None
        case Unavailable() | TimedOut():
            _log.warning("temporarily_unavailable", detail=error.message)
            again = TemporarilyUnavailable("this cannot be answered now: try again")
            return again, error.default_reason.lower(), None
        case _:
            _log.error("server_error", exc_info=error)
            return ServerError("something went wrong here"), "", None


def error_response(error: OAuthError, *, status: int | None = None) -> Response:
    """Write an error as JSON, with the header that goes with it."""
    members = {"error": error.code, "error_description": error.description}
    return JSONResponse(members, status or error.status, _headers(error))


def _headers(error: OAuthError) -> Mapping[str, str]:
    match error:
        case InvalidClient():
            return {"WWW-Authenticate": f'Basic realm="{_REALM}"'}
        case InvalidToken():
            return {"WWW-Authenticate": bearer_challenge(_REALM, error=error.code)}
        case InsufficientScope(scope=scope):
            return {"WWW-Authenticate": bearer_challenge(_REALM, error=error.code, scope=scope)}
        case TooManyRequests(retry_after=seconds):
            return {"Retry-After": str(seconds)}
        case TemporarilyUnavailable():
            return {"Retry-After": _RETRY_AFTER_SECONDS}
        case _:
            return {}
