"""The authorization code grant as a client goes through it, with people's part done without a browser."""

import secrets
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Self
from urllib.parse import parse_qsl, urlencode, urljoin, urlsplit

import httpx

from tallystick.oauth2.client import AuthMethod
from tallystick.oauth2.pkce import s256
from tests.support.cluster import Cluster
from tests.support.operator_client import Client, Scope, User
from tests.support.overheard import OVERHEARD
from tests.support.pages import Form, only_form

SECONDS = 15.0
"""How long a request may take before a test fails."""

_LONGEST_WALK = 8


@dataclass(frozen=True, slots=True)
class Pkce:
    """A verifier and its S256 challenge (RFC 7636 §4)."""

    verifier: str = field(default_factory=lambda: secrets.token_urlsafe(32), repr=False)

    @property
    def challenge(self) -> str:
        """BASE64URL(SHA256(verifier))."""
        return s256(self.verifier)


@dataclass(frozen=True, slots=True)
class Approval:
    """A code and what it takes to redeem it."""

    client: Client
    code: str = field(repr=False)
    verifier: str = field(repr=False)
    redirect_uri: str
    state: str
    iss: str

    def form(self) -> dict[str, str]:
        """Return the parameters of the token request (RFC 6749 §4.1.3)."""
        return {
            "grant_type": "authorization_code",
            "code": self.code,
            "code_verifier": self.verifier,
            "redirect_uri": self.redirect_uri,
        }


@dataclass(frozen=True, slots=True)
class AuthorizationRequest:
    """What a client sends the browser away with, and what it keeps to check the answer by."""

    issuer: str
    client: Client
    redirect_uri: str
    scopes: tuple[str, ...] = ()
    state: str = field(default_factory=lambda: secrets.token_urlsafe(8))
    pkce: Pkce = field(default_factory=Pkce)
    more: Mapping[str, str] = field(default_factory=dict)

    @property
    def url(self) -> str:
        """The address at the authorization endpoint."""
        parameters = {
            "response_type": "code",
            "client_id": self.client.client_id,
            "redirect_uri": self.redirect_uri,
            "state": self.state,
            "code_challenge": self.pkce.challenge,
            "code_challenge_method": "S256",
            **({"scope": " ".join(self.scopes)} if self.scopes else {}),
            **self.more,
        }
        return f"{self.issuer}/oauth2/authorize?{urlencode(parameters)}"

    def approval(self, answer: Mapping[str, str]) -> Approval:
        """Check what came back to the redirect URI, as a client must, and return the code in it."""
        if answer.keys() != {"code", "state", "iss"} or answer["state"] != self.state or answer["iss"] != self.issuer:
            raise AssertionError(f"no code came back, but {dict(answer)}")
        return Approval(self.client, answer["code"], self.pkce.verifier, self.redirect_uri, self.state, answer["iss"])


class Visitor:
    """A resource owner at a browser that keeps cookies and runs no script.

    `approve` walks from the authorization request over sign-in and consent to the code. A second walk of the same
    visitor is signed in already.
    """

    def __init__(self, cluster: Cluster, user: User, *, replica: int = 0) -> None:
        self._issuer = cluster.issuer
        self._base = cluster.replicas("authorize")[replica].http_url
        self._user = user
        self.browser = httpx.Client(timeout=SECONDS, follow_redirects=False, trust_env=False, event_hooks=OVERHEARD)

    def approve(
        self,
        client: Client,
        scopes: Collection[Scope | str] | None = None,
        *,
        parameters: Mapping[str, str] | None = None,
    ) -> Approval:
        """Approve these scopes, or all that are asked for, and return the code."""
        request = AuthorizationRequest(self._issuer, client, client.redirect_uris[0], more=parameters or {})
        return request.approval(parameters_of(self.follow(request.url, scopes)))

    def follow(self, url: str, scopes: Collection[Scope | str] | None = None, *, button: str = "approve") -> str:
        """Open a client's authorization request, answer every page, and return where the client is sent its answer."""
        response = self.browser.get(self._at_this_replica(url))
        for _ in range(_LONGEST_WALK):
            if response.is_redirect:
                target = urljoin(str(response.url), response.headers["location"])
                if not target.startswith((self._base, self._issuer)):
                    return target
                response = self.browser.get(self._at_this_replica(target))
            else:
                response = self._answer(response, scopes, button)
        raise AssertionError(f"after {_LONGEST_WALK} steps there is still no answer for the client")

    def _answer(self, page: httpx.Response, scopes: Collection[Scope | str] | None, button: str) -> httpx.Response:
        if page.status_code != httpx.codes.OK:
            raise AssertionError(f"{page.request.method} {page.request.url.path}: {page.status_code}\n{page.text}")
        form = only_form(page.text)
        if "password" in form.names():
            credentials = {"username": self._user.username, "password": self._user.password}
            return self._submit(page, form, form.filled(credentials, button="sign-in"))
        return self._submit(page, form, [*form.filled({}, button=button), *_ticked(form, scopes)])

    def _submit(self, page: httpx.Response, form: Form, fields: list[tuple[str, str]]) -> httpx.Response:
        target = self._at_this_replica(urljoin(str(page.url), form.action))
        content = urlencode(fields)
        headers = {"origin": self._issuer, "content-type": "application/x-www-form-urlencoded"}
        return self.browser.request(form.method, target, content=content, headers=headers)

    def _at_this_replica(self, url: str) -> str:
        # What a load balancer does with the issuer's address.
        return self._base + url.removeprefix(self._issuer) if url.startswith(self._issuer) else url

    def close(self) -> None:
        """Close the browser."""
        self.browser.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def parameters_of(url: str) -> dict[str, str]:
    """Return the parameters in a redirect's query."""
    return dict(parse_qsl(urlsplit(url).query, keep_blank_values=True, strict_parsing=True))


def _ticked(form: Form, scopes: Collection[Scope | str] | None) -> list[tuple[str, str]]:
    if scopes is None:
        return form.boxes
    names = {str(getattr(scope, "name", scope)) for scope in scopes}
    return [box for box in form.boxes if box[1] in names]


def sign_in_and_approve(
    cluster: Cluster, client: Client, user: User, scopes: Collection[Scope | str] | None = None
) -> Approval:
    """Return a code that the user has just approved, at a browser that nobody has used before."""
    with Visitor(cluster, user) as visitor:
        return visitor.approve(client, scopes)


def credentials_of(client: Client) -> tuple[dict[str, str], httpx.Auth]:
    """Return the form fields and the HTTP authentication by which a client says who it is."""
    match client.auth_method:
        case AuthMethod.NONE:
            return {"client_id": client.client_id}, httpx.Auth()
        case AuthMethod.CLIENT_SECRET_POST:
            return {"client_id": client.client_id, "client_secret": client.client_secret or ""}, httpx.Auth()
        case AuthMethod.CLIENT_SECRET_BASIC:
            # Ids and secrets of ours need no form-encoding (RFC 6749 §2.3.1).
            return {}, httpx.BasicAuth(client.client_id, client.client_secret or "")


def post_token(base_url: str, client: Client, form: Mapping[str, str]) -> httpx.Response:
    """Send a token request to one replica, with the client's credentials."""
    own, auth = credentials_of(client)
    with httpx.Client(timeout=SECONDS, trust_env=False, event_hooks=OVERHEARD) as http:
        return http.post(f"{base_url}/oauth2/token", data={**form, **own}, auth=auth)


def redeem(cluster: Cluster, approval: Approval) -> httpx.Response:
    """Redeem a code at the first replica of token."""
    return post_token(cluster.token.http_url, approval.client, approval.form())


def refresh(cluster: Cluster, client: Client, refresh_token: str) -> httpx.Response:
    """Refresh at the first replica of token."""
    form = {"grant_type": "refresh_token", "refresh_token": refresh_token}
    return post_token(cluster.token.http_url, client, form)


def revoke(cluster: Cluster, client: Client, token: str, *, replica: int = 0) -> httpx.Response:
    """Revoke a token at one of the replicas of token (RFC 7009)."""
    own, auth = credentials_of(client)
    url = f"{cluster.replicas('token')[replica].http_url}/oauth2/revoke"
    with httpx.Client(timeout=SECONDS, trust_env=False, event_hooks=OVERHEARD) as http:
        return http.post(url, data={"token": token, **own}, auth=auth)


def introspect(cluster: Cluster, caller: Client, token: str) -> dict[str, object]:
    """Return what introspection tells a caller about a token."""
    own, auth = credentials_of(caller)
    with httpx.Client(timeout=SECONDS, trust_env=False, event_hooks=OVERHEARD) as http:
        answer = http.post(f"{cluster.introspect.http_url}/oauth2/introspect", data={"token": token, **own}, auth=auth)
    assert answer.status_code == httpx.codes.OK, answer.text
    result: dict[str, object] = answer.json()
    return result
