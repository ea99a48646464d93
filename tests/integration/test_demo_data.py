"""What the demo has authorize know, made once and mended where it must be."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tallystick.authorize.v1 import client_pb2, group_pb2, resource_pb2, scope_pb2
from tallystick.local.demo_data import API, CONFIDENTIAL, GROUP, MEMBERS, PEOPLE, RESOURCE, SCOPES, DemoData, DemoMaker
from tallystick.local.operator_connection import OperatorConnection
from tallystick.oauth2.client import AuthMethod
from tests.support.cluster import Cluster, running_cluster
from tests.support.databases import Database
from tests.support.flow import post_token
from tests.support.operator_client import Client

CALLBACK = "http://127.0.0.1:8090/callback"


@pytest.fixture(scope="module")
def cluster(database: Database, redis_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Services of this module's own, as the names of the demo are always the same."""
    with running_cluster(database, redis_url, tmp_path_factory.mktemp("cluster")) as running:
        yield running


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Where the demo keeps what cannot be read back."""
    return tmp_path / "demo.json"


def make(cluster: Cluster, file: Path, callback: str = CALLBACK) -> DemoData:
    """Make what is missing, as `tallystick up` does."""
    with OperatorConnection(cluster.authorize.grpc_target, cluster.admin_credential) as operator:
        made = DemoMaker(operator, callback).ensure(DemoData.read(file), lambda data: data.write(file))
    assert DemoData.read(file) == made
    return made


def token_status(cluster: Cluster, demo: DemoData) -> int:
    """Return how the token endpoint answers the demo API with its secret."""
    client = Client(
        demo.client_ids[API],
        "PhotoStorage",
        demo.client_secrets[API],
        AuthMethod.CLIENT_SECRET_BASIC,
        (),
        ("introspect",),
    )
    form = {"grant_type": "client_credentials", "scope": "introspect"}
    return post_token(cluster.token.http_url, client, form).status_code


def get_resource(cluster: Cluster) -> resource_pb2.Resource:
    """Return the demo's resource."""
    operator = cluster.operator
    return operator.call(operator.resources.GetResource, resource_pb2.GetResourceRequest(identifier=RESOURCE)).resource


def test_everything_is_made_once(cluster: Cluster, file: Path) -> None:
    """What was made once stays as it is, and what the file keeps works."""
    first = make(cluster, file)
    assert first.passwords.keys() == set(PEOPLE)
    assert token_status(cluster, first) == 200
    assert make(cluster, file) == first
    assert list(get_resource(cluster).callers) == [first.client_ids[API]]
    assert set(get_resource(cluster).services) == {service for _, service in SCOPES.values()}


def groups_of_services(cluster: Cluster) -> dict[str, list[str]]:
    """Return who may use the demo's services."""
    return {each.service: list(each.groups) for each in get_resource(cluster).service_groups}


def test_only_bob_may_see_photos(cluster: Cluster, file: Path) -> None:
    """The family may use the demo's services; whom a person takes out or lets in stays out or in."""
    make(cluster, file)
    operator = cluster.operator
    family = operator.call(operator.groups.GetGroup, group_pb2.GetGroupRequest(name=GROUP)).group
    assert list(family.users) == list(MEMBERS) == ["bob"]
    assert groups_of_services(cluster) == {service: [GROUP] for _, service in SCOPES.values()}

    request = group_pb2.UpdateGroupRequest(group=group_pb2.Group(name=GROUP, users=["alice"]))
    request.update_mask.paths.append("users")
    changed = operator.call(operator.groups.UpdateGroup, request).group
    closed = resource_pb2.UpdateResourceRequest(resource=resource_pb2.Resource(identifier=RESOURCE))
    closed.update_mask.paths.append("service_groups")
    operator.call(operator.resources.UpdateResource, closed)
    make(cluster, file)
    assert operator.call(operator.groups.GetGroup, group_pb2.GetGroupRequest(name=GROUP)).group == changed
    assert groups_of_services(cluster) == {}


def test_a_lost_file_costs_no_more_than_secrets(cluster: Cluster, file: Path) -> None:
    """Without the file the clients get new secrets, and people, who may be real by now, keep their passwords."""
    before = make(cluster, file)
    file.unlink()
    after = make(cluster, file)
    assert after.client_ids == before.client_ids
    assert after.passwords == dict.fromkeys(PEOPLE, "")
    assert after.client_secrets[CONFIDENTIAL] != before.client_secrets[CONFIDENTIAL]
    assert token_status(cluster, after) == 200
    assert token_status(cluster, before) == 401


def test_a_deleted_client_is_made_anew(cluster: Cluster, file: Path) -> None:
    """Without its client the demo API gets another, which may introspect at once; what people changed stays."""
    before = make(cluster, file)
    operator = cluster.operator
    operator.call(operator.clients.DeleteClient, client_pb2.DeleteClientRequest(client_id=before.client_ids[API]))
    scope = scope_pb2.Scope(name="albums.read", description="Look around")
    request = scope_pb2.UpdateScopeRequest(scope=scope)
    request.update_mask.paths.append("description")
    operator.call(operator.scopes.UpdateScope, request)
    after = make(cluster, file)
    assert after.client_ids[API] != before.client_ids[API]
    assert list(get_resource(cluster).callers) == [after.client_ids[API]]
    assert token_status(cluster, after) == 200
    found = operator.call(operator.scopes.GetScope, scope_pb2.GetScopeRequest(name="albums.read"))
    assert found.scope.description == "Look around"


def test_another_port_changes_where_answers_go(cluster: Cluster, file: Path) -> None:
    """PhotoPrint at another address is the same client with another redirect URI."""
    before = make(cluster, file)
    after = make(cluster, file, "http://127.0.0.1:9999/callback")
    assert after == before
    request = client_pb2.GetClientRequest(client_id=after.client_ids[CONFIDENTIAL])
    client = cluster.operator.call(cluster.operator.clients.GetClient, request).client
    assert list(client.redirect_uris) == ["http://127.0.0.1:9999/callback"]
