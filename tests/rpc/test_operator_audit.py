"""Whatever an operator changes leaves an event, written with it or not at all."""

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from typing import Any

import grpc
import grpc.aio
import pytest
from google.protobuf.field_mask_pb2 import FieldMask

from tallystick.authorize.v1 import client_pb2, group_pb2, operator_pb2, resource_pb2, scope_pb2, user_pb2
from tallystick.runtime.allow_list import METHODS
from tallystick.runtime.audit_event import EventKind
from tallystick.runtime.callers import CallerKind
from tests.rpc.operator_server import NOT_FOUND, OperatorServer, refused, unique

PASSWORD = "correct horse battery staple"


class Changes:
    """One call of every method that changes something, each after what it needs is there."""

    def __init__(self, server: OperatorServer) -> None:
        self._server = server
        self._call = server.call

    async def client(self, **fields: Any) -> str:
        return (await self._server.create_client(**fields)).client.client_id

    async def scope(self) -> str:
        scope = scope_pb2.Scope(name=unique("photos"), description="See your photos")
        await self._call(self._server.scopes.CreateScope, scope_pb2.CreateScopeRequest(scope=scope))
        return scope.name

    async def resource(self) -> str:
        resource = resource_pb2.Resource(identifier=f"https://{unique('photos')}.example", services=["GET /albums"])
        await self._call(self._server.resources.CreateResource, resource_pb2.CreateResourceRequest(resource=resource))
        return resource.identifier

    async def group(self) -> str:
        group = group_pb2.Group(name=unique("family"))
        await self._call(self._server.groups.CreateGroup, group_pb2.CreateGroupRequest(group=group))
        return group.name

    async def update_group(self, name: str) -> None:
        group = group_pb2.Group(name=name, description="Near and dear")
        request = group_pb2.UpdateGroupRequest(group=group, update_mask=FieldMask(paths=["description", "users"]))
        await self._call(self._server.groups.UpdateGroup, request)

    async def delete_group(self, name: str) -> None:
        await self._call(self._server.groups.DeleteGroup, group_pb2.DeleteGroupRequest(name=name))

    async def user(self) -> str:
        request = user_pb2.CreateUserRequest(username=unique("bob"), password=PASSWORD)
        await self._call(self._server.users.CreateUser, request)
        return request.username

    async def operator(self) -> str:
        request = operator_pb2.CreateOperatorRequest(name=unique("ann"), role=operator_pb2.OPERATOR_ROLE_VIEWER)
        await self._call(self._server.operators.CreateOperator, request)
        return request.name

    async def update_client(self, client_id: str, **fields: Any) -> None:
        client = client_pb2.Client(client_id=client_id, **fields)
        request = client_pb2.UpdateClientRequest(client=client, update_mask=FieldMask(paths=list(fields)))
        await self._call(self._server.clients.UpdateClient, request)

    async def of_client(self, method: str, client_id: str, **fields: Any) -> Any:
        request = getattr(client_pb2, f"{method}Request")(client_id=client_id, **fields)
        return await self._call(getattr(self._server.clients, method), request)

    async def update_scope(self, name: str, description: str) -> None:
        scope = scope_pb2.Scope(name=name, description=description)
        request = scope_pb2.UpdateScopeRequest(scope=scope, update_mask=FieldMask(paths=["description"]))
        await self._call(self._server.scopes.UpdateScope, request)

    async def delete_scope(self, name: str) -> None:
        await self._call(self._server.scopes.DeleteScope, scope_pb2.DeleteScopeRequest(name=name))

    async def update_resource(self, identifier: str, services: list[str]) -> None:
        resource = resource_pb2.Resource(identifier=identifier, services=services)
        request = resource_pb2.UpdateResourceRequest(resource=resource, update_mask=FieldMask(paths=["services"]))
        await self._call(self._server.resources.UpdateResource, request)

    async def delete_resource(self, identifier: str) -> None:
        request = resource_pb2.DeleteResourceRequest(identifier=identifier)
        await self._call(self._server.resources.DeleteResource, request)

    async def of_user(self, method: str, username: str, **fields: Any) -> None:
        request = getattr(user_pb2, f"{method}Request")(username=username, **fields)
        await self._call(getattr(self._server.users, method), request)

    async def delete_operator(self, name: str) -> None:
        await self._call(self._server.operators.DeleteOperator, operator_pb2.DeleteOperatorRequest(name=name))


Prepare = Callable[[Changes], Awaitable[Any]]
Act = Callable[[Changes, Any], Awaitable[Any]]


async def nothing(_: Changes) -> None:
    """Prepare nothing."""


async def confidential(changes: Changes) -> str:
    """Prepare a client with a secret."""
    return await changes.client(type=client_pb2.CLIENT_TYPE_CONFIDENTIAL)


async def disabled_client(changes: Changes) -> str:
    """Prepare a client that is disabled."""
    client_id = await changes.client()
    await changes.of_client("DisableClient", client_id)
    return client_id


async def disabled_user(changes: Changes) -> str:
    """Prepare a user who is disabled."""
    username = await changes.user()
    await changes.of_user("DisableUser", username)
    return username


# Method: what it needs, the call, the kind of the event, and attributes that it has beside what names its subject.
CALLS: dict[str, tuple[Prepare, Act, EventKind, dict[str, str]]] = {
    "CreateClient": (nothing, lambda c, _: c.client(), EventKind.CLIENT_CREATED, {}),
    "UpdateClient": (
        Changes.client,
        lambda c, it: c.update_client(it, description="Prints photos", refresh_limit=3),
        EventKind.CLIENT_UPDATED,
        {"fields": "description refresh_limit"},
    ),
    "EnableClient": (disabled_client, lambda c, it: c.of_client("EnableClient", it), EventKind.CLIENT_ENABLED, {}),
    "DisableClient": (Changes.client, lambda c, it: c.of_client("DisableClient", it), EventKind.CLIENT_DISABLED, {}),
    "DeleteClient": (Changes.client, lambda c, it: c.of_client("DeleteClient", it), EventKind.CLIENT_DELETED, {}),
    "RotateClientSecret": (
        confidential,
        lambda c, it: c.of_client("RotateClientSecret", it),
        EventKind.CLIENT_SECRET_ROTATED,
        {},
    ),
    "RevokeAllOfClient": (
        Changes.client,
        lambda c, it: c.of_client("RevokeAllOfClient", it),
        EventKind.CLIENT_REVOKED,
        {},
    ),
    "CreateScope": (nothing, lambda c, _: c.scope(), EventKind.SCOPE_CREATED, {}),
    "UpdateScope": (
        Changes.scope,
        lambda c, it: c.update_scope(it, "See your albums"),
        EventKind.SCOPE_UPDATED,
        {"fields": "description version"},
    ),
    "DeleteScope": (Changes.scope, Changes.delete_scope, EventKind.SCOPE_DELETED, {}),
    "CreateResource": (nothing, lambda c, _: c.resource(), EventKind.RESOURCE_CREATED, {}),
    "UpdateResource": (
        Changes.resource,
        lambda c, it: c.update_resource(it, ["GET /prints"]),
        EventKind.RESOURCE_UPDATED,
        {"fields": "services"},
    ),
    "DeleteResource": (Changes.resource, Changes.delete_resource, EventKind.RESOURCE_DELETED, {}),
    "CreateGroup": (nothing, lambda c, _: c.group(), EventKind.GROUP_CREATED, {}),
    "UpdateGroup": (Changes.group, Changes.update_group, EventKind.GROUP_UPDATED, {"fields": "description users"}),
    "DeleteGroup": (Changes.group, Changes.delete_group, EventKind.GROUP_DELETED, {}),
    "CreateUser": (nothing, lambda c, _: c.user(), EventKind.USER_CREATED, {}),
    "SetUserPassword": (
        Changes.user,
        lambda c, it: c.of_user("SetUserPassword", it, password=PASSWORD[::-1]),
        EventKind.USER_PASSWORD_SET,
        {},
    ),
    "EnableUser": (disabled_user, lambda c, it: c.of_user("EnableUser", it), EventKind.USER_ENABLED, {}),
    "DisableUser": (Changes.user, lambda c, it: c.of_user("DisableUser", it), EventKind.USER_DISABLED, {}),
    "DeleteUser": (Changes.user, lambda c, it: c.of_user("DeleteUser", it), EventKind.USER_DELETED, {}),
    "CreateOperator": (nothing, lambda c, _: c.operator(), EventKind.OPERATOR_CREATED, {"role": "viewer"}),
    "DeleteOperator": (Changes.operator, Changes.delete_operator, EventKind.OPERATOR_REVOKED, {}),
}
CHANGING = sorted(
    method
    for method, callers in METHODS.items()
    if method.startswith("/tallystick.authorize.") and callers == {CallerKind.ADMIN}
)


async def leaves(server: OperatorServer, act: Awaitable[Any]) -> list[dict[str, Any]]:
    """Return the events that something leaves behind."""
    before = {event["event_id"] for event in server.events()}
    await act
    return [event for event in server.events() if event["event_id"] not in before]


@pytest.mark.parametrize("method", CHANGING)
async def test_every_change_leaves_its_event(server: OperatorServer, method: str) -> None:
    """Each method that only admins may call leaves one event of who changed what; a new one fails here (OPS-04)."""
    name = method.rpartition("/")[2]
    assert name in CALLS, f"say here what {name} leaves behind"
    prepare, act, kind, attributes = CALLS[name]
    changes = Changes(server)
    subject = await prepare(changes)
    [event] = await leaves(server, act(changes, subject))
    assert (event["event"], event["outcome"], event["service"]) == (kind, "success", "authorize")
    assert event["actor"] == "operator:the-admin"
    assert event["request_id"]
    assert (event["grant_id"], event["error"], event["detail"]) == (None, "", "")
    assert attributes.items() <= event["attributes"].items()
    assert (event["client_id"] is not None) == ("Client" in name)
    assert (event["user_id"] is not None) == ("User" in name)
    named = {str(event["client_id"]), *event["attributes"].values()}
    assert subject is None or subject in named


def test_a_kind_of_event_belongs_to_every_change() -> None:
    """Kinds of events about what operators register, and methods that change it, are as many (OPS-04)."""
    about = ("client_", "scope_", "resource_", "group_", "user_", "operator_")
    assert {kind for _, _, kind, _ in CALLS.values()} == {kind for kind in EventKind if kind.startswith(about)}
    assert CALLS.keys() == {method.rpartition("/")[2] for method in CHANGING}


async def test_what_changes_nothing_leaves_no_event(server: OperatorServer) -> None:
    """Enabling what is enabled, or an update to what is there already, is no change and no event (OPS-04)."""
    changes = Changes(server)
    client_id, scope, resource, username = (
        await changes.client(description="x"),
        await changes.scope(),
        await changes.resource(),
        await changes.user(),
    )
    operator = await changes.operator()
    await changes.delete_operator(operator)
    for act in (
        changes.of_client("EnableClient", client_id),
        changes.update_client(client_id, description="x"),
        changes.update_scope(scope, "See your photos"),
        changes.update_resource(resource, ["GET /albums"]),
        changes.of_user("EnableUser", username),
        changes.delete_operator(operator),
    ):
        assert await leaves(server, act) == []


async def test_what_is_refused_leaves_no_event(server: OperatorServer) -> None:
    """What is not there cannot be changed, so nothing is told of it (OPS-04)."""
    changes = Changes(server)

    async def all_refused() -> None:
        for method in ("EnableClient", "DisableClient", "DeleteClient", "RotateClientSecret", "RevokeAllOfClient"):
            with refused(NOT_FOUND):
                await changes.of_client(method, "a" * 26)
        for method, fields in (("EnableUser", {}), ("DeleteUser", {}), ("SetUserPassword", {"password": PASSWORD})):
            with refused(NOT_FOUND):
                await changes.of_user(method, "nobody", **fields)
        with refused(NOT_FOUND):
            await changes.update_client("a" * 26, description="x")
        with refused(NOT_FOUND):
            await changes.update_scope("no.such", "x")
        with refused(NOT_FOUND):
            await changes.delete_scope("no.such")
        with refused(NOT_FOUND):
            await changes.update_resource("https://no.such.example", [])
        with refused(NOT_FOUND):
            await changes.delete_resource("https://no.such.example")
        with refused(NOT_FOUND):
            await changes.update_group("no-such")
        with refused(NOT_FOUND):
            await changes.delete_group("no-such")
        with refused(NOT_FOUND):
            await changes.delete_operator("no-such")

    assert await leaves(server, all_refused()) == []


async def test_a_name_that_is_taken_leaves_no_event(server: OperatorServer) -> None:
    """What a constraint refuses takes its event back with it (OPS-04)."""
    username = await Changes(server).user()

    async def again() -> None:
        with refused(grpc.StatusCode.ALREADY_EXISTS):
            request = user_pb2.CreateUserRequest(username=username, password=PASSWORD)
            await server.call(server.users.CreateUser, request)

    assert await leaves(server, again()) == []


async def test_a_deletion_of_two_is_told_once(server: OperatorServer) -> None:
    """Of ten who delete one client at once, one did, and one event says so (OPS-04)."""
    changes = Changes(server)
    client_id = await changes.client()

    async def all_at_once() -> None:
        await asyncio.gather(*(changes.of_client("DeleteClient", client_id) for _ in range(10)), return_exceptions=True)

    assert [event["event"] for event in await leaves(server, all_at_once())] == [EventKind.CLIENT_DELETED]


async def test_a_change_that_cannot_be_told_is_not_made(server: OperatorServer) -> None:
    """A change and its event are one transaction: without the one there is not the other (OPS-04)."""
    changes = Changes(server)
    client_id = await changes.client()
    with server.database.connect() as connection:
        connection.execute("REVOKE INSERT ON audit_events FROM tallystick_authorize")
        try:
            for method in ("DisableClient", "DeleteClient", "RevokeAllOfClient"):
                with refused(grpc.StatusCode.INTERNAL):
                    await changes.of_client(method, client_id)
        finally:
            connection.execute("GRANT INSERT ON audit_events TO tallystick_authorize")
    found = await server.call(server.clients.GetClient, client_pb2.GetClientRequest(client_id=client_id))
    assert (found.client.enabled, found.client.epoch) == (True, 0)


async def test_a_day_without_a_partition_is_an_outage(server: OperatorServer) -> None:
    """Where an event cannot be kept today nothing is changed, and asking again later may help (OPS-04)."""
    changes = Changes(server)
    client_id = await changes.client()
    day = int(server.time().timestamp()) // 86_400
    partition = f"partitions.audit_events_{day}"
    with server.database.connect() as connection:
        connection.execute(f"ALTER TABLE audit_events DETACH PARTITION {partition}")
        try:
            with refused(grpc.StatusCode.UNAVAILABLE):
                await changes.of_client("DisableClient", client_id)
        finally:
            connection.execute(f"ALTER TABLE audit_events ATTACH PARTITION {partition} FOR VALUES IN ({day})")
    found = await server.call(server.clients.GetClient, client_pb2.GetClientRequest(client_id=client_id))
    assert found.client.enabled


async def test_events_hold_no_secrets(server: OperatorServer) -> None:
    """Neither secrets nor passwords, nor what is kept of them, get into the audit (GEN-11)."""
    changes = Changes(server)
    made = await server.create_client(type=client_pb2.CLIENT_TYPE_CONFIDENTIAL)
    rotated = await changes.of_client("RotateClientSecret", made.client.client_id)
    password = secrets.token_urlsafe(16)
    username = await changes.user()
    await changes.of_user("SetUserPassword", username, password=password)
    operator = await server.call(
        server.operators.CreateOperator,
        operator_pb2.CreateOperatorRequest(name=unique("ann"), role=operator_pb2.OPERATOR_ROLE_VIEWER),
    )
    everything = str(server.events())
    hidden = (made.client_secret, rotated.client_secret, password, PASSWORD, operator.credential, "$argon2id$")
    assert not [secret for secret in hidden if secret in everything]
    assert username in everything
