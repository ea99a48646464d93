"""`POST /logout`: ends the login session of a browser."""

from fastapi import FastAPI, Request, Response

from services.authorize.endpoints.answers import Answers, see_other
from services.authorize.endpoints.cookies import Cookies
from services.authorize.endpoints.form import read_form
from services.authorize.endpoints.sign_in import SIGNED_OUT
from services.authorize.endpoints.site import Site
from services.authorize.session import Sessions
from tallystick.runtime import client_address

FORM = "logout"
"""What the form's token is made for, with the session and without an interaction."""


class SignOutEndpoint:
    """Signs people out. Only a form of our own does it, so that no other site can."""

    def __init__(self, sessions: Sessions, *, cookies: Cookies, site: Site) -> None:
        self._sessions = sessions
        self._cookies = cookies
        self._site = site

    def add_to(self, app: FastAPI, answers: Answers) -> None:
        """Serve the endpoint."""
        path = self._site.path("/logout")
        app.add_api_route(path, answers.around(self._handle), methods=["POST"], response_model=None)

    async def _handle(self, request: Request) -> Response:
        form = await read_form(request, origin=self._site.origin)
        session = self._cookies.session(request)
        # Whoever has no session is signed out, as after a double click.
        if session:
            form.check_token(FORM, browser=self._cookies.browser(request), session=session)
            await self._sessions.end(session, network=client_address.current_network())
        response = see_other(f"{self._site.path('/login')}?{SIGNED_OUT}")
        self._cookies.clear_session(response)
        return response
