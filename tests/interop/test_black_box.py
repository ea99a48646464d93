"""The black-box cases, on ours; docs/peer-comparison.md says what another server does with them."""

from collections.abc import Iterator

import httpx
import pytest

from tallystick.oauth2.client import ClientType, GrantType
from tests.interop.black_box.authorization_cases import AUTHORIZATION_CASES
from tests.interop.black_box.case import Case
from tests.interop.black_box.client_cases import CLIENT_CASES
from tests.interop.black_box.parties import Parties
from tests.interop.black_box.target import Registered, Target
from tests.interop.black_box.token_cases import TOKEN_CASES
from tests.support.cluster import Cluster
from tests.support.flow import SECONDS


@pytest.fixture(scope="module")
def parties(cluster: Cluster) -> Iterator[Parties]:
    """A person and four clients of ours."""
    operator = cluster.operator
    user, scopes = operator.create_user(), (operator.create_scope(), operator.create_scope())

    def registered(client_type: ClientType) -> Registered:
        public = client_type is ClientType.PUBLIC
        client = operator.create_client(
            client_type,
            scopes=scopes,
            redirect_uris=["http://127.0.0.1:8090/callback" if public else "https://app.example/callback"],
            grant_types=[each for each in GrantType if not public or each is not GrantType.CLIENT_CREDENTIALS],
        )
        return Registered(client.client_id, client.redirect_uris[0], client.client_secret)

    metadata = httpx.get(
        f"{cluster.issuer}/.well-known/oauth-authorization-server", timeout=SECONDS, trust_env=False
    ).json()
    target = Target(
        metadata=metadata,
        public=registered(ClientType.PUBLIC),
        other_public=registered(ClientType.PUBLIC),
        confidential=registered(ClientType.CONFIDENTIAL),
        other_confidential=registered(ClientType.CONFIDENTIAL),
        scopes=(scopes[0].name, scopes[1].name),
        sign_in={"username": user.username, "password": user.password},
        approve="approve",
    )
    with Parties(target) as parties:
        yield parties


@pytest.mark.parametrize("case", AUTHORIZATION_CASES, ids=str)
def test_authorization_endpoint(parties: Parties, case: Case) -> None:
    """A request is answered as the section says (AUTHZ-01, AUTHZ-03, AUTHZ-05, AUTHZ-07, AUTHZ-10)."""
    assert case.observe(parties) == case.expected


@pytest.mark.parametrize("case", CLIENT_CASES, ids=str)
def test_client_authentication(parties: Parties, case: Case) -> None:
    """Each endpoint for programs knows its clients alike (CAUTH-02, CAUTH-03, CAUTH-05, GEN-03, GEN-05)."""
    assert case.observe(parties) == case.expected


@pytest.mark.parametrize("case", TOKEN_CASES, ids=str)
def test_tokens(parties: Parties, case: Case) -> None:
    """Codes and tokens buy and end as the section says (TOK-02, PKCE-02, REFR-01, REVO-02, INTR-03)."""
    assert case.observe(parties) == case.expected
