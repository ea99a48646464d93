"""What the model's resource owners do at their browsers."""

from urllib.parse import urlencode, urljoin

import httpx

from tests.model.cast import Cast
from tests.model.world import Scopes
from tests.support.flow import Visitor
from tests.support.pages import Field, Form, forms

_LONGEST_WALK = 6


class Browsing:
    """Approves and withdraws. Each user stays at one replica of authorize, and signed in for as long as that lasts."""

    def __init__(self, cast: Cast) -> None:
        self._cast = cast
        self._visitors: dict[str, Visitor] = {}

    def approve(self, user: str, client: str, scopes: Scopes) -> None:
        """Approve scopes and keep the code."""
        approval = self._visitor(user).approve(self._cast.clients[client], self._cast.scope_names(scopes))
        self._cast.approvals.append(approval)

    def withdraw(self, user: str, client: str) -> None:
        """Press the button of a client on the account page."""
        page = self._account(user)
        [form] = [form for form in forms(page.text) if form.action == "account"]
        answer = self._submit(user, page, form, [*form.fields, ("withdraw", self._cast.client_id(client))])
        assert answer.status_code == httpx.codes.SEE_OTHER, answer.text

    def forget(self, user: str) -> None:
        """Close a user's browser; the next time somebody signs in."""
        if user in self._visitors:
            self._visitors.pop(user).close()

    def close(self) -> None:
        """Close all browsers."""
        for user in list(self._visitors):
            self.forget(user)

    def _account(self, user: str) -> httpx.Response:
        browser, owner = self._visitor(user).browser, self._cast.stage.users[user]
        page = browser.get(f"{self._base(user)}/account")
        for _ in range(_LONGEST_WALK):
            if page.is_redirect:
                page = browser.get(urljoin(str(page.url), page.headers["location"]))
                continue
            if page.url.path == "/account":
                return page
            [form] = forms(page.text)
            credentials = {"username": owner.username, "password": owner.password}
            page = self._submit(user, page, form, form.filled(credentials, button="sign-in"))
        raise AssertionError(f"{user} did not get to the account page")

    def _submit(self, user: str, page: httpx.Response, form: Form, fields: list[Field]) -> httpx.Response:
        headers = {"origin": self._cast.stage.cluster.issuer, "content-type": "application/x-www-form-urlencoded"}
        target = urljoin(str(page.url), form.action)
        return self._visitor(user).browser.post(target, content=urlencode(fields), headers=headers)

    def _replica(self, user: str) -> int:
        return sorted(self._cast.stage.users).index(user)

    def _base(self, user: str) -> str:
        return self._cast.stage.cluster.replicas("authorize")[self._replica(user)].http_url

    def _visitor(self, user: str) -> Visitor:
        if user not in self._visitors:
            stage = self._cast.stage
            self._visitors[user] = Visitor(stage.cluster, stage.users[user], replica=self._replica(user))
        return self._visitors[user]
