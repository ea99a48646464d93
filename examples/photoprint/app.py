"""The routes of PhotoPrint: what each button does, and which page shows what came of it."""

import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Annotated

from fastapi import Cookie, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from starlette.exceptions import HTTPException

from examples.photoprint import problems, steps
from examples.photoprint.authorization import (
    SCOPES,
    AnswerRefused,
    AuthorizationServer,
    ErrorResponse,
    NotAnswering,
    Registration,
    TokenExchange,
)
from examples.photoprint.journey import COOKIE, Journey, Journeys, Variant
from examples.photoprint.pages import Pages
from examples.photoprint.photostorage import METHOD, PhotoStorage
from examples.photoprint.problems import Problem

JourneyCookie = Annotated[str | None, Cookie(alias=COOKIE)]
_log = logging.getLogger("photoprint")


class Explained(Exception):
    """The way ends here, with a page that says why."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.heading)
        self.problem = problem


class PhotoPrint:
    """The print shop's site. A GET shows, a POST does; only the callback does both, as OAuth has it."""

    def __init__(
        self,
        registrations: Mapping[Variant, Registration],
        authorization_server: AuthorizationServer,
        photo_storage: PhotoStorage,
        pages: Pages,
    ) -> None:
        self._registrations = registrations
        self._authorization_server = authorization_server
        self._photo_storage = photo_storage
        self._pages = pages
        self._journeys = Journeys()

    def start(self, cookie: JourneyCookie = None) -> HTMLResponse:
        """Show who takes part, and let people choose the kind of client."""
        return self._pages.show("start.html", journey=self._journeys.find(cookie))

    def begin(self, variant: Variant, cookie: JourneyCookie = None) -> Response:
        """Make an authorization request, and remember it with this browser."""
        journey = Journey(variant, self._authorization_server.request(self._registrations[variant]))
        self._journeys.end(cookie)
        answer = RedirectResponse("/request", 303)
        answer.set_cookie(COOKIE, self._journeys.begin(journey), httponly=True, samesite="lax")
        return answer

    def show_request(self, cookie: JourneyCookie = None) -> HTMLResponse:
        """Step 1: show the request before it is sent."""
        journey = self._journey(cookie)
        endpoint, lines = steps.authorization_request(journey.request)
        return self._show("request.html", 1, journey, endpoint=endpoint, lines=lines)

    def take_answer(self, request: Request, cookie: JourneyCookie = None) -> Response:
        """Check what the browser brought, and trade in the code at once: it does not live long."""
        journey, answer = self._journey(cookie), dict(request.query_params)
        if journey.answer == answer:
            # A page loaded anew must not trade its code in anew: a spent code that is shown again looks stolen.
            return RedirectResponse("/code", 303)
        if journey.answer is not None:
            raise Explained(problems.ANSWERED)
        try:
            code = self._authorization_server.check(journey.request, answer)
        except AnswerRefused as refused:
            raise Explained(problems.of_answer(refused)) from refused
        except ErrorResponse as response:
            raise Explained(problems.of_authorization(response)) from response
        journey = self._keep(cookie, replace(journey, answer=answer))
        exchange = self._authorization_server.redeem(self._registrations[journey.variant], journey.request, code)
        self._keep(cookie, replace(journey, exchange=exchange, tokens=exchange))
        # The code leaves the address bar and the history.
        return RedirectResponse("/code", 303)

    def show_code(self, cookie: JourneyCookie = None) -> HTMLResponse:
        """Step 2: show what came back, and what was checked."""
        journey = self._journey(cookie)
        lines = steps.authorization_response(journey.answer or {})
        return self._show("code.html", 2, journey, lines=lines)

    def show_exchange(self, cookie: JourneyCookie = None) -> HTMLResponse:
        """Step 3: show how the code became tokens."""
        journey = self._journey(cookie)
        return self._show("exchange.html", 3, journey, **_exchange(journey.exchange))

    def show_token(self, cookie: JourneyCookie = None) -> HTMLResponse:
        """Step 4: show what PhotoPrint holds now."""
        journey = self._journey(cookie)
        return self._show("token.html", 4, journey, **_token(journey.tokens))

    def call(self, cookie: JourneyCookie = None) -> Response:
        """Ask PhotoStorage for the photos."""
        journey = self._journey(cookie)
        if journey.tokens is not None:
            album = self._photo_storage.fetch_album(journey.tokens.access_token)
            self._keep(cookie, replace(journey, call=album))
        return RedirectResponse("/photos", 303)

    def show_photos(self, cookie: JourneyCookie = None) -> HTMLResponse:
        """Step 5: show the photos, or why there are none."""
        journey = self._journey(cookie)
        lines = steps.api_request(journey.tokens) if journey.tokens else ()
        return self._show("photos.html", 5, journey, method=METHOD, request_lines=lines)

    def refresh(self, cookie: JourneyCookie = None) -> Response:
        """Trade the refresh token for new tokens."""
        journey = self._journey(cookie)
        if journey.tokens is not None and journey.tokens.refresh_token:
            registration = self._registrations[journey.variant]
            exchange = self._authorization_server.refresh(registration, journey.tokens.refresh_token)
            self._keep(cookie, replace(journey, tokens=exchange, replaced=journey.tokens))
        return RedirectResponse("/refreshed", 303)

    def show_refresh(self, cookie: JourneyCookie = None) -> HTMLResponse:
        """Show what a refresh changed."""
        journey = self._journey(cookie)
        if journey.tokens is None or journey.replaced is None:
            raise Explained(problems.TOO_EARLY)
        rotation = steps.rotation(journey.replaced, journey.tokens)
        return self._show("refreshed.html", 4, journey, rotation=rotation, **_exchange(journey.tokens))

    def sign_out(self, cookie: JourneyCookie = None) -> Response:
        """Give the tokens back: the refresh token, or the access token if there is no other."""
        journey = self._journey(cookie)
        if journey.tokens is not None:
            registration = self._registrations[journey.variant]
            token = journey.tokens.refresh_token or journey.tokens.access_token
            given_back = self._authorization_server.revoke(registration, token)
            self._keep(cookie, replace(journey, signed_out=given_back))
        return RedirectResponse("/signed-out", 303)

    def show_sign_out(self, cookie: JourneyCookie = None) -> HTMLResponse:
        """Show how the tokens were given back."""
        journey = self._journey(cookie)
        if journey.signed_out is None:
            raise Explained(problems.TOO_EARLY)
        lines = steps.token_request(journey.signed_out)
        return self._show("signed_out.html", 4, journey, exchange=journey.signed_out, request_lines=lines)

    def forget(self, cookie: JourneyCookie = None) -> Response:
        """Forget this browser's tokens and all."""
        self._journeys.end(cookie)
        answer = RedirectResponse("/", 303)
        answer.delete_cookie(COOKIE, httponly=True, samesite="lax")
        return answer

    def _journey(self, cookie: str | None) -> Journey:
        journey = self._journeys.find(cookie)
        if journey is None:
            raise Explained(problems.LOST)
        return journey

    def _keep(self, cookie: str | None, journey: Journey) -> Journey:
        self._journeys.keep(cookie or "", journey)
        return journey

    def _show(self, name: str, step: int, journey: Journey, **context: object) -> HTMLResponse:
        if step > journey.reached:
            raise Explained(problems.TOO_EARLY)
        return self._pages.show(name, step=step, reached=journey.reached, journey=journey, asked=SCOPES, **context)


def _exchange(exchange: TokenExchange | None) -> dict[str, object]:
    if exchange is None:
        raise Explained(problems.TOO_EARLY)
    return {
        "exchange": exchange,
        "request_lines": steps.token_request(exchange),
        "answer_lines": steps.token_response(exchange),
    }


def _token(tokens: TokenExchange | None) -> dict[str, object]:
    if tokens is None:
        raise Explained(problems.TOO_EARLY)
    given = steps.given_scopes(SCOPES, tokens)
    return {
        "token": steps.masked(tokens.access_token),
        "given": given,
        "refused": [scope for scope in SCOPES if scope not in given],
        "lifetime": steps.lifetime(tokens),
    }


def new_app(site: PhotoPrint, pages: Pages, base_url: str) -> FastAPI:
    """Return the app: routes, and a page for whatever goes wrong."""
    app = FastAPI(title="PhotoPrint", openapi_url=None, docs_url=None, redoc_url=None)
    app.get("/")(site.start)
    app.post("/begin/{variant}")(site.begin)
    app.get("/request")(site.show_request)
    app.get("/callback")(site.take_answer)
    app.get("/code")(site.show_code)
    app.get("/exchange")(site.show_exchange)
    app.get("/token")(site.show_token)
    app.post("/call")(site.call)
    app.get("/photos")(site.show_photos)
    app.post("/refresh")(site.refresh)
    app.get("/refreshed")(site.show_refresh)
    app.post("/sign-out")(site.sign_out)
    app.get("/signed-out")(site.show_sign_out)
    app.post("/forget")(site.forget)

    @app.middleware("http")
    async def take_own_forms_only(request: Request, answer: Callable[[Request], Awaitable[Response]]) -> Response:
        if request.method == "POST" and request.headers.get("origin", base_url) != base_url:
            return pages.explain(problems.FOREIGN_FORM)
        return await answer(request)

    @app.exception_handler(Explained)
    async def explain(_: Request, explained: Explained) -> Response:
        return pages.explain(explained.problem)

    @app.exception_handler(ErrorResponse)
    async def explain_error(_: Request, response: ErrorResponse) -> Response:
        return pages.explain(problems.of_token(response))

    @app.exception_handler(NotAnswering)
    async def explain_silence(_: Request, silence: NotAnswering) -> Response:
        _log.warning("the authorization server does not answer: %r", silence.__cause__)
        return pages.explain(problems.NOT_ANSWERING)

    @app.exception_handler(HTTPException)
    @app.exception_handler(RequestValidationError)
    async def explain_address(_: Request, __: Exception) -> Response:
        return pages.explain(problems.NOT_FOUND)

    @app.exception_handler(Exception)
    async def explain_break(_: Request, __: Exception) -> Response:
        return pages.explain(problems.BROKEN)

    return app
