"""`GET /oauth2/authorize` (RFC 6749 §4.1.1)."""

from fastapi import FastAPI, Request, Response

from services.authorize.begin_interaction import BeginInteraction
from services.authorize.endpoints.answers import Answers, see_other
from services.authorize.endpoints.cookies import Cookies
from services.authorize.endpoints.site import Site


class AuthorizationEndpoint:
    """Takes a client's request and sends the browser on to our pages."""

    def __init__(self, begin_interaction: BeginInteraction, cookies: Cookies, site: Site) -> None:
        self._begin_interaction = begin_interaction
        self._cookies = cookies
        self._site = site

    def add_to(self, app: FastAPI, answers: Answers) -> None:
        """Serve the endpoint."""
        path = self._site.path("/oauth2/authorize")
        app.add_api_route(path, answers.around(self._handle), methods=["GET", "HEAD"], response_model=None)

    async def _handle(self, request: Request) -> Response:
        known = self._cookies.browser(request)
        browser = known or self._cookies.new_browser()
        interaction_id = await self._begin_interaction.begin(request.scope["query_string"], browser=browser)
        # Nobody has to be signed in yet: the consent page sees to that.
        response = see_other(f"{self._site.path('/consent')}?interaction={interaction_id}")
        if not known:
            self._cookies.set_browser(response, browser)
        return response
