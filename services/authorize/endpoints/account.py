"""`/account`: the page on which people see which applications have access to their account, and withdraw it."""

from urllib.parse import urlencode

from fastapi import FastAPI, Request, Response

from services.authorize.account import Account
from services.authorize.csrf import form_token
from services.authorize.endpoints.answers import Answers, page_response, see_other
from services.authorize.endpoints.cookies import Cookies
from services.authorize.endpoints.form import read_form
from services.authorize.endpoints.sign_out import FORM as SIGN_OUT_FORM
from services.authorize.endpoints.site import Site
from services.authorize.pages.translated_pages import TranslatedPages
from services.authorize.session import Sessions
from tallystick.oauth2.parameters import MalformedForm, parse_form

_FORM = "account"
_WITHDRAWN = "withdrawn"


class AccountEndpoint:
    """Shows whoever is signed in his or her account."""

    def __init__(
        self, account: Account, sessions: Sessions, *, pages: TranslatedPages, cookies: Cookies, site: Site
    ) -> None:
        self._account = account
        self._sessions = sessions
        self._pages = pages
        self._cookies = cookies
        self._site = site

    def add_to(self, app: FastAPI, answers: Answers) -> None:
        """Serve the endpoint."""
        path = self._site.path("/account")
        app.add_api_route(path, answers.around(self._handle), methods=["GET", "HEAD", "POST"], response_model=None)

    async def _handle(self, request: Request) -> Response:
        return await (self._submitted(request) if request.method == "POST" else self._asked_for(request))

    async def _asked_for(self, request: Request) -> Response:
        session, known = self._cookies.session(request), self._cookies.browser(request)
        user = await self._sessions.user(session)
        if user is None:
            return see_other(self._site.path("/login"))
        browser = known or self._cookies.new_browser()
        page = self._pages.accepted_by(request.headers.getlist("accept-language")).account(
            await self._account.view(user, withdrawn=_withdrawn(request)),
            csrf=form_token(_FORM, browser=browser, interaction="", session=session),
            sign_out_csrf=form_token(SIGN_OUT_FORM, browser=browser, interaction="", session=session),
        )
        response = page_response(page)
        if not known:
            self._cookies.set_browser(response, browser)
        return response

    async def _submitted(self, request: Request) -> Response:
        form = await read_form(request, origin=self._site.origin)
        session = self._cookies.session(request)
        user = await self._sessions.user(session)
        if user is None:
            return see_other(self._site.path("/login"))
        form.check_token(_FORM, browser=self._cookies.browser(request), session=session)
        client_id = form.value("withdraw")
        await self._account.withdraw(user, client_id)
        return see_other(f"{self._site.path('/account')}?{urlencode({_WITHDRAWN: client_id})}")


def _withdrawn(request: Request) -> str:
    """Return the client_id in an address that we redirected to; empty when there is none."""
    try:
        named = parse_form(request.scope["query_string"]).all(_WITHDRAWN)
    except MalformedForm:
        return ""
    return named[0] if len(named) == 1 else ""
