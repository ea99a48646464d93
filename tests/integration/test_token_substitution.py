"""Nothing that we give out passes for something else, and nobody's name for a proof (RFC 9700 §4)."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from tallystick.oauth2.authorization_code import ID_BYTES, SECRET_BYTES, new_authorization_code
from tallystick.oauth2.client import ClientType, GrantType
from tallystick.oauth2.opaque_token import new_access_token
from tests.support.cluster import Cluster
from tests.support.flow import SECONDS, introspect, post_token, redeem, refresh, sign_in_and_approve
from tests.support.operator_client import Client

DEAD = {"active": False}


@dataclass(frozen=True, slots=True)
class Given:
    """Everything that one client was given, and the resource server that is asked about it."""

    cluster: Cluster
    client: Client
    resource_server: Client
    spent_code: str
    access_token: str
    refresh_token: str
    own_token: str
    form: dict[str, str]

    def is_alive(self) -> bool:
        """Tell whether the access token is good and the refresh token would be."""
        shown = introspect(self.cluster, self.resource_server, self.access_token)
        kept = introspect(self.cluster, self.client, self.refresh_token)
        return shown["active"] is True and kept["active"] is True


@pytest.fixture(scope="module")
def given(cluster: Cluster) -> Given:
    caller, _, scope = cluster.operator.create_resource_server()
    client = cluster.operator.create_client(
        ClientType.CONFIDENTIAL, scopes=[scope], redirect_uris=["https://app.example/cb"], grant_types=list(GrantType)
    )
    approval = sign_in_and_approve(cluster, client, cluster.operator.create_user())
    tokens = redeem(cluster, approval).json()
    own = post_token(cluster.token.http_url, client, {"grant_type": "client_credentials"}).json()
    return Given(
        cluster,
        client,
        caller,
        approval.code,
        tokens["access_token"],
        tokens["refresh_token"],
        own["access_token"],
        approval.form(),
    )


@pytest.mark.parametrize("kind", ["access_token", "own_token", "spent_code", "secret", "text with a tag"])
def test_nothing_else_is_a_refresh_token(given: Given, kind: str) -> None:
    """An access token, a code and a secret refresh nothing, and nothing dies of the attempt (TOK-10, REFR-08)."""
    answer = refresh(given.cluster, given.client, something(given, kind))
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant")
    assert given.is_alive()


@pytest.mark.parametrize("kind", ["access_token", "own_token", "refresh_token", "secret", "text with a tag"])
def test_nothing_else_is_a_code(given: Given, kind: str) -> None:
    """Tokens and secrets are no codes, whatever else fits, and nothing dies of the attempt (TOK-10)."""
    form = {**given.form, "code": something(given, kind)}
    answer = post_token(given.cluster.token.http_url, given.client, form)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant")
    assert given.is_alive()


@pytest.mark.parametrize("kind", ["spent_code", "refresh_token", "secret", "text with a tag", "of another deployment"])
def test_nothing_else_is_shown_to_a_resource_server(given: Given, kind: str) -> None:
    """To whom an access token is presented, a code, a refresh token or a secret is nothing at all (TOK-10, INTR-06)."""
    assert introspect(given.cluster, given.resource_server, something(given, kind)) == DEAD


@pytest.mark.parametrize("kind", ["spent_code", "secret", "of another deployment"])
def test_nothing_else_is_shown_to_its_client(given: Given, kind: str) -> None:
    """Its client too learns of tokens alone (TOK-10, INTR-06)."""
    assert introspect(given.cluster, given.client, something(given, kind)) == DEAD


@pytest.mark.parametrize("kind", ["refresh_token", "access_token", "own_token", "spent_code"])
def test_no_token_lets_anybody_ask(given: Given, kind: str) -> None:
    """A bearer without the right to introspect is challenged as a bearer, whatever is presented (TOK-10, INTR-02)."""
    answer = httpx.post(
        f"{given.cluster.introspect.http_url}/oauth2/introspect",
        data={"token": given.access_token},
        headers={"authorization": f"Bearer {something(given, kind)}"},
        timeout=SECONDS,
    )
    assert answer.status_code in {httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN}
    assert "Bearer " in answer.headers["www-authenticate"]
    assert "active" not in answer.text


def test_a_token_is_given_without_cookies(given: Given) -> None:
    """The token endpoint neither sets a cookie nor redirects, whatever it answers (TOK-01)."""
    for form in ({"grant_type": "client_credentials"}, {"grant_type": "client_credentials", "scope": "admin"}, {}):
        answer = post_token(given.cluster.token.http_url, given.client, form)
        assert "set-cookie" not in answer.headers
        assert "location" not in answer.headers
        assert answer.headers["content-type"] == "application/json"
    members = post_token(given.cluster.token.http_url, given.client, {"grant_type": "client_credentials"}).json()
    assert isinstance(members["expires_in"], int)
    assert members["expires_in"] <= 3600
    assert {type(members[name]) for name in ("access_token", "token_type", "scope")} == {str}


@pytest.mark.parametrize("scope", ["openid", "offline_access", "openid {own}", "{own} offline_access"])
def test_a_client_alone_has_no_identity(given: Given, scope: str) -> None:
    """Who signed in and being away are nothing that a client could ask for itself (CC-02)."""
    form = {"grant_type": "client_credentials", "scope": scope.format(own=given.client.scopes[0])}
    answer = post_token(given.cluster.token.http_url, given.client, form)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_scope")


def test_a_public_name_opens_nothing(cluster: Cluster, given: Given) -> None:
    """A bare public client_id passes neither for client credentials nor at introspection (CAUTH-09, CC-01)."""
    name = {"client_id": cluster.operator.create_client(scopes=given.client.scopes).client_id}
    with httpx.Client(timeout=SECONDS, trust_env=False) as http:
        token = http.post(f"{cluster.token.http_url}/oauth2/token", data={"grant_type": "client_credentials", **name})
        verdict = http.post(
            f"{cluster.introspect.http_url}/oauth2/introspect", data={"token": given.access_token, **name}
        )
    assert (token.status_code, token.json()["error"]) in {(400, "unauthorized_client"), (401, "invalid_client")}
    assert (verdict.status_code, verdict.json()["error"]) == (401, "invalid_client")


# What to present instead of what is asked for.
SOMETHING: dict[str, Callable[[Given], str]] = {
    "access_token": lambda given: given.access_token,
    "own_token": lambda given: given.own_token,
    "refresh_token": lambda given: given.refresh_token,
    "spent_code": lambda given: given.spent_code,
    "secret": lambda given: given.client.client_secret or "",
    "text with a tag": lambda given: f"{given.access_token[:4]}{'A' * (len(given.refresh_token) - 4)}",
    "of another deployment": lambda _: new_access_token(secrets.token_bytes(32), in_an_hour()).text,
}


def in_an_hour() -> datetime:
    """Return a moment at which a token may expire."""
    return datetime.now(UTC) + timedelta(hours=1)


def something(given: Given, kind: str) -> str:
    """Return what was given out as something else, or by somebody else."""
    return SOMETHING[kind](given)


def test_codes_of_elsewhere_buy_nothing(given: Given) -> None:
    """A code of the same form that was never issued here is refused like any other (TOK-10, TOK-02)."""
    foreign = new_authorization_code(secrets.token_bytes(ID_BYTES), secrets.token_bytes(SECRET_BYTES)).text
    answer = post_token(given.cluster.token.http_url, given.client, {**given.form, "code": foreign})
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant")
