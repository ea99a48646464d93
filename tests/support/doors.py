"""All endpoints of all three services, and who may knock at them."""

from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Self
from urllib.parse import urlencode

import httpx

from tallystick.oauth2.client import ClientType, GrantType
from tests.support.cluster import Cluster
from tests.support.flow import SECONDS, Pkce
from tests.support.operator_client import Client
from tests.support.overheard import OVERHEARD

FORM = {"content-type": "application/x-www-form-urlencoded"}
TOKEN, REVOKE, INTROSPECT = "/oauth2/token", "/oauth2/revoke", "/oauth2/introspect"
AUTHORIZE, LOGIN, CONSENT = "/oauth2/authorize", "/login", "/consent"
METADATA = ("/.well-known/oauth-authorization-server", "/.well-known/openid-configuration")
SERVICES = {TOKEN: "token", REVOKE: "token", INTROSPECT: "introspect"}
"""The services of the endpoints for programs; all others are authorize's."""
EVERY_PATH = (*SERVICES, AUTHORIZE, LOGIN, CONSENT, *METADATA)

SPOOFED = {
    "host": "evil.example",
    "x-forwarded-host": "evil.example",
    "x-forwarded-proto": "https",
    "x-forwarded-for": "192.0.2.66",
    "x-forwarded-port": "666",
    "x-forwarded-prefix": "/evil",
    "x-original-url": "/evil",
    "x-rewrite-url": "/evil",
    "x-real-ip": "192.0.2.66",
    "forwarded": "for=192.0.2.66;host=evil.example;proto=https",
    "x-forwarded-client-cert": 'Subject="CN=evil";URI=spiffe://evil.example',
    "x-ssl-client-cert": "evil",
    "x-ssl-client-verify": "SUCCESS",
    "client-cert": ":ZXZpbA==:",
    "origin": "https://evil.example",
}
"""What a stranger may write to be taken for a proxy, for another host, or for the holder of a certificate."""


@dataclass(frozen=True, slots=True)
class Basic:
    """A client's credentials in an `Authorization` header (RFC 6749 §2.3.1)."""

    client_id: str
    secret: str

    @property
    def header(self) -> dict[str, str]:
        """The header."""
        return {"authorization": f"Basic {b64encode(f'{self.client_id}:{self.secret}'.encode()).decode()}"}


class Doors:
    """A cluster over HTTP, with a client of its own that may use every endpoint.

    `proxy` are the headers that a trusted proxy in front adds to each request.
    """

    def __init__(self, cluster: Cluster, issuer: str, proxy: Mapping[str, str] | None = None) -> None:
        self.cluster = cluster
        self.issuer = issuer
        self.proxy = dict(proxy or {})
        self.http = httpx.Client(timeout=SECONDS, trust_env=False, follow_redirects=False, event_hooks=OVERHEARD)
        self.scope = cluster.operator.create_scope()
        self.client = self.new_client()

    @property
    def basic(self) -> dict[str, str]:
        """The header by which the client says who it is."""
        return Basic(self.client.client_id, self.client.client_secret or "").header

    def new_client(self) -> Client:
        """Register a confidential client with every grant."""
        return self.cluster.operator.create_client(
            ClientType.CONFIDENTIAL, scopes=[self.scope, "introspect"], grant_types=tuple(GrantType)
        )

    def url(self, path: str) -> str:
        """Return where a path is served."""
        service = SERVICES.get(path.partition("?")[0].rstrip("/"), "authorize")
        return f"{self.cluster.replicas(service)[0].http_url}{path}"

    def ask(
        self, method: str, path: str, headers: Mapping[str, str] | None = None, body: bytes | str = b""
    ) -> httpx.Response:
        """Send a request through the proxy, if there is one."""
        return self.http.request(method, self.url(path), headers={**self.proxy, **(headers or {})}, content=body)

    def post(
        self, path: str, form: Mapping[str, str] | str | bytes, headers: Mapping[str, str] | None = None
    ) -> httpx.Response:
        """Post a form, with the client's credentials unless there are headers."""
        body = form if isinstance(form, str | bytes) else urlencode(form)
        return self.ask("POST", path, {**FORM, **(self.basic if headers is None else headers)}, body)

    def good_form(self, path: str) -> dict[str, str]:
        """Return a form that an endpoint for programs answers with 200."""
        if path == TOKEN:
            return {"grant_type": "client_credentials", "scope": self.scope.name}
        return {"token": "unknown"}

    def authorization(self, **changes: str) -> str:
        """Return the address of a good authorization request, with parameters changed."""
        parameters = {
            "response_type": "code",
            "client_id": self.client.client_id,
            "redirect_uri": self.client.redirect_uris[0],
            "state": "xyz",
            "code_challenge": Pkce().challenge,
            "code_challenge_method": "S256",
        }
        return f"{AUTHORIZE}?{urlencode({**parameters, **changes})}"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.http.close()
