"""`GroupService`, and the groups of services, over a real server and database."""

import asyncio
from collections.abc import Iterable

import pytest
from google.protobuf.field_mask_pb2 import FieldMask

from tallystick.authorize.v1 import group_pb2, resource_pb2, scope_pb2, user_pb2
from tests.rpc.operator_server import INVALID, NOT_FOUND, REFUSED, TAKEN, OperatorServer, refused, unique

GET, LIST = "POST /photos.v1.Albums/Get", "POST /photos.v1.Albums/List"
PASSWORD = "correct horse battery staple"


async def user(server: OperatorServer) -> str:
    request = user_pb2.CreateUserRequest(username=unique("user"), password=PASSWORD)
    return str((await server.call(server.users.CreateUser, request)).user.username)


async def client(server: OperatorServer) -> str:
    return (await server.create_client()).client.client_id


async def create(
    server: OperatorServer, name: str | None = None, users: Iterable[str] = (), clients: Iterable[str] = ()
) -> group_pb2.Group:
    group = group_pb2.Group(name=unique("group") if name is None else name, users=users, clients=clients)
    made: group_pb2.Group = (
        await server.call(server.groups.CreateGroup, group_pb2.CreateGroupRequest(group=group))
    ).group
    return made


async def get(server: OperatorServer, name: str) -> group_pb2.Group:
    found: group_pb2.Group = (await server.call(server.groups.GetGroup, group_pb2.GetGroupRequest(name=name))).group
    return found


async def update(server: OperatorServer, group: group_pb2.Group, *paths: str) -> group_pb2.Group:
    request = group_pb2.UpdateGroupRequest(group=group, update_mask=FieldMask(paths=paths))
    updated: group_pb2.Group = (await server.call(server.groups.UpdateGroup, request)).group
    return updated


async def delete(server: OperatorServer, name: str) -> None:
    await server.call(server.groups.DeleteGroup, group_pb2.DeleteGroupRequest(name=name))


async def resource(server: OperatorServer, *grouped: tuple[str, Iterable[str]]) -> resource_pb2.Resource:
    message = resource_pb2.Resource(
        identifier=f"https://{unique('api')}.example",
        services=[GET, LIST],
        service_groups=[resource_pb2.ServiceGroups(service=service, groups=groups) for service, groups in grouped],
    )
    request = resource_pb2.CreateResourceRequest(resource=message)
    made: resource_pb2.Resource = (await server.call(server.resources.CreateResource, request)).resource
    return made


async def update_resource(server: OperatorServer, message: resource_pb2.Resource, *paths: str) -> resource_pb2.Resource:
    request = resource_pb2.UpdateResourceRequest(resource=message, update_mask=FieldMask(paths=paths))
    updated: resource_pb2.Resource = (await server.call(server.resources.UpdateResource, request)).resource
    return updated


def groups_of(message: resource_pb2.Resource) -> dict[str, list[str]]:
    return {each.service: list(each.groups) for each in message.service_groups}


async def test_a_group_has_users_and_clients(server: OperatorServer) -> None:
    """A group is kept with each member once, in order, and whoever remembers anything reads it again."""
    bob, alice, app = await user(server), await user(server), await client(server)
    made = await create(server, users=[bob, alice, bob], clients=[app])
    assert (list(made.users), list(made.clients)) == (sorted([alice, bob]), [app])
    assert await get(server, made.name) == made
    assert server.invalidations()[-1] == ("policy", made.name)


async def test_members_are_replaced(server: OperatorServer) -> None:
    """What the mask names is replaced, and the rest stays."""
    bob, alice, app = await user(server), await user(server), await client(server)
    made = await create(server, users=[bob], clients=[app])
    changed = await update(server, group_pb2.Group(name=made.name, users=[alice]), "users")
    assert (list(changed.users), list(changed.clients)) == ([alice], [app])
    changed = await update(server, group_pb2.Group(name=made.name, description="Near and dear"), "description")
    assert (changed.description, list(changed.users)) == ("Near and dear", [alice])
    changed = await update(server, group_pb2.Group(name=made.name), "users", "clients")
    assert (list(changed.users), list(changed.clients)) == ([], [])
    assert server.invalidations()[-1] == ("policy", made.name)


async def test_who_is_deleted_leaves_all_groups(server: OperatorServer) -> None:
    """A group forgets members that are gone."""
    bob = await user(server)
    made = await create(server, users=[bob])
    await server.call(server.users.DeleteUser, user_pb2.DeleteUserRequest(username=bob))
    assert list((await get(server, made.name)).users) == []


async def test_unknown_members_are_named(server: OperatorServer) -> None:
    """A group of somebody who is not there is refused, and nothing is changed."""
    bob = await user(server)
    made = await create(server, users=[bob])
    with refused(REFUSED, "nobody", "tallystick user list"):
        await create(server, users=["nobody"])
    with refused(REFUSED, "a" * 26, "tallystick client list"):
        await create(server, clients=["a" * 26])
    with refused(REFUSED, "nobody"):
        await update(server, group_pb2.Group(name=made.name, users=["nobody"]), "users")
    assert await get(server, made.name) == made


@pytest.mark.parametrize("name", ["", "Family", "my family", "a" * 65, "fam/ily", "fämily", "family\n"], ids=repr)
async def test_names_that_no_group_has(server: OperatorServer, name: str) -> None:
    """A group's name is lower-case letters, digits and a few marks."""
    with refused(INVALID, "family"):
        await create(server, name)
    with refused(INVALID):
        await get(server, name)


async def test_what_is_not_there(server: OperatorServer) -> None:
    """A name is given once, and a group that is not there is neither read, changed nor deleted."""
    made = await create(server)
    with refused(TAKEN, made.name):
        await create(server, made.name)
    for attempt in (get(server, "no-such"), update(server, group_pb2.Group(name="no-such"), "users")):
        with refused(NOT_FOUND):
            await attempt
    await delete(server, made.name)
    with refused(NOT_FOUND):
        await delete(server, made.name)
    with refused(INVALID, "update_mask"):
        await update(server, made)
    with refused(INVALID, "name"):
        await update(server, made, "name")


async def test_groups_are_listed_by_page(server: OperatorServer) -> None:
    """Pages follow each other in the order of names, without gap or repeat."""
    names = sorted([(await create(server)).name for _ in range(3)])
    found, token = [], ""
    while True:
        request = group_pb2.ListGroupsRequest(page_size=1, page_token=token)
        page = await server.call(server.groups.ListGroups, request)
        found += [each.name for each in page.groups]
        token = page.next_page_token
        if not token:
            break
    assert [name for name in found if name in names] == names
    assert found == sorted(set(found))


async def test_two_changes_never_mix(server: OperatorServer) -> None:
    """Of two changes at once one comes after the other, and the members are those of one of them."""
    users = [await user(server) for _ in range(4)]
    made = await create(server)
    lists = [sorted(users[:2]), sorted(users[2:])]
    for _ in range(5):
        messages = [group_pb2.Group(name=made.name, users=each) for each in lists]
        await asyncio.gather(*(update(server, each, "users") for each in messages))
        assert list((await get(server, made.name)).users) in lists


async def test_services_have_groups(server: OperatorServer) -> None:
    """Who may use a service is kept by service, whichever way it is written, and changed without touching the rest."""
    family, friends = (await create(server)).name, (await create(server)).name
    made = await resource(server, ("/photos.v1.Albums/Get", [friends, family, friends]))
    assert groups_of(made) == {GET: sorted([family, friends])}
    change = resource_pb2.Resource(
        identifier=made.identifier,
        service_groups=[
            resource_pb2.ServiceGroups(service=LIST, groups=[family]),
            resource_pb2.ServiceGroups(service=GET),
        ],
    )
    changed = await update_resource(server, change, "service_groups")
    assert (groups_of(changed), list(changed.services)) == ({LIST: [family]}, [GET, LIST])
    assert server.invalidations()[-1] == ("policy", made.identifier)


async def test_services_that_stay_keep_their_groups(server: OperatorServer) -> None:
    """A service that is taken away takes its groups along, and one that comes back has none."""
    family = (await create(server)).name
    made = await resource(server, (GET, [family]), (LIST, [family]))
    only_get = resource_pb2.Resource(identifier=made.identifier, services=[GET])
    assert groups_of(await update_resource(server, only_get, "services")) == {GET: [family]}
    both = resource_pb2.Resource(identifier=made.identifier, services=[GET, LIST])
    assert groups_of(await update_resource(server, both, "services")) == {GET: [family]}


async def test_a_deleted_group_admits_nobody(server: OperatorServer) -> None:
    """With a group go its places at services."""
    family = (await create(server)).name
    made = await resource(server, (GET, [family]))
    await delete(server, family)
    assert server.invalidations()[-1] == ("policy", family)
    request = resource_pb2.GetResourceRequest(identifier=made.identifier)
    assert groups_of((await server.call(server.resources.GetResource, request)).resource) == {}


async def test_groups_of_what_is_not_there(server: OperatorServer) -> None:
    """Unknown groups and services that the resource does not offer are named."""
    family = (await create(server)).name
    with refused(REFUSED, "no-such", "tallystick group create"):
        await resource(server, (GET, ["no-such"]))
    with refused(INVALID, "/elsewhere"):
        await resource(server, ("/elsewhere", [family]))
    with refused(INVALID, "named twice"):
        await resource(server, (GET, [family]), ("/photos.v1.Albums/Get", []))
    with refused(INVALID, "service_groups"):
        await resource(server, ("photos", [family]))
    made = await resource(server)
    elsewhere = resource_pb2.ServiceGroups(service="/elsewhere", groups=[family])
    with refused(INVALID, "/elsewhere"):
        await update_resource(
            server,
            resource_pb2.Resource(identifier=made.identifier, service_groups=[elsewhere]),
            "service_groups",
        )


async def test_what_a_scope_really_covers(server: OperatorServer) -> None:
    """A scope shows every registered service that its covers reach, folders opened, and who may use it."""
    family = (await create(server)).name
    made = await resource(server, (GET, [family]))
    folder = "/photos.v1.Albums/*"
    services = [GET, LIST, folder, "GET /albums"]
    await update_resource(server, resource_pb2.Resource(identifier=made.identifier, services=services), "services")
    scope = scope_pb2.Scope(name=unique("photos"), covers=[scope_pb2.Cover(resource=made.identifier, service=folder)])
    await server.call(server.scopes.CreateScope, scope_pb2.CreateScopeRequest(scope=scope))
    found = await server.call(server.scopes.GetScope, scope_pb2.GetScopeRequest(name=scope.name))
    covered = {each.service: list(each.groups) for each in found.covered_services}
    assert covered == {folder: [], GET: [family], LIST: []}
    assert {each.resource for each in found.covered_services} == {made.identifier}
