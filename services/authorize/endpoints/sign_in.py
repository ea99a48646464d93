"""`/login`: the page that asks who is there, and its form."""

from fastapi import FastAPI, Request, Response

from services.authorize.asking_client import AskingClient
from services.authorize.csrf import form_token
from services.authorize.endpoints.answers import Answers, page_response, see_other
from services.authorize.endpoints.cookies import Cookies
from services.authorize.endpoints.form import interaction_in_address, read_form
from services.authorize.endpoints.site import Site
from services.authorize.errors import told_to_client
from services.authorize.interaction import Interactions
from services.authorize.pages.render import Pages
from services.authorize.request import AuthorizationRequest
from services.authorize.session import Sessions
from services.authorize.sign_in import SignIn
from tallystick.runtime.log import logger

_FORM = "login"

_log = logger(__name__)


class SignInEndpoint:
    """Signs people in and sends them on to the consent page."""

    def __init__(
        self,
        interactions: Interactions,
        asking_client: AskingClient,
        sign_in: SignIn,
        sessions: Sessions,
        *,
        pages: Pages,
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
        interaction_id, browser = interaction_in_address(request), self._cookies.browser(request)
        interaction = await self._interactions.find(interaction_id, browser=browser)
        with told_to_client(interaction.request):
            return await self._page(interaction.request, interaction_id, browser)

    async def _submitted(self, request: Request) -> Response:
        form = await read_form(request, origin=self._site.origin)
        interaction_id, browser = form.value("interaction"), self._cookies.browser(request)
        username, password = form.value("username"), form.value("password")
        interaction = await self._interactions.find(interaction_id, browser=browser)
        form.check_token(_FORM, browser=browser)
        with told_to_client(interaction.request):
            user = await self._sign_in.authenticate(username, password)
            if user is None:
                # Not even the name is logged: people type their password there by mistake.
                _log.info("sign_in_failed", client_id=interaction.request.client_id)
                return await self._page(interaction.request, interaction_id, browser, failed=username)
            session = await self._sessions.begin(user, previous=self._cookies.session(request))
        _log.info("signed_in", user_id=str(user.user_id), client_id=interaction.request.client_id)
        response = see_other(f"{self._site.path('/consent')}?interaction={interaction_id}")
        self._cookies.set_session(response, session)
        return response

    async def _page(
        self, request: AuthorizationRequest, interaction_id: str, browser: str, *, failed: str | None = None
    ) -> Response:
        client = await self._asking_client.find(request)
        page = self._pages.sign_in(
            client_name=client.name,
            redirect_uri=request.redirect_uri,
            interaction=interaction_id,
            csrf=form_token(_FORM, browser=browser, interaction=interaction_id),
            username=failed or "",
            failed=failed is not None,
            branding=client.branding,
        )
        return page_response(page)
