"""openid-client for Node.js, the certified one, and oauth4webapi beneath it, as clients of ours."""

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlencode, urlsplit, urlunsplit

import pytest

from tallystick.oauth2.client import AuthMethod, ClientType, GrantType
from tests.support.cluster import Cluster
from tests.support.flow import Visitor, refresh
from tests.support.node import NodeProgram, running_program
from tests.support.operator_client import Client, User

pytestmark = pytest.mark.needs("node")
SCRIPTS = Path(__file__).parent / "node"
PEERS = [
    (ClientType.PUBLIC, AuthMethod.NONE),
    (ClientType.CONFIDENTIAL, AuthMethod.CLIENT_SECRET_BASIC),
    (ClientType.CONFIDENTIAL, AuthMethod.CLIENT_SECRET_POST),
]


@pytest.fixture(scope="module", params=["openid_client", "oauth4webapi"])
def library(request: pytest.FixtureRequest) -> Iterator[NodeProgram]:
    """The library, waiting for what to do."""
    with running_program(SCRIPTS / f"{request.param}.mjs") as program:
        yield program


@pytest.fixture(scope="module")
def user(cluster: Cluster) -> User:
    """A resource owner."""
    return cluster.operator.create_user()


def begin(library: NodeProgram, cluster: Cluster, client: Client, scope: str) -> str:
    """Let the library discover us and return its authorization request."""
    begun = library.result(
        "begin",
        issuer=cluster.issuer,
        client_id=client.client_id,
        client_secret=client.client_secret,
        auth_method=client.auth_method,
        redirect_uri=client.redirect_uris[0],
        scope=scope,
    )
    assert begun["checks_iss"] is True
    url: str = begun["url"]
    return url


@pytest.mark.parametrize(("client_type", "auth_method"), PEERS)
def test_code_and_refresh(
    cluster: Cluster, library: NodeProgram, user: User, client_type: ClientType, auth_method: AuthMethod
) -> None:
    """Discovery, PKCE, `iss`, redemption and rotation pass the library's own checks (META-03, RESP-01, TOK-01)."""
    wide, narrow = cluster.operator.create_scope(), cluster.operator.create_scope()
    client = cluster.operator.create_client(client_type, auth_method=auth_method, scopes=[wide, narrow])
    url = begin(library, cluster, client, f"{wide.name} {narrow.name}")
    with Visitor(cluster, user) as visitor:
        answer = visitor.follow(url)
    tokens = library.result("finish", url=answer)
    assert tokens["token_type"].lower() == "bearer"
    assert set(tokens["scope"].split()) == {wide.name, narrow.name}
    refreshed = library.result("refresh", refresh_token=tokens["refresh_token"], scope=narrow.name)
    assert refreshed["scope"] == narrow.name
    assert refreshed["refresh_token"] != tokens["refresh_token"]
    assert refreshed["access_token"] != tokens["access_token"]


@pytest.mark.parametrize(("client_type", "auth_method"), PEERS)
def test_revocation(
    cluster: Cluster, library: NodeProgram, user: User, client_type: ClientType, auth_method: AuthMethod
) -> None:
    """What the library revokes is over for good, and a repeat is no error (REVO-02, REVO-03)."""
    scope = cluster.operator.create_scope()
    client = cluster.operator.create_client(client_type, auth_method=auth_method, scopes=[scope])
    url = begin(library, cluster, client, scope.name)
    with Visitor(cluster, user) as visitor:
        tokens = library.result("finish", url=visitor.follow(url))
    for _ in range(2):
        assert library.result("revoke", token=tokens["refresh_token"]) is None
    refusal = library.ask("refresh", refresh_token=tokens["refresh_token"])
    assert (refusal["error"], refusal["oauth_error"]) == ("OAUTH_RESPONSE_BODY_ERROR", "invalid_grant")


def test_a_foreign_token_is_not_revoked(cluster: Cluster, library: NodeProgram, user: User) -> None:
    """The library understands that another client's token is not its to revoke, and that one lives on (REVO-04)."""
    scope = cluster.operator.create_scope()
    owner, other = (cluster.operator.create_client(scopes=[scope]) for _ in range(2))
    url = begin(library, cluster, owner, scope.name)
    with Visitor(cluster, user) as visitor:
        tokens = library.result("finish", url=visitor.follow(url))
    begin(library, cluster, other, scope.name)
    refusal = library.ask("revoke", token=tokens["refresh_token"])
    assert (refusal["error"], refusal["oauth_error"]) == ("OAUTH_RESPONSE_BODY_ERROR", "invalid_grant")
    assert refresh(cluster, owner, tokens["refresh_token"]).is_success


def test_a_foreign_issuer_is_noticed(cluster: Cluster, library: NodeProgram, user: User) -> None:
    """The library refuses an answer whose `iss` is another's or is missing, so its check of ours is a real one."""
    scope = cluster.operator.create_scope()
    client = cluster.operator.create_client(scopes=[scope])
    for iss in (["http://127.0.0.1:1"], []):
        url = begin(library, cluster, client, scope.name)
        with Visitor(cluster, user) as visitor:
            parts = urlsplit(visitor.follow(url))
        tampered = parts._replace(query=urlencode({**parse_qs(parts.query), "iss": iss}, doseq=True))
        assert library.ask("finish", url=urlunsplit(tampered))["error"] == "OAUTH_INVALID_RESPONSE"


def test_a_denial_reaches_the_client(cluster: Cluster, library: NodeProgram, user: User) -> None:
    """The library understands a denial as an answer from us (AUTHZ-13)."""
    scope = cluster.operator.create_scope()
    client = cluster.operator.create_client(scopes=[scope])
    url = begin(library, cluster, client, scope.name)
    with Visitor(cluster, user) as visitor:
        answer = visitor.follow(url, button="deny")
    refusal = library.ask("finish", url=answer)
    assert (refusal["error"], refusal["oauth_error"]) == ("OAUTH_AUTHORIZATION_RESPONSE_ERROR", "access_denied")


def test_a_replay_is_understood(cluster: Cluster, library: NodeProgram, user: User) -> None:
    """The library understands the refusal of a spent code (TOK-05)."""
    scope = cluster.operator.create_scope()
    client = cluster.operator.create_client(scopes=[scope])
    url = begin(library, cluster, client, scope.name)
    with Visitor(cluster, user) as visitor:
        answer = visitor.follow(url)
    library.result("finish", url=answer)
    refusal = library.ask("finish", url=answer)
    assert (refusal["error"], refusal["oauth_error"]) == ("OAUTH_RESPONSE_BODY_ERROR", "invalid_grant")


def test_client_credentials_and_introspection(cluster: Cluster, library: NodeProgram) -> None:
    """A resource server gets a token of its own and introspects it with the library (INTR-04)."""
    client = cluster.operator.create_client(
        ClientType.CONFIDENTIAL,
        scopes=["introspect"],
        grant_types=[GrantType.CLIENT_CREDENTIALS],
        redirect_uris=["https://app.example/unused"],
    )
    begin(library, cluster, client, "introspect")
    tokens = library.result("client_credentials", scope="introspect")
    assert "refresh_token" not in tokens
    record = library.result("introspect", token=tokens["access_token"])
    assert (record["active"], record["client_id"], record["iss"]) == (True, client.client_id, cluster.issuer)
    assert library.result("introspect", token="tsa_unknown") == {"active": False}
