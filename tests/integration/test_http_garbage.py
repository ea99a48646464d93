"""Requests that are right but for one hostile change, and bytes that are no requests, at every endpoint."""

import socket
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl, quote, urlencode, urljoin, urlsplit

import httpx
import pytest
from hypothesis import given

from tallystick.oauth2.client import AuthMethod, ClientType, GrantType
from tests.support.cluster import Cluster
from tests.support.flow import AuthorizationRequest, Visitor, redeem
from tests.support.fuzz import BOUNDED, examples
from tests.support.hostile_requests import FORM, Asked, at_length, hostile, no_requests
from tests.support.openapi import DOCUMENT, base_url, require_documented
from tests.support.operator_client import Client, Scope, User
from tests.support.pages import Form, forms, only_form
from tests.support.witness import Witness

SECONDS = 5.0
ENDPOINTS = (
    "GET /oauth2/authorize", "GET /login", "POST /login", "GET /consent", "POST /consent", "GET /account",
    "POST /account", "POST /logout", "POST /oauth2/token code", "POST /oauth2/token refresh",
    "POST /oauth2/token credentials", "POST /oauth2/revoke", "POST /oauth2/introspect",
)  # fmt: skip
ROUNDS = [pytest.param(1, BOUNDED // 2, id="bounded"), pytest.param(3, 150, id="long", marks=pytest.mark.long)]


@dataclass(frozen=True, slots=True)
class Stranger:
    """A browser that is signed in, and a right request for every endpoint."""

    cluster: Cluster
    browser: httpx.Client
    requests: Mapping[str, Asked]

    def send(self, asked: Asked) -> httpx.Response:
        """Send a request as it stands."""
        query = (*asked.query, *asked.parameters) if asked.method == "GET" else asked.query
        url = f"{base_url(self.cluster, asked.path)}{asked.path}"
        if asked.method == "GET" and asked.raw is not None:
            url += f"?{quote(asked.raw, safe='%&=+;/:?@!*')}"
        elif query:
            url += f"?{urlencode(query)}"
        body = asked.body if asked.method == "POST" else None
        return self.browser.request(asked.method, url, content=body, headers=dict(asked.headers))


@pytest.fixture(scope="module")
def witness(cluster: Cluster) -> Iterator[Witness]:
    made = Witness(cluster)
    yield made
    made.close()


@pytest.fixture(scope="module")
def scope(cluster: Cluster) -> Scope:
    return cluster.operator.create_scope()


@pytest.fixture(scope="module")
def client(cluster: Cluster, scope: Scope) -> Client:
    return cluster.operator.create_client(
        ClientType.CONFIDENTIAL,
        scopes=[scope, "introspect"],
        grant_types=tuple(GrantType),
        auth_method=AuthMethod.CLIENT_SECRET_POST,
    )


@pytest.fixture(scope="module")
def user(cluster: Cluster) -> User:
    return cluster.operator.create_user()


@pytest.fixture
def stranger(cluster: Cluster, user: User, client: Client, scope: Scope) -> Iterator[Stranger]:
    with Visitor(cluster, user) as visitor:
        tokens = redeem(cluster, visitor.approve(client)).json()
        approval = visitor.approve(client)
        withdrawal, leaving = sorted(forms(_page(visitor.browser, f"{cluster.issuer}/account").text), key=_action)
        asked = AuthorizationRequest(cluster.issuer, client, client.redirect_uris[0], (scope.name,))
        ours = {"origin": cluster.issuer, "content-type": FORM}
        own = (("client_id", client.client_id), ("client_secret", client.client_secret or ""))
        consent = _page(visitor.browser, asked.url)
        waiting = dict(only_form(consent.text).fields)["interaction"]
        at_login = _page(visitor.browser, f"{cluster.issuer}/login?interaction={waiting}")
        visitor.browser.event_hooks["response"] = [require_documented]
        form = only_form(consent.text)
        refreshing = (
            ("grant_type", "refresh_token"),
            ("refresh_token", tokens["refresh_token"]),
            ("scope", scope.name),
        )
        crediting = (("grant_type", "client_credentials"), ("scope", scope.name), ("resource", cluster.issuer))
        requests = {
            "GET /oauth2/authorize": Asked(
                "GET", "/oauth2/authorize", tuple(parse_qsl(urlsplit(asked.url).query)), {"accept-language": "de"}
            ),
            "GET /login": Asked("GET", "/login", (("interaction", waiting),)),
            "POST /login": Asked("POST", "/login", tuple(only_form(at_login.text).filled({}, button="sign-in")), ours),
            "GET /consent": Asked("GET", "/consent", (("interaction", waiting),), {"sec-fetch-dest": "document"}),
            "POST /consent": Asked("POST", "/consent", (*form.filled({}, button="approve"), *form.boxes), ours),
            "GET /account": Asked("GET", "/account", (("withdrawn", client.client_id),)),
            "POST /account": Asked("POST", "/account", (*withdrawal.fields, ("withdraw", client.client_id)), ours),
            "POST /logout": Asked("POST", "/logout", tuple(leaving.fields), ours),
            "POST /oauth2/token code": _program("/oauth2/token", *approval.form().items(), *own, ("label", "x")),
            "POST /oauth2/token refresh": _program("/oauth2/token", *refreshing, *own),
            "POST /oauth2/token credentials": _program("/oauth2/token", *crediting, *own),
            "POST /oauth2/revoke": _program(
                "/oauth2/revoke", ("token", "x"), ("token_type_hint", "access_token"), *own
            ),
            "POST /oauth2/introspect": _program("/oauth2/introspect", ("token", tokens["access_token"]), *own),
        }
        yield Stranger(cluster, visitor.browser, requests)


@pytest.mark.timeout(900)
@pytest.mark.parametrize(("rounds", "number"), ROUNDS)
@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_one_hostile_change_breaks_nothing(
    witness: Witness, stranger: Stranger, endpoint: str, rounds: int, number: int
) -> None:
    """A request with one hostile change is answered in time, as described, and nothing is lost (GEN-06, GEN-13)."""

    @examples(number)
    @given(asked=hostile(stranger.requests[endpoint]))
    def answered(asked: Asked) -> None:
        began = time.monotonic()
        answer = stranger.send(asked)
        assert answer.status_code < 500, answer.text
        assert time.monotonic() - began < SECONDS
        assert "\0" not in answer.text
        assert all(value.isprintable() for value in answer.headers.values())

    for _ in range(rounds):
        with witness.nothing_is_lost():
            answered()


@pytest.mark.timeout(900)
@pytest.mark.parametrize(("rounds", "number"), ROUNDS)
@pytest.mark.parametrize("path", ["/oauth2/authorize", "/oauth2/token", "/oauth2/introspect"])
def test_bytes_that_are_no_request_break_nothing(
    cluster: Cluster, witness: Witness, path: str, rounds: int, number: int
) -> None:
    """Whatever bytes arrive at a port, the connection is answered or closed in time, and nothing is lost (GEN-13)."""
    address = urlsplit(base_url(cluster, path))

    @examples(number)
    @given(octets=no_requests(path))
    def closed(octets: bytes) -> None:
        with socket.create_connection((address.hostname, address.port), timeout=SECONDS) as connection:
            answer = exchanged(connection, at_length(octets))
        assert not answer or answer.startswith(b"HTTP/1.1 ")
        assert not answer.startswith(b"HTTP/1.1 5")

    for _ in range(rounds):
        with witness.nothing_is_lost():
            closed()


def exchanged(connection: socket.socket, octets: bytes) -> bytes:
    """Send everything, say that no more will come, and return what is answered until the server closes."""
    answer = bytearray()
    try:
        connection.sendall(octets)
        connection.shutdown(socket.SHUT_WR)
        while chunk := connection.recv(65536):
            answer += chunk
    except TimeoutError:
        raise
    except OSError:
        # The server did not wait for the rest; gone is gone, whatever the system calls it.
        pass
    return bytes(answer)


def _page(browser: httpx.Client, url: str) -> httpx.Response:
    """Follow redirects within our pages."""
    answer = browser.get(url)
    while answer.is_redirect:
        answer = browser.get(urljoin(str(answer.url), answer.headers["location"]))
    return answer


def _action(form: Form) -> str:
    return form.action


def _program(path: str, *parameters: tuple[str, str]) -> Asked:
    return Asked("POST", path, parameters, {"content-type": FORM})


def test_every_operation_is_attacked() -> None:
    """No endpoint of the file is left out here, the metadata aside, which reads nothing (GEN-13)."""
    described = {
        f"{method.upper()} {path}"
        for path, item in DOCUMENT["paths"].items()
        for method in item
        if method in {"get", "post"} and not path.startswith("/.well-known/")
    }
    assert described == {" ".join(endpoint.split()[:2]) for endpoint in ENDPOINTS}
