"""A browser that does one step at a time, so that a test can do each of them wrongly."""

from types import TracebackType
from typing import Self
from urllib.parse import parse_qs, parse_qsl, urlencode, urljoin, urlsplit

import httpx

from tests.support.cluster import Cluster
from tests.support.flow import SECONDS, Pkce
from tests.support.operator_client import Client, User
from tests.support.overheard import OVERHEARD
from tests.support.pages import Field, Form, only_form
from tests.support.service_process import ServiceProcess


class Browser:
    """Keeps cookies, follows nothing by itself, and posts forms as a page of the issuer's would."""

    def __init__(self, cluster: Cluster, replica: ServiceProcess | None = None) -> None:
        self.issuer = cluster.issuer
        # A connection for each request: one that was kept may be closed by the server just as the next is sent.
        self.http = httpx.Client(
            base_url=(replica or cluster.authorize).http_url,
            timeout=SECONDS,
            trust_env=False,
            event_hooks=OVERHEARD,
            limits=httpx.Limits(max_keepalive_connections=0),
        )

    def ask(self, client: Client, **changes: str | None) -> httpx.Response:
        """Send an authorization request; None leaves a parameter out."""
        parameters: dict[str, str | None] = {
            "response_type": "code",
            "client_id": client.client_id,
            "redirect_uri": client.redirect_uris[0],
            "state": "xyz",
            "code_challenge": Pkce().challenge,
            "code_challenge_method": "S256",
            **changes,
        }
        query = urlencode({name: value for name, value in parameters.items() if value is not None})
        return self.http.get(f"/oauth2/authorize?{query}")

    def follow(self, response: httpx.Response) -> httpx.Response:
        """Follow redirects for as long as they stay with the issuer."""
        while response.is_redirect and response.headers["location"].startswith(("/", self.issuer)):
            response = self.http.get(urljoin(str(response.url), response.headers["location"]))
        return response

    def sign_in_page(self, client: Client, **changes: str | None) -> Form:
        """Send a request and return the form that asks who is there."""
        page = self.follow(self.ask(client, **changes))
        assert page.url.path == "/login"
        return only_form(page.text)

    def consent_page(self, client: Client, user: User, **changes: str | None) -> Form:
        """Send a request, sign in if need be, and return the form that asks for consent."""
        page = self.follow(self.ask(client, **changes))
        if page.url.path == "/login":
            page = self.follow(self.sign_in(only_form(page.text), user.username, user.password))
        assert page.url.path == "/consent"
        return only_form(page.text)

    def sign_in(self, form: Form, username: str, password: str) -> httpx.Response:
        """Fill in and post the sign-in form."""
        return self.post(form.action, form.filled({"username": username, "password": password}, button="sign-in"))

    def answer(self, form: Form, button: str = "approve", ticked: list[Field] | None = None) -> httpx.Response:
        """Press a button of the consent form, with all boxes ticked unless told otherwise."""
        return self.post(form.action, [*form.filled({}, button=button), *(form.boxes if ticked is None else ticked)])

    def post(self, path: str, fields: list[Field], **headers: str | None) -> httpx.Response:
        """Post fields, with headers added, or left out where they are None."""
        sent = {"origin": self.issuer, "content-type": "application/x-www-form-urlencoded", **headers}
        content = urlencode(fields)
        return self.http.post(path, content=content, headers={k: v for k, v in sent.items() if v is not None})

    def session_cookie(self) -> str:
        """Return the value of the cookie for the login session."""
        [value] = [cookie.value for cookie in self.http.cookies.jar if "session" in cookie.name]
        return value or ""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.http.close()


def interaction_of(form: Form) -> str:
    """Return the id of the interaction that a form belongs to."""
    return dict(form.fields)["interaction"]


def changed(form: Form, button: str, **values: str) -> list[Field]:
    """Return what a form would send with hidden fields changed, all boxes ticked."""
    fields = [(name, values.get(name, value)) for name, value in form.fields]
    return [*fields, *form.boxes, form.buttons[button]]


def told(response: httpx.Response, client: Client) -> dict[str, str]:
    """Return what a redirect tells a client, each parameter once."""
    assert response.status_code == httpx.codes.SEE_OTHER, response.text
    location = response.headers["location"]
    assert location.startswith(client.redirect_uris[0])
    query = urlsplit(location).query
    assert all(len(values) == 1 for values in parse_qs(query, keep_blank_values=True).values())
    return dict(parse_qsl(query, keep_blank_values=True))


def shown_here(response: httpx.Response, status: int) -> None:
    """Fail unless a response is a page of our own that leads nowhere and protects itself."""
    assert status == response.status_code, response.text
    assert "location" not in response.headers
    assert response.headers["content-type"].startswith("text/html")
    assert "frame-ancestors 'none'" in response.headers["content-security-policy"]
    assert response.headers["x-frame-options"] == "DENY"
    assert "no-store" in response.headers["cache-control"]
    assert 'href="http' not in response.text
