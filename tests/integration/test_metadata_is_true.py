"""What the metadata announces works, and what it does not announce is refused."""

import httpx
import pytest

from tallystick.oauth2.client import AuthMethod, ClientType, GrantType
from tests.support.cluster import Cluster
from tests.support.flow import (
    AuthorizationRequest,
    Pkce,
    Visitor,
    introspect,
    parameters_of,
    post_token,
    redeem,
    refresh,
    revoke,
    sign_in_and_approve,
)

Document = dict[str, list[str]]
EVERY_GRANT = tuple(GrantType)


@pytest.fixture(scope="module")
def document(cluster: Cluster) -> Document:
    answer = httpx.get(f"{cluster.issuer}/.well-known/oauth-authorization-server", trust_env=False)
    result: Document = answer.json()
    return result


def test_announced_grant_types_work(cluster: Cluster, document: Document) -> None:
    """Each announced grant type gives a token (META-08)."""
    scope = cluster.operator.create_scope()
    client = cluster.operator.create_client(ClientType.CONFIDENTIAL, scopes=[scope], grant_types=EVERY_GRANT)
    by_code = redeem(cluster, sign_in_and_approve(cluster, client, cluster.operator.create_user()))
    by_refresh = refresh(cluster, client, by_code.json()["refresh_token"])
    by_credentials = post_token(cluster.token.http_url, client, {"grant_type": "client_credentials"})
    assert [answer.status_code for answer in (by_code, by_refresh, by_credentials)] == [200] * 3
    assert sorted(document["grant_types_supported"]) == sorted(EVERY_GRANT)


@pytest.mark.parametrize(
    "grant_type",
    [
        "password",
        "implicit",
        "urn:ietf:params:oauth:grant-type:device_code",
        "urn:ietf:params:oauth:grant-type:jwt-bearer",
    ],
)
def test_other_grant_types_are_refused(cluster: Cluster, document: Document, grant_type: str) -> None:
    """A grant type that is not announced is not supported (META-08)."""
    assert grant_type not in document["grant_types_supported"]
    client = cluster.operator.create_client(ClientType.CONFIDENTIAL, grant_types=EVERY_GRANT)
    answer = post_token(cluster.token.http_url, client, {"grant_type": grant_type})
    assert (answer.status_code, answer.json()["error"]) == (400, "unsupported_grant_type")


def test_announced_authentication_methods_work(cluster: Cluster, document: Document) -> None:
    """Each announced method works for tokens and revocation, and with a secret at introspection (META-08)."""
    scope = cluster.operator.create_scope()
    user = cluster.operator.create_user()
    for method in document["token_endpoint_auth_methods_supported"]:
        kind = ClientType.PUBLIC if method == "none" else ClientType.CONFIDENTIAL
        client = cluster.operator.create_client(kind, scopes=[scope], auth_method=AuthMethod(method))
        token = redeem(cluster, sign_in_and_approve(cluster, client, user)).json()["access_token"]
        if method in document["introspection_endpoint_auth_methods_supported"]:
            assert introspect(cluster, client, token)["active"] is True
        assert method in document["revocation_endpoint_auth_methods_supported"]
        assert revoke(cluster, client, token).status_code == httpx.codes.OK
    assert document["revocation_endpoint_auth_methods_supported"] == document["token_endpoint_auth_methods_supported"]
    assert "none" not in document["introspection_endpoint_auth_methods_supported"]


@pytest.mark.parametrize(
    ("parameter", "member", "value"),
    [
        ("response_type", "response_types_supported", "token"),
        ("response_type", "response_types_supported", "code id_token"),
        ("response_mode", "response_modes_supported", "fragment"),
        ("response_mode", "response_modes_supported", "form_post"),
        ("code_challenge_method", "code_challenge_methods_supported", "plain"),
    ],
)
def test_what_is_not_announced_is_refused(
    cluster: Cluster, document: Document, parameter: str, member: str, value: str
) -> None:
    """A response type, response mode or challenge method that is not announced is an error (META-08)."""
    assert value not in document[member]
    client = cluster.operator.create_client(scopes=[cluster.operator.create_scope()])
    request = AuthorizationRequest(
        cluster.issuer, client, client.redirect_uris[0], pkce=Pkce(), more={parameter: value}
    )
    with Visitor(cluster, cluster.operator.create_user()) as visitor:
        answer = parameters_of(visitor.follow(request.url))
    assert "code" not in answer
    assert answer["error"] in {"unsupported_response_type", "invalid_request"}
