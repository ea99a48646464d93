"""Whoever is told that something is dead is told R after the end at the earliest, over HTTP and gRPC, each time anew.

And what replicas of token and authorize remember of clients is over by then.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import grpc
import httpx
import psycopg
import pytest
from google.protobuf.field_mask_pb2 import FieldMask
from psycopg.rows import DictRow

from tallystick.authorize.v1 import client_pb2, resource_pb2, scope_pb2, user_pb2
from tallystick.oauth2.client import ClientType, GrantType
from tallystick.token.v1 import grant_pb2
from tests.integration.authorize.browser import Browser
from tests.support.cluster import Cluster, running_cluster
from tests.support.databases import Databases, RedisDatabases
from tests.support.flow import AuthorizationRequest, Visitor, post_token, redeem, refresh, revoke
from tests.support.operator_client import Client, OperatorClient, User
from tests.support.pages import forms, only_form

R = 0.3
# A little less: two clocks measure.
AT_LEAST = R - 0.005
TOGETHER = 8
LONG_MS = 4000
PATIENCE_SECONDS = 20.0

GIVE = "INSERT INTO client_scopes (client_id, scope) VALUES (%(client_id)s, %(scope)s) ON CONFLICT DO NOTHING"
TAKE = "DELETE FROM client_scopes WHERE client_id = %(client_id)s"
TELL = "INSERT INTO invalidations (kind, key) VALUES ('client', %(client_id)s)"

Deed = Callable[[], object]


@pytest.fixture(scope="module")
def cluster(
    databases: Databases, redis_databases: RedisDatabases, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Cluster]:
    """Two replicas of authorize and of token, with a wait that can be measured and no grace."""
    folder = tmp_path_factory.mktemp("waits")
    with databases.migrated() as database, redis_databases.lent() as redis_url:
        database.set_revocation_wait(int(R * 1000))
        settings = {"REFRESH_GRACE_SECONDS": 0}
        with running_cluster(database, redis_url, folder, authorize=2, token=2, settings=settings) as running:
            yield running


class World:
    """Fresh things to end."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self.operator: OperatorClient = cluster.operator

    def user(self) -> User:
        return self.operator.create_user()

    def app(self) -> Client:
        return self.operator.create_client(scopes=[self.operator.create_scope()])

    def robot(self) -> Client:
        return self.operator.create_client(
            ClientType.CONFIDENTIAL,
            scopes=[self.operator.create_scope()],
            redirect_uris=(),
            grant_types=(GrantType.CLIENT_CREDENTIALS,),
        )

    def tokens(self, client: Client, user: User | None = None) -> dict[str, str]:
        """Buy a grant."""
        with Visitor(self.cluster, user or self.user()) as visitor:
            answer = redeem(self.cluster, visitor.approve(client))
        assert answer.status_code == httpx.codes.OK, answer.text
        tokens: dict[str, str] = answer.json()
        return tokens

    def grant_of(self, client: Client) -> str:
        """Return the id of a client's only grant."""
        listed = self.operator.call(
            self.operator.grants.ListGrants, grant_pb2.ListGrantsRequest(client_id=client.client_id)
        )
        [grant] = listed.grants
        return grant.grant_id


@pytest.fixture(scope="module")
def world(cluster: Cluster) -> World:
    return World(cluster)


def told(answer: httpx.Response, status: int, error: str = "") -> None:
    """Check what a client is told."""
    assert answer.status_code == status, answer.text
    assert not error or answer.json()["error"] == error


def asked(url: str, client: Client, form: Mapping[str, str], status: int, error: str) -> None:
    told(post_token(url, client, form), status, error)


def revoked(cluster: Cluster, client: Client, token: str, replica: int) -> None:
    told(revoke(cluster, client, token, replica=replica), 200)


# Over HTTP


def replay(world: World) -> Iterator[Deed]:
    app = world.app()
    with Visitor(world.cluster, world.user()) as visitor:
        approval = visitor.approve(app)
    told(redeem(world.cluster, approval), 200)
    for replica in world.cluster.replicas("token"):
        yield partial(asked, replica.http_url, app, approval.form(), 400, "invalid_grant")


def reuse(world: World) -> Iterator[Deed]:
    app = world.app()
    first = world.tokens(app)["refresh_token"]
    second = refresh(world.cluster, app, first).json()["refresh_token"]
    yield lambda: told(refresh(world.cluster, app, first), 400, "invalid_grant")
    yield lambda: told(refresh(world.cluster, app, first), 400, "invalid_grant")
    yield lambda: told(refresh(world.cluster, app, second), 400, "invalid_grant")


def revocation(world: World) -> Iterator[Deed]:
    app = world.app()
    tokens = world.tokens(app)
    for replica in range(2):
        for kind in ("access_token", "refresh_token"):
            yield partial(revoked, world.cluster, app, tokens[kind], replica)


def revocation_of_its_own(world: World) -> Iterator[Deed]:
    robot = world.robot()
    token = post_token(world.cluster.token.http_url, robot, {"grant_type": "client_credentials"}).json()["access_token"]
    for replica in range(2):
        yield partial(revoked, world.cluster, robot, token, replica)


def refresh_of_a_disabled_user(world: World) -> Iterator[Deed]:
    app, user = world.app(), world.user()
    token = world.tokens(app, user)["refresh_token"]
    world.operator.call(world.operator.users.DisableUser, user_pb2.DisableUserRequest(username=user.username))
    yield lambda: told(refresh(world.cluster, app, token), 400, "invalid_grant")


def request_of_a_disabled_client(world: World) -> Iterator[Deed]:
    robot = world.robot()
    world.operator.call(
        world.operator.clients.DisableClient, client_pb2.DisableClientRequest(client_id=robot.client_id)
    )
    url = world.cluster.token.http_url
    yield partial(asked, url, robot, {"grant_type": "client_credentials"}, 401, "invalid_client")


def withdrawal(world: World) -> Iterator[Deed]:
    app, user = world.app(), world.user()
    world.tokens(app, user)
    with Browser(world.cluster) as browser:
        page = browser.follow(browser.http.get("/account"))
        page = browser.follow(browser.sign_in(only_form(page.text), user.username, user.password))
        [form] = [form for form in forms(page.text) if form.action == "account"]
        fields = [*form.fields, ("withdraw", app.client_id)]
        for _ in range(2):
            yield lambda: told(browser.post("/account", fields), 303)


HTTP = (
    replay,
    reuse,
    revocation,
    revocation_of_its_own,
    refresh_of_a_disabled_user,
    request_of_a_disabled_client,
    withdrawal,
)


def test_a_report_over_http_takes_its_time(world: World) -> None:
    """First revoker, repeat, replay and reuse, at either replica, are all told R later (INTR-07, REVO-03)."""
    assert not too_quick(world, HTTP)


# Over gRPC


def revoke_grant(world: World) -> Iterator[Deed]:
    app = world.app()
    world.tokens(app)
    request = grant_pb2.RevokeGrantRequest(grant_id=world.grant_of(app))
    for _ in range(2):
        yield partial(world.operator.call, world.operator.grants.RevokeGrant, request)


def of_clients(world: World) -> Iterator[Deed]:
    clients, client_id = world.operator.clients, world.robot().client_id
    call = world.operator.call
    described = client_pb2.UpdateClientRequest(
        client=client_pb2.Client(client_id=client_id, description="x"), update_mask=FieldMask(paths=["description"])
    )
    for _ in range(2):
        yield lambda: call(clients.UpdateClient, described)
    yield lambda: call(clients.RotateClientSecret, client_pb2.RotateClientSecretRequest(client_id=client_id))
    yield lambda: call(clients.RevokeAllOfClient, client_pb2.RevokeAllOfClientRequest(client_id=client_id))
    for _ in range(2):
        yield lambda: call(clients.DisableClient, client_pb2.DisableClientRequest(client_id=client_id))
    yield lambda: call(clients.DeleteClient, client_pb2.DeleteClientRequest(client_id=client_id))
    yield lambda: not_found(lambda: call(clients.DeleteClient, client_pb2.DeleteClientRequest(client_id=client_id)))


def of_users(world: World) -> Iterator[Deed]:
    users, name = world.operator.users, world.user().username
    call = world.operator.call
    password = user_pb2.SetUserPasswordRequest(username=name, password="correct horse battery")
    yield lambda: call(users.SetUserPassword, password)
    for _ in range(2):
        yield lambda: call(users.DisableUser, user_pb2.DisableUserRequest(username=name))
    yield lambda: call(users.DeleteUser, user_pb2.DeleteUserRequest(username=name))
    yield lambda: not_found(lambda: call(users.DeleteUser, user_pb2.DeleteUserRequest(username=name)))


def of_scopes_and_resources(world: World) -> Iterator[Deed]:
    call, operator = world.operator.call, world.operator
    resource = operator.create_resource()
    scope = operator.create_scope(covers=[(resource, service) for service in resource.services]).name
    bare = scope_pb2.UpdateScopeRequest(scope=scope_pb2.Scope(name=scope), update_mask=FieldMask(paths=["covers"]))
    for _ in range(2):
        yield lambda: call(operator.scopes.UpdateScope, bare)
    yield lambda: call(operator.scopes.DeleteScope, scope_pb2.DeleteScopeRequest(name=scope))
    yield lambda: not_found(lambda: call(operator.scopes.DeleteScope, scope_pb2.DeleteScopeRequest(name=scope)))
    without = resource_pb2.UpdateResourceRequest(
        resource=resource_pb2.Resource(identifier=resource.identifier), update_mask=FieldMask(paths=["services"])
    )
    yield lambda: call(operator.resources.UpdateResource, without)
    gone = resource_pb2.DeleteResourceRequest(identifier=resource.identifier)
    yield lambda: call(operator.resources.DeleteResource, gone)
    yield lambda: not_found(lambda: call(operator.resources.DeleteResource, gone))


def not_found(deed: Deed) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        deed()
    refusal: Any = caught.value
    assert refusal.code() is grpc.StatusCode.NOT_FOUND, refusal.details()


def test_a_report_over_grpc_takes_its_time(world: World) -> None:
    """Whatever an operator ends, takes away or changes is over everywhere when the call returns (INTR-07)."""
    assert not too_quick(world, (revoke_grant, of_clients, of_users, of_scopes_and_resources))


def too_quick(world: World, kinds: tuple[Callable[[World], Iterator[Deed]], ...]) -> list[tuple[str, int, float]]:
    """Return which reports came sooner than R, with their number and their seconds."""

    def measured(kind: Callable[[World], Iterator[Deed]]) -> list[tuple[str, int, float]]:
        taken = []
        for number, deed in enumerate(kind(world)):
            began = time.monotonic()
            deed()
            taken.append((kind.__name__, number, time.monotonic() - began))
        assert taken, kind
        return [each for each in taken if each[2] < AT_LEAST]

    with ThreadPoolExecutor(TOGETHER) as threads:
        return [each for found in threads.map(measured, kinds) for each in found]


# What replicas remember of clients


def at_each_replica(cluster: Cluster, client: Client) -> list[int]:
    """Ask each replica of token for a token."""
    form = {"grant_type": "client_credentials"}
    return [post_token(replica.http_url, client, form).status_code for replica in cluster.replicas("token")]


def test_a_disabled_client_is_refused_at_once_and_enabled_at_once(cluster: Cluster, world: World) -> None:
    """When DisableClient has returned no replica of token serves the client; after EnableClient all do (CAUTH-01)."""
    robot, operator = world.robot(), world.operator
    assert at_each_replica(cluster, robot) == [200, 200]
    operator.call(operator.clients.DisableClient, client_pb2.DisableClientRequest(client_id=robot.client_id))
    assert at_each_replica(cluster, robot) == [401, 401]
    operator.call(operator.clients.EnableClient, client_pb2.EnableClientRequest(client_id=robot.client_id))
    assert at_each_replica(cluster, robot) == [200, 200]


def test_an_old_secret_ends_and_a_new_one_works_at_once(cluster: Cluster, world: World) -> None:
    """A rotation without overlap is over everywhere when it returns (CAUTH-08)."""
    robot, operator = world.robot(), world.operator
    assert at_each_replica(cluster, robot) == [200, 200]
    request = client_pb2.RotateClientSecretRequest(client_id=robot.client_id)
    secret = operator.call(operator.clients.RotateClientSecret, request).client_secret
    renewed = Client(robot.client_id, robot.name, secret, robot.auth_method, robot.redirect_uris, robot.scopes)
    assert at_each_replica(cluster, robot) == [401, 401]
    assert at_each_replica(cluster, renewed) == [200, 200]


def test_a_scope_that_was_taken_is_given_to_nobody(cluster: Cluster, world: World) -> None:
    """When a scope is deleted no replica of token issues it any more."""
    robot, operator = world.robot(), world.operator
    assert at_each_replica(cluster, robot) == [200, 200]
    operator.call(operator.scopes.DeleteScope, scope_pb2.DeleteScopeRequest(name=robot.scopes[0]))
    assert at_each_replica(cluster, robot) == [400, 400]


def test_authorize_knows_a_disabled_client_at_once(cluster: Cluster, world: World) -> None:
    """No replica sends people to a client that is disabled, or to a redirect URI that was taken away (AUTHZ-02)."""
    app, operator = world.app(), world.operator
    url = AuthorizationRequest(cluster.issuer, app, app.redirect_uris[0]).url

    def statuses() -> list[int]:
        bases = [replica.http_url for replica in cluster.replicas("authorize")]
        return [httpx.get(base + url.removeprefix(cluster.issuer), trust_env=False).status_code for base in bases]

    assert statuses() == [303, 303]
    operator.call(operator.clients.DisableClient, client_pb2.DisableClientRequest(client_id=app.client_id))
    assert statuses() == [400, 400]
    operator.call(operator.clients.EnableClient, client_pb2.EnableClientRequest(client_id=app.client_id))
    assert statuses() == [303, 303]


def test_clients_are_answered_from_memory(cluster: Cluster, world: World) -> None:
    """A change that nobody tells is not seen, and one that is told is, so it is the log that replicas go by."""
    # The last test of this module: leases that were given for longer are not waited for.
    cluster.database.set_revocation_wait(LONG_MS)
    robot = world.robot()
    values = {"client_id": robot.client_id, "scope": robot.scopes[0]}

    def remembers(owner: psycopg.Connection[DictRow]) -> bool:
        """Tell whether both replicas still issue a scope that was taken away behind the log."""
        owner.execute(GIVE, values)
        owner.execute(TELL, values)
        eventually(lambda: at_each_replica(cluster, robot) == [200, 200])
        owner.execute(TAKE, values)
        return at_each_replica(cluster, robot) == [200, 200]

    with cluster.database.connect() as owner:
        # Once leases last longer, as the replicas have read that they do.
        eventually(lambda: remembers(owner))
        owner.execute(TELL, values)
    eventually(lambda: at_each_replica(cluster, robot) == [400, 400])


def eventually(true: Callable[[], bool]) -> None:
    """Return once something is true."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.02)
