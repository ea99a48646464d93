"""Every operation of docs/openapi.yaml, asked with whatever fits its description and whatever does not."""

from base64 import b64encode
from collections.abc import Iterator
from typing import Any

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st
from schemathesis import Case, GenerationMode
from schemathesis.schemas import APIOperation

from tallystick.oauth2.client import ClientType, GrantType
from tests.support.cluster import Cluster
from tests.support.flow import post_token
from tests.support.fuzz import BOUNDED, examples, garbage
from tests.support.openapi import CONFORMANCE, base_url, operations
from tests.support.witness import Witness

SECONDS = 5.0
"""How long any answer may take; most take a few milliseconds."""

_HEADER = dict.fromkeys((*range(0x20), 0x7F))

ROUNDS = [
    pytest.param(1, BOUNDED // 2, id="bounded"),
    # In rounds, as a code is valid for a minute.
    pytest.param(5, 150, id="long", marks=pytest.mark.long),
]


@pytest.fixture(scope="module")
def witness(cluster: Cluster) -> Iterator[Witness]:
    made = Witness(cluster)
    yield made
    made.close()


@pytest.fixture(scope="module")
def session() -> Iterator[requests.Session]:
    with requests.Session() as made:
        made.trust_env = False
        yield made


@pytest.fixture(scope="module")
def authorizations(cluster: Cluster) -> list[str]:
    """Values of the Authorization header that some endpoint accepts."""
    client = cluster.operator.create_client(
        ClientType.CONFIDENTIAL,
        scopes=["introspect"],
        grant_types=tuple(GrantType),
        redirect_uris=("https://a.example",),
    )
    token = post_token(cluster.token.http_url, client, {"grant_type": "client_credentials"}).json()["access_token"]
    basic = b64encode(f"{client.client_id}:{client.client_secret}".encode()).decode()
    return [f"Basic {basic}", f"Bearer {token}"]


@pytest.mark.timeout(900)
@pytest.mark.parametrize(("rounds", "number"), ROUNDS)
@pytest.mark.parametrize("operation", [pytest.param(each, id=each.label) for each in operations()])
def test_no_request_breaks_an_operation(
    cluster: Cluster,
    witness: Witness,
    session: requests.Session,
    authorizations: list[str],
    operation: APIOperation[Any, Any, Any, Any],
    rounds: int,
    number: int,
) -> None:
    """Whatever is sent, each answer comes in time and as described, and nothing is lost (GEN-06, GEN-13)."""
    base = base_url(cluster, operation.path)
    modes = (GenerationMode.POSITIVE, GenerationMode.NEGATIVE)
    cases = st.one_of([operation.as_strategy(generation_mode=mode) for mode in modes])
    headers = st.none() | garbage(st.sampled_from(authorizations)).map(_sendable)

    @examples(number)
    @given(case=cases, authorization=headers, ours=st.booleans())
    def answered(case: Case[Any], authorization: str | None, *, ours: bool) -> None:
        sent = {
            **({"Authorization": authorization} if authorization is not None else {}),
            **({"Origin": cluster.issuer} if ours else {}),
        }
        response = case.call(base, session, sent, timeout=SECONDS, allow_redirects=False)
        assert response.status_code < 500, response.text
        case.validate_response(response, checks=CONFORMANCE)

    for _ in range(rounds):
        with witness.nothing_is_lost():
            answered()


def _sendable(text: str) -> str:
    """Return what of a text can be in a header at all."""
    return text.translate(_HEADER).encode("latin-1", "ignore").decode("latin-1").strip()
