"""Groups, their members and the services that they may use, changed at the same moment."""

import asyncio

from google.protobuf.field_mask_pb2 import FieldMask

from tallystick.authorize.v1 import group_pb2, resource_pb2, user_pb2
from tests.rpc.operator_server import NOT_FOUND, REFUSED, OperatorServer, refused, unique

GET, LIST = "POST /photos.v1.Albums/Get", "POST /photos.v1.Albums/List"
LOCK_SERVICE = "SELECT FROM services WHERE resource = %(resource)s AND service = %(service)s FOR UPDATE"
WAITING = "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"


async def until_waiting(server: OperatorServer, count: int) -> None:
    with server.database.connect() as connection:
        for _ in range(500):
            if len(connection.execute(WAITING).fetchall()) == count:
                return
            await asyncio.sleep(0.01)
    raise AssertionError(f"there are not {count} who wait")


async def create_group(server: OperatorServer) -> str:
    group = group_pb2.Group(name=unique("group"))
    await server.call(server.groups.CreateGroup, group_pb2.CreateGroupRequest(group=group))
    return group.name


async def create_resource(server: OperatorServer, group: str) -> str:
    resource = resource_pb2.Resource(
        identifier=f"https://{unique('api')}.example",
        services=[GET, LIST],
        service_groups=[resource_pb2.ServiceGroups(service=LIST, groups=[group])],
    )
    await server.call(server.resources.CreateResource, resource_pb2.CreateResourceRequest(resource=resource))
    return resource.identifier


async def delete_group(server: OperatorServer, name: str) -> None:
    await server.call(server.groups.DeleteGroup, group_pb2.DeleteGroupRequest(name=name))


async def give_get_to(server: OperatorServer, identifier: str, group: str) -> resource_pb2.Resource:
    resource = resource_pb2.Resource(
        identifier=identifier, service_groups=[resource_pb2.ServiceGroups(service=GET, groups=[group])]
    )
    request = resource_pb2.UpdateResourceRequest(resource=resource, update_mask=FieldMask(paths=["service_groups"]))
    updated: resource_pb2.Resource = (await server.call(server.resources.UpdateResource, request)).resource
    return updated


async def groups_of(server: OperatorServer, identifier: str) -> dict[str, list[str]]:
    request = resource_pb2.GetResourceRequest(identifier=identifier)
    found = (await server.call(server.resources.GetResource, request)).resource
    return {each.service: list(each.groups) for each in found.service_groups}


async def test_a_group_goes_while_it_is_given_another_service(server: OperatorServer) -> None:
    """The deletion of a group waits for the resource that names it, and neither ends in a deadlock."""
    group = await create_group(server)
    identifier = await create_resource(server, group)
    with server.database.connect() as connection:
        with connection.transaction():
            # Stops the resource's update in its middle: the group's old service is taken, its new one half checked.
            connection.execute(LOCK_SERVICE, {"resource": identifier, "service": GET})
            of_resource = asyncio.ensure_future(give_get_to(server, identifier, group))
            await until_waiting(server, 1)
            of_group = asyncio.ensure_future(delete_group(server, group))
            await until_waiting(server, 2)
        assert [each.service for each in (await of_resource).service_groups] == [GET]
        await of_group
    assert await groups_of(server, identifier) == {}


async def test_a_group_that_goes_at_this_moment_is_given_nothing(server: OperatorServer) -> None:
    """Whoever waits for a group's deletion to be committed finds that there is no such group."""
    staying, going = await create_group(server), await create_group(server)
    identifier = await create_resource(server, staying)
    with server.database.connect() as connection, connection.transaction():
        connection.execute("DELETE FROM groups WHERE name = %s", [going])
        giving = asyncio.ensure_future(give_get_to(server, identifier, going))
        await until_waiting(server, 1)
    with refused(REFUSED, going, "not a group"):
        await giving
    assert await groups_of(server, identifier) == {LIST: [staying]}


async def test_a_user_who_goes_at_this_moment_joins_nothing(server: OperatorServer) -> None:
    """A member who is deleted while joining is refused, and the group keeps its members."""
    group, username = await create_group(server), unique("bob")
    request = user_pb2.CreateUserRequest(username=username, password="correct horse battery")
    await server.call(server.users.CreateUser, request)
    with server.database.connect() as connection, connection.transaction():
        connection.execute("DELETE FROM users WHERE username = %s", [username])
        change = group_pb2.Group(name=group, users=[username])
        update = group_pb2.UpdateGroupRequest(group=change, update_mask=FieldMask(paths=["users"]))
        joining = asyncio.ensure_future(server.call(server.groups.UpdateGroup, update))
        await until_waiting(server, 1)
    with refused(REFUSED, "users", "try again"):
        await joining
    found = await server.call(server.groups.GetGroup, group_pb2.GetGroupRequest(name=group))
    assert list(found.group.users) == []


async def test_a_group_is_deleted_once(server: OperatorServer) -> None:
    """Of several who delete one group at once, one has done it, and the others find none."""
    group = await create_group(server)
    identifier = await create_resource(server, group)
    ended = await asyncio.gather(*(delete_group(server, group) for _ in range(5)), return_exceptions=True)
    assert ended.count(None) == 1
    assert await groups_of(server, identifier) == {}
    with refused(NOT_FOUND):
        await delete_group(server, group)
