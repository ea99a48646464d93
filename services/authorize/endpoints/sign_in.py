"""`/login`: the page that asks who is there, and its form."""

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace

from fastapi import FastAPI, Request, Response

from services.authorize.asking_client import AskingClient
from services.authorize.csrf import form_token
from services.authorize.endpoints.answers import Answers, page_response, see_other
from services.authorize.endpoints.cookies import Cookies
from services.authorize.endpoints.form import interaction_if_any, is_in_address, read_form
from services.authorize.endpoints.site import Site
from services.authorize.errors import told_to_client
from services.authorize.interaction import Interactions
from services.authorize.model import Place
from services.authorize.pages.branding import Branding
from services.authorize.pages.sign_in_view import SignInView
from services.authorize.pages.translated_pages import TranslatedPages
from services.authorize.request import AuthorizationRequest
from services.authorize.session import Sessions
from services.authorize.sign_in import Credentials, SignIn
from services.authorize.sign_in_throttle import TooManyAttempts
from tallystick.runtime import client_address

SIGNED_OUT = "signed_out"
"""In the query of the page's address after somebody has signed out."""

_FORM = "login"


@dataclass(frozen=True, slots=True)
class _Visit:
    """A request for the page, the browser that it comes from, and the interaction that it belongs to, if any."""

    request: Request
    browser: str
    interaction_id: str
    asked: AuthorizationRequest | None

    def told_to_client(self) -> AbstractContextManager[None]:
        """Turn what goes wrong into an answer for the client, if there is one that waits."""
        return nullcontext() if self.asked is None else told_to_client(self.asked)


class SignInEndpoint:
    """Signs people in and sends them on: to the consent page of the interaction, or without one to their account.

    No address, path or site that somebody could name is ever returned to.
    """

    def __init__(
        self,
        interactions: Interactions,
        asking_client: AskingClient,
        sign_in: SignIn,
        sessions: Sessions,
        *,
        pages: TranslatedPages,
        cookies: Cookies,
        site: Site,
    ) -> None:
        self._interactions = interactions
        self._asking_client = asking_client
        self._sign_in = sign_in
        self._sessions = sessions
        self._pages = pages
        self._cookies = cookies
        self._site = site

    def add_to(self, app: FastAPI, answers: Answers) -> None:
        """Serve the endpoint."""
        path = self._site.path("/login")
        app.add_api_route(path, answers.around(self._handle), methods=["GET", "HEAD", "POST"], response_model=None)

    async def _handle(self, request: Request) -> Response:
        return await (self._submitted(request) if request.method == "POST" else self._asked_for(request))

    async def _asked_for(self, request: Request) -> Response:
        known = self._cookies.browser(request)
        visit = await self._visit(request, known or self._cookies.new_browser(), interaction_if_any(request))
        signed_out = is_in_address(request, SIGNED_OUT) and not self._cookies.session(request)
        with visit.told_to_client():
            response = await self._page(visit, SignInView(signed_out=signed_out))
        if not known:
            self._cookies.set_browser(response, visit.browser)
        return response

    async def _submitted(self, request: Request) -> Response:
        form = await read_form(request, origin=self._site.origin)
        username, password = form.value("username"), form.value("password")
        place = Place(self._cookies.device(request), client_address.current_network())
        credentials = Credentials(username, password, place)
        visit = await self._visit(request, self._cookies.browser(request), form.value("interaction"))
        form.check_token(_FORM, browser=visit.browser)
        client_id = None if visit.asked is None else visit.asked.client_id
        with visit.told_to_client():
            try:
                recognised = await self._sign_in.authenticate(credentials, client_id=client_id)
            except TooManyAttempts as refusal:
                return await self._page(visit, SignInView(username=username, wait_seconds=refusal.wait_seconds))
            if recognised is None:
                return await self._page(visit, SignInView(username=username, failed=True))
            previous = self._cookies.session(request)
            session = await self._sessions.begin(recognised.user, previous=previous, client_id=client_id)
        response = see_other(self._after_sign_in(visit.interaction_id))
        self._cookies.set_session(response, session)
        self._cookies.set_device(response, recognised.device)
        return response

    async def _visit(self, request: Request, browser: str, interaction_id: str) -> _Visit:
        if not interaction_id:
            return _Visit(request, browser, interaction_id, None)
        interaction = await self._interactions.find(interaction_id, browser=browser)
        return _Visit(request, browser, interaction_id, interaction.request)

    def _after_sign_in(self, interaction_id: str) -> str:
        if not interaction_id:
            return self._site.path("/account")
        return f"{self._site.path('/consent')}?interaction={interaction_id}"

    async def _page(self, visit: _Visit, view: SignInView) -> Response:
        """Show the page; the view need not say who asks."""
        branding = Branding()
        if visit.asked is not None:
            client = await self._asking_client.find(visit.asked)
            view = replace(view, client_name=client.name)
            branding = client.branding
        page = self._pages.accepted_by(visit.request.headers.getlist("accept-language")).sign_in(
            view,
            interaction=visit.interaction_id,
            csrf=form_token(_FORM, browser=visit.browser, interaction=visit.interaction_id),
            branding=branding,
        )
        return page_response(page)
