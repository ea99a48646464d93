"""`/consent`: the page that asks the resource owner, and its form."""

from fastapi import FastAPI, Request, Response

from services.authorize.asking_client import AskingClient
from services.authorize.authorization_response import success_location
from services.authorize.consent import Consent, consent_view
from services.authorize.csrf import form_token
from services.authorize.endpoints.answers import Answers, page_response, see_other
from services.authorize.endpoints.cookies import Cookies
from services.authorize.endpoints.form import interaction_in_address, read_form
from services.authorize.endpoints.navigation import is_navigation
from services.authorize.endpoints.site import Site
from services.authorize.errors import ShownHere, told_to_client
from services.authorize.interaction import Interactions
from services.authorize.pages.error_kind import ErrorKind
from services.authorize.pages.translated_pages import TranslatedPages
from services.authorize.remembered_consent import RememberedConsent
from services.authorize.request import AuthorizationRequest
from services.authorize.session import Sessions
from tallystick.oauth2.authorization_code import AuthorizationCode

_FORM = "consent"


class ConsentEndpoint:
    """Asks whoever is signed in, and sends the browser back to the client with the answer.

    Nobody is asked for what is remembered, if the browser is really about to go there.
    """

    def __init__(
        self,
        interactions: Interactions,
        asking_client: AskingClient,
        consent: Consent,
        remembered_consent: RememberedConsent,
        sessions: Sessions,
        *,
        pages: TranslatedPages,
        cookies: Cookies,
        site: Site,
    ) -> None:
        self._interactions = interactions
        self._asking_client = asking_client
        self._consent = consent
        self._remembered_consent = remembered_consent
        self._sessions = sessions
        self._pages = pages
        self._cookies = cookies
        self._site = site

    def add_to(self, app: FastAPI, answers: Answers) -> None:
        """Serve the endpoint."""
        path = self._site.path("/consent")
        app.add_api_route(path, answers.around(self._handle), methods=["GET", "HEAD", "POST"], response_model=None)

    async def _handle(self, request: Request) -> Response:
        return await (self._submitted(request) if request.method == "POST" else self._asked_for(request))

    async def _asked_for(self, request: Request) -> Response:
        interaction_id, browser = interaction_in_address(request), self._cookies.browser(request)
        interaction = await self._interactions.find(interaction_id, browser=browser)
        session = self._cookies.session(request)
        with told_to_client(interaction.request):
            user = await self._sessions.user(session)
            if user is None:
                return self._to_sign_in(interaction_id)
            client = await self._asking_client.find(interaction.request)
            code = None
            if is_navigation(request):
                code = await self._remembered_consent.approve(interaction.request, user, interaction_id)
            if code is not None:
                return self._to_client(interaction.request, code)
            page = self._pages.accepted_by(request.headers.getlist("accept-language")).consent(
                consent_view(interaction.request, client, user),
                interaction=interaction_id,
                csrf=form_token(_FORM, browser=browser, interaction=interaction_id, session=session),
                branding=client.branding,
            )
        return page_response(page)

    async def _submitted(self, request: Request) -> Response:
        form = await read_form(request, origin=self._site.origin)
        interaction_id, browser = form.value("interaction"), self._cookies.browser(request)
        decision, ticked = form.value("decision"), form.values("scope")
        interaction = await self._interactions.find(interaction_id, browser=browser)
        session = self._cookies.session(request)
        with told_to_client(interaction.request):
            user = await self._sessions.user(session)
            if user is None:
                return self._to_sign_in(interaction_id)
            form.check_token(_FORM, browser=browser, session=session)
            if decision not in {"approve", "deny"}:
                raise ShownHere(ErrorKind.FORM_REFUSED, detail="no decision")
            await self._asking_client.find(interaction.request)
            await self._interactions.consume(interaction_id)
            if decision == "deny":
                await self._consent.deny(interaction.request, user)
            code = await self._consent.approve(interaction.request, user, ticked)
        return self._to_client(interaction.request, code)

    def _to_client(self, asked: AuthorizationRequest, code: AuthorizationCode) -> Response:
        return see_other(success_location(asked, code=code.text, issuer=self._site.issuer))

    def _to_sign_in(self, interaction_id: str) -> Response:
        return see_other(f"{self._site.path('/login')}?interaction={interaction_id}")
