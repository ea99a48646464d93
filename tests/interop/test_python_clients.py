"""Python's OAuth libraries as clients of ours."""

import warnings
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from authlib.common.security import generate_token
from authlib.integrations.base_client.errors import OAuthError
from authlib.integrations.requests_client import OAuth2Session as RequestsOAuth2Session
from authlib.oauth2.rfc8414 import AuthorizationServerMetadata
from oauthlib.oauth2 import (  # type: ignore[import-untyped]  # ships no types
    BackendApplicationClient,
    WebApplicationClient,
)
from requests_oauthlib import OAuth2Session  # type: ignore[import-untyped]  # ships no types

from tallystick.oauth2.client import AuthMethod, ClientType, GrantType
from tests.support.cluster import Cluster
from tests.support.flow import SECONDS, Visitor, introspect, redeem
from tests.support.operator_client import Client, Scope

with warnings.catch_warnings():
    # It recommends a successor of httpx.
    warnings.simplefilter("ignore")
    from authlib.integrations.httpx_client import AsyncOAuth2Client, OAuth2Client

PEERS = [
    (ClientType.PUBLIC, AuthMethod.NONE),
    (ClientType.CONFIDENTIAL, AuthMethod.CLIENT_SECRET_BASIC),
    (ClientType.CONFIDENTIAL, AuthMethod.CLIENT_SECRET_POST),
]


@pytest.fixture(scope="module")
def metadata(cluster: Cluster) -> dict[str, Any]:
    """Our metadata, found as RFC 8414 says."""
    answer = httpx.get(f"{cluster.issuer}/.well-known/oauth-authorization-server", timeout=SECONDS, trust_env=False)
    found: dict[str, Any] = answer.json()
    return found


@pytest.fixture(scope="module")
def scope(cluster: Cluster) -> Scope:
    """What is asked for."""
    return cluster.operator.create_scope()


@pytest.fixture(scope="module")
def visitor(cluster: Cluster) -> Iterator[Visitor]:
    """A resource owner."""
    with Visitor(cluster, cluster.operator.create_user()) as visitor:
        yield visitor


def checked(answer: str, metadata: dict[str, Any]) -> str:
    """Return an authorization response after the check of `iss` that these libraries leave to us (RFC 9207 §2.4)."""
    assert httpx.URL(answer).params["iss"] == metadata["issuer"]
    return answer


def test_metadata_is_valid(metadata: dict[str, Any]) -> None:
    """Authlib finds nothing wrong with our metadata but http, which is for loopback (META-03)."""
    secure = {name: as_https(value) for name, value in metadata.items()}
    AuthorizationServerMetadata(secure).validate()


def as_https(value: Any) -> Any:
    """Return an address as it would be with TLS."""
    return value.replace("http://", "https://") if isinstance(value, str) else value


@pytest.mark.parametrize(("client_type", "auth_method"), PEERS)
def test_authlib(
    cluster: Cluster,
    metadata: dict[str, Any],
    scope: Scope,
    visitor: Visitor,
    client_type: ClientType,
    auth_method: AuthMethod,
) -> None:
    """Authlib on httpx redeems a code with PKCE and refreshes (PKCE-01, REFR-02)."""
    client = cluster.operator.create_client(client_type, auth_method=auth_method, scopes=[scope])
    with OAuth2Client(**authlib_settings(client, scope), trust_env=False) as session:
        verifier = generate_token(48)
        url, state = session.create_authorization_url(metadata["authorization_endpoint"], code_verifier=verifier)
        answer = checked(visitor.follow(url), metadata)
        token = session.fetch_token(
            metadata["token_endpoint"], authorization_response=answer, state=state, code_verifier=verifier
        )
        assert token["scope"] == scope.name
        refreshed = session.refresh_token(metadata["token_endpoint"])
        assert refreshed["refresh_token"] != token["refresh_token"]
        with pytest.raises(OAuthError, match="invalid_grant"):
            session.fetch_token(
                metadata["token_endpoint"], authorization_response=answer, state=state, code_verifier=verifier
            )


@pytest.mark.parametrize(("client_type", "auth_method"), PEERS)
def test_authlib_revokes(
    cluster: Cluster,
    metadata: dict[str, Any],
    scope: Scope,
    visitor: Visitor,
    client_type: ClientType,
    auth_method: AuthMethod,
) -> None:
    """Authlib revokes its refresh token, may do so again, and can refresh no more (REVO-01, REVO-02, REVO-03)."""
    client = cluster.operator.create_client(client_type, auth_method=auth_method, scopes=[scope])
    approval = visitor.approve(client)
    token = redeem(cluster, approval).json()
    with OAuth2Client(**authlib_settings(client, scope), token=token, trust_env=False) as session:
        for _ in range(2):
            answer = session.revoke_token(
                metadata["revocation_endpoint"], token["refresh_token"], token_type_hint="refresh_token"
            )
            assert (answer.status_code, answer.content) == (200, b"")
        with pytest.raises(OAuthError, match="invalid_grant"):
            session.refresh_token(metadata["token_endpoint"])


def test_authlib_client_credentials_and_introspection(cluster: Cluster, metadata: dict[str, Any]) -> None:
    """Authlib gets a token for a client's own account, introspects it and revokes it (CC-02, INTR-04, REVO-02)."""
    scope = cluster.operator.create_scope()
    client = cluster.operator.create_client(
        ClientType.CONFIDENTIAL, scopes=[scope], grant_types=[GrantType.CLIENT_CREDENTIALS], redirect_uris=[]
    )
    with OAuth2Client(client.client_id, client.client_secret, timeout=SECONDS, trust_env=False) as session:
        token = session.fetch_token(metadata["token_endpoint"], grant_type="client_credentials", scope=scope.name)
        assert "refresh_token" not in token

        def active() -> bool:
            answer = session.introspect_token(metadata["introspection_endpoint"], token["access_token"])
            return bool(answer.json()["active"])

        assert active()
        assert session.revoke_token(metadata["revocation_endpoint"], token["access_token"]).is_success
        assert not active()


def authlib_settings(client: Client, scope: Scope) -> dict[str, Any]:
    """Return how authlib is told who it is."""
    return {
        "client_id": client.client_id,
        "client_secret": client.client_secret,
        "token_endpoint_auth_method": client.auth_method.value,
        "revocation_endpoint_auth_method": client.auth_method.value,
        "redirect_uri": client.redirect_uris[0],
        "scope": scope.name,
        "code_challenge_method": "S256",
        "timeout": SECONDS,
    }


async def test_authlib_asynchronous(cluster: Cluster, metadata: dict[str, Any], scope: Scope, visitor: Visitor) -> None:
    """Authlib's asynchronous client redeems a code with PKCE and refreshes (PKCE-01, REFR-02)."""
    client = cluster.operator.create_client(scopes=[scope])
    async with AsyncOAuth2Client(**authlib_settings(client, scope), trust_env=False) as session:
        verifier = generate_token(48)
        url, state = session.create_authorization_url(metadata["authorization_endpoint"], code_verifier=verifier)
        answer = checked(visitor.follow(url), metadata)
        token = await session.fetch_token(
            metadata["token_endpoint"], authorization_response=answer, state=state, code_verifier=verifier
        )
        refreshed = await session.refresh_token(metadata["token_endpoint"])
        assert refreshed["refresh_token"] != token["refresh_token"]


def test_authlib_on_requests(cluster: Cluster, metadata: dict[str, Any], scope: Scope, visitor: Visitor) -> None:
    """Authlib on requests redeems a code with PKCE and refreshes (PKCE-01, REFR-02)."""
    client = cluster.operator.create_client(ClientType.CONFIDENTIAL, scopes=[scope])
    settings = authlib_settings(client, scope)
    settings["default_timeout"] = settings.pop("timeout")
    with RequestsOAuth2Session(**settings) as session:
        session.trust_env = False
        verifier = generate_token(48)
        url, state = session.create_authorization_url(metadata["authorization_endpoint"], code_verifier=verifier)
        answer = checked(visitor.follow(url), metadata)
        token = session.fetch_token(
            metadata["token_endpoint"], authorization_response=answer, state=state, code_verifier=verifier
        )
        refreshed = session.refresh_token(metadata["token_endpoint"])
        assert refreshed["refresh_token"] != token["refresh_token"]


@pytest.fixture
def http_is_for_loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tell oauthlib that http is meant."""
    monkeypatch.setenv("OAUTHLIB_INSECURE_TRANSPORT", "1")


@pytest.mark.usefixtures("http_is_for_loopback")
@pytest.mark.parametrize("client_type", list(ClientType))
def test_requests_oauthlib(
    cluster: Cluster, metadata: dict[str, Any], scope: Scope, visitor: Visitor, client_type: ClientType
) -> None:
    """Requests-OAuthlib redeems a code with PKCE and refreshes (PKCE-01, REFR-02)."""
    client = cluster.operator.create_client(client_type, scopes=[scope])
    with OAuth2Session(
        client=WebApplicationClient(client.client_id),
        redirect_uri=client.redirect_uris[0],
        scope=[scope.name],
        pkce="S256",
    ) as session:
        session.trust_env = False
        url, _ = session.authorization_url(metadata["authorization_endpoint"])
        answer = checked(visitor.follow(url), metadata)
        said = {"client_secret": client.client_secret} if client.client_secret else {"include_client_id": True}
        token = session.fetch_token(metadata["token_endpoint"], authorization_response=answer, timeout=SECONDS, **said)
        proof = (client.client_id, client.client_secret) if client.client_secret else None
        own = {} if proof else {"client_id": client.client_id}
        refreshed = session.refresh_token(metadata["token_endpoint"], auth=proof, timeout=SECONDS, **own)
        assert refreshed["refresh_token"] != token["refresh_token"]


@pytest.mark.usefixtures("http_is_for_loopback")
def test_requests_oauthlib_client_credentials(cluster: Cluster, metadata: dict[str, Any]) -> None:
    """Requests-OAuthlib gets a token for a client of its own account (CC-02)."""
    scope = cluster.operator.create_scope()
    client = cluster.operator.create_client(
        ClientType.CONFIDENTIAL, scopes=[scope], grant_types=[GrantType.CLIENT_CREDENTIALS], redirect_uris=[]
    )
    with OAuth2Session(client=BackendApplicationClient(client.client_id), scope=[scope.name]) as session:
        session.trust_env = False
        token = session.fetch_token(
            metadata["token_endpoint"], auth=(client.client_id, client.client_secret), timeout=SECONDS
        )
    assert "refresh_token" not in token
    assert introspect(cluster, client, token["access_token"])["sub"] == f"client:{client.client_id}"
