"""The client for resource servers against the service itself."""

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from google.protobuf.field_mask_pb2 import FieldMask

from tallystick.authorize.v1 import client_pb2
from tallystick.oauth2.client import ClientType, GrantType
from tallystick.resource import (
    LEASED,
    READ_AGAIN,
    AsyncIntrospectionClient,
    Denial,
    Introspection,
    IntrospectionClient,
    NotAllowedToIntrospect,
    accept_staleness,
)
from tests.support.cluster import Cluster
from tests.support.environment import program_environment
from tests.support.flow import post_token, revoke
from tests.support.operator_client import Client

ASK = """
import sys
from tallystick.resource import IntrospectionClient
target, client_id = sys.argv[1:]
with IntrospectionClient(target, client_id=client_id, client_secret=sys.stdin.read(), timeout_seconds=10) as client:
    print([client.introspect(token).active for token in ("x", "y")])
"""


def test_a_resource_server_hears_nothing_but_the_answer(cluster: Cluster) -> None:
    """Asking writes nothing to the standard error of whoever asks, so the service knows all that the client calls."""
    client = cluster.operator.create_client(
        ClientType.CONFIDENTIAL, redirect_uris=(), grant_types=[GrantType.CLIENT_CREDENTIALS]
    )
    asked = subprocess.run(
        [sys.executable, "-c", ASK, cluster.introspect.grpc_target, client.client_id],
        input=client.client_secret,
        env=program_environment({}),
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert (asked.returncode, asked.stdout, asked.stderr) == (0, "[False, False]\n", "")


READ, WRITE = "GET /albums/{id}", "PUT /albums/{id}"


@dataclass(frozen=True, slots=True)
class Api:
    """A resource, a client of introspection for it, an app in the group that may use it, and one that is in none."""

    cluster: Cluster
    introspection: IntrospectionClient
    caller: Client
    resource: str
    app: Client
    outsider: Client
    narrow: str
    wide: str

    def token(self, client: Client, scope: str) -> str:
        """Issue a token to an app that acts for itself."""
        form = {"grant_type": "client_credentials", "scope": scope}
        return str(post_token(self.cluster.token.http_url, client, form).json()["access_token"])


@pytest.fixture(scope="module")
def api(cluster: Cluster) -> Iterator[Api]:
    """Registered as an operator would, and asked about by one client for all tests."""
    operator = cluster.operator
    caller, app, outsider = (own_client(cluster) for _ in range(3))
    group = operator.create_group(clients=[app])
    resource = operator.create_resource(callers=[caller], services=[READ, WRITE], groups=[group])
    narrow = operator.create_scope(covers=[(resource, READ)]).name
    wide = operator.create_scope(covers=[(resource, READ), (resource, WRITE)]).name
    for client in (app, outsider):
        change = client_pb2.Client(client_id=client.client_id, scopes=[narrow, wide])
        mask = FieldMask(paths=["scopes"])
        operator.call(operator.clients.UpdateClient, client_pb2.UpdateClientRequest(client=change, update_mask=mask))
    with IntrospectionClient(cluster.introspect.grpc_target, **credentials(caller)) as introspection:
        yield Api(cluster, introspection, caller, resource.identifier, app, outsider, narrow, wide)


def own_client(cluster: Cluster) -> Client:
    return cluster.operator.create_client(
        ClientType.CONFIDENTIAL, redirect_uris=(), grant_types=[GrantType.CLIENT_CREDENTIALS]
    )


def credentials(client: Client) -> dict[str, Any]:
    return {"client_id": client.client_id, "client_secret": client.client_secret, "timeout_seconds": 10}


def test_the_three_checks(api: Api) -> None:
    """One token passes where its scope covers the service and its owner is in the group; else it is told why not."""
    good, narrow, outside = (
        api.token(api.app, api.wide),
        api.token(api.app, api.narrow),
        api.token(api.outsider, api.wide),
    )
    questions = [
        (good, "PUT /albums/7?draft=yes", None),
        (narrow, "GET /albums/7", None),
        (narrow, "PUT /albums/7", Denial.INSUFFICIENT_SCOPE),
        (outside, "GET /albums/7", Denial.OWNER_NOT_AUTHORIZED),
        (good, "GET /albums/../albums/7", Denial.SERVICE_UNKNOWN),
        (good, "DELETE /albums/7", Denial.SERVICE_UNKNOWN),
        (good[:-1], "GET /albums/7", Denial.TOKEN_INACTIVE),
    ]
    for _ in range(2):
        verdicts = [api.introspection.check_access(token, api.resource, service) for token, service, _ in questions]
        assert [verdict.denial for verdict in verdicts] == [denial for _, _, denial in questions]
        assert [verdict.http_status for verdict in verdicts] == [200, 200, 403, 403, 403, 403, 401]
    assert api.wide in verdicts[2].www_authenticate


def test_wishes_are_granted(api: Api) -> None:
    """An answer may be read anew or be an old one; either says for how long it holds, less than a lease."""
    token = api.token(api.app, api.narrow)
    for freshness in (LEASED, READ_AGAIN, accept_staleness(30)):
        answer = api.introspection.introspect(token, freshness=freshness)
        verdict = api.introspection.check_access(token, api.resource, "GET /albums/7", freshness=freshness)
        assert answer.active
        assert verdict.allowed
        assert max(answer.valid_for, verdict.valid_for) < 1


def test_nothing_passes_after_a_revocation_has_returned(api: Api) -> None:
    """A client that reuses answers never calls live what was over when it was asked."""
    for _ in range(3):
        token = api.token(api.app, api.narrow)
        for _ in range(20):
            assert api.introspection.introspect(token).active
            assert api.introspection.check_access(token, api.resource, "GET /albums/7").allowed
        revoke(api.cluster, api.app, token)
        assert not api.introspection.introspect(token).active
        assert not api.introspection.check_access(token, api.resource, "GET /albums/7").allowed


async def test_a_batch(api: Api) -> None:
    """More tokens than one call takes, each answered in its place."""
    live = api.token(api.app, api.narrow)
    tokens = [live if number % 300 == 0 else f"{live[:-6]}{number:06}" for number in range(1500)]
    async with AsyncIntrospectionClient(api.cluster.introspect.grpc_target, **credentials(api.caller)) as client:
        answers = await client.introspect_batch([*tokens, "", "\udcff", "x" * 10_000])
    assert all(isinstance(answer, Introspection) for answer in answers)
    assert [number for number, answer in enumerate(answers) if answer.active] == [0, 300, 600, 900, 1200]


def test_a_resource_that_is_not_the_callers(api: Api) -> None:
    """Whoever asks about what it does not serve is told so, and nobody is blamed for it (GRPC-05)."""
    with pytest.raises(NotAllowedToIntrospect):
        api.introspection.check_access(api.token(api.app, api.narrow), "https://else.example", "GET /albums/7")
