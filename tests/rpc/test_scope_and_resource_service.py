"""`ScopeService` and `ResourceService` over a real server and database."""

import asyncio
from collections.abc import Iterable
from contextlib import suppress
from typing import Any

import grpc
import pytest
from google.protobuf.field_mask_pb2 import FieldMask

from tallystick.authorize.v1 import client_pb2, resource_pb2, scope_pb2
from tests.rpc.operator_server import INVALID, ISSUER, NOT_FOUND, REFUSED, TAKEN, OperatorServer, refused, unique

ALBUMS = "/photos.v1.Albums/*"
GET = "POST /photos.v1.Albums/Get"
LIST = "POST /photos.v1.Albums/List"
Pairs = Iterable[tuple[str, str]]
LOCK_SERVICE = "SELECT FROM services WHERE resource = %(resource)s AND service = %(service)s FOR UPDATE"
WAITING = "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"


async def create_resource(server: OperatorServer, *services: str, callers: Iterable[str] = ()) -> str:
    resource = resource_pb2.Resource(identifier=f"https://{unique('api')}.example", services=services, callers=callers)
    made = await server.call(server.resources.CreateResource, resource_pb2.CreateResourceRequest(resource=resource))
    return str(made.resource.identifier)


async def get_resource(server: OperatorServer, identifier: str) -> resource_pb2.Resource:
    request = resource_pb2.GetResourceRequest(identifier=identifier)
    found: resource_pb2.Resource = (await server.call(server.resources.GetResource, request)).resource
    return found


async def update_resource(server: OperatorServer, identifier: str, *paths: str, **fields: Any) -> resource_pb2.Resource:
    resource = resource_pb2.Resource(identifier=identifier, **fields)
    request = resource_pb2.UpdateResourceRequest(resource=resource, update_mask=FieldMask(paths=paths))
    updated: resource_pb2.Resource = (await server.call(server.resources.UpdateResource, request)).resource
    return updated


async def delete_resource(server: OperatorServer, identifier: str) -> None:
    await server.call(server.resources.DeleteResource, resource_pb2.DeleteResourceRequest(identifier=identifier))


def scope_message(name: str, description: str = "", covers: Pairs = ()) -> scope_pb2.Scope:
    return scope_pb2.Scope(
        name=name,
        description=description,
        covers=[scope_pb2.Cover(resource=resource, service=service) for resource, service in covers],
    )


async def create_scope(server: OperatorServer, covers: Pairs = (), name: str | None = None) -> scope_pb2.Scope:
    request = scope_pb2.CreateScopeRequest(scope=scope_message(name or unique("scope"), "See your photos", covers))
    made: scope_pb2.Scope = (await server.call(server.scopes.CreateScope, request)).scope
    return made


async def update_scope(server: OperatorServer, scope: scope_pb2.Scope, *paths: str) -> scope_pb2.Scope:
    request = scope_pb2.UpdateScopeRequest(scope=scope, update_mask=FieldMask(paths=paths))
    updated: scope_pb2.Scope = (await server.call(server.scopes.UpdateScope, request)).scope
    return updated


async def get_scope(server: OperatorServer, name: str) -> scope_pb2.Scope:
    found: scope_pb2.Scope = (await server.call(server.scopes.GetScope, scope_pb2.GetScopeRequest(name=name))).scope
    return found


def pairs(scope: scope_pb2.Scope) -> list[tuple[str, str]]:
    return [(cover.resource, cover.service) for cover in scope.covers]


async def test_services_are_kept_in_one_way_of_writing(server: OperatorServer) -> None:
    """A service without method means POST, a folder every method, and each is kept once."""
    identifier = await create_resource(server, "/photos.v1.Albums/Get", GET, ALBUMS, "GET /albums/{id}")
    assert (await get_resource(server, identifier)).services == [ALBUMS, "GET /albums/{id}", GET]
    assert server.invalidations()[-1] == ("policy", identifier)


async def test_a_resource_names_its_callers(server: OperatorServer) -> None:
    """Callers are clients, each once; when a client is deleted it is no caller any more."""
    first, second = [(await server.create_client()).client.client_id for _ in range(2)]
    identifier = await create_resource(server, callers=[second, first, second])
    assert (await get_resource(server, identifier)).callers == sorted([first, second])
    await server.call(server.clients.DeleteClient, client_pb2.DeleteClientRequest(client_id=first))
    assert (await get_resource(server, identifier)).callers == [second]


@pytest.mark.parametrize(
    ("fields", "word"),
    [
        ({"identifier": ""}, "identifier"),
        ({"identifier": "photos"}, "identifier"),
        ({"identifier": "https://photos.example#x"}, "identifier"),
        ({"identifier": "https://phötos.example"}, "identifier"),
        ({"identifier": "https://photos.example/\0"}, "identifier"),
        ({"identifier": "https://" + "x" * 2000}, "identifier"),
        ({"callers": ["PhotoStorage"]}, "callers"),
        ({"services": [""]}, "services"),
        ({"services": ["photos/Get"]}, "services"),
        ({"services": ["GET /albums/../admin"]}, "services"),
        ({"services": ["GET /albums/{id}", "GET /albums/{album}"]}, "keep one"),
        ({"services": ["/a/" + "x" * 500]}, "services"),
        ({"services": [f"/a/{number}" for number in range(1001)]}, "1000"),
    ],
)
async def test_resources_that_cannot_be_are_refused(server: OperatorServer, fields: dict[str, Any], word: str) -> None:
    """A wrong field is an invalid argument whose message names what is wrong."""
    resource = resource_pb2.Resource(**({"identifier": f"https://{unique('api')}.example"} | fields))
    with refused(INVALID, word):
        await server.call(server.resources.CreateResource, resource_pb2.CreateResourceRequest(resource=resource))


async def test_unknown_callers_and_taken_identifiers_are_refused(server: OperatorServer) -> None:
    """A caller must be a client and an identifier free."""
    identifier = await create_resource(server)
    with refused(REFUSED, "callers", "a" * 26):
        await create_resource(server, callers=["a" * 26])
    with refused(REFUSED, "callers", "a" * 26):
        await update_resource(server, identifier, "callers", callers=["a" * 26])
    with refused(TAKEN, identifier):
        resource = resource_pb2.Resource(identifier=identifier)
        await server.call(server.resources.CreateResource, resource_pb2.CreateResourceRequest(resource=resource))


async def test_the_issuer_is_no_protected_resource(server: OperatorServer) -> None:
    """Tokens for the issuer carry scopes that cover nothing, so no resource may take its place (TOK-11)."""
    with refused(INVALID, "identifier", "issuer"):
        resource = resource_pb2.Resource(identifier=ISSUER)
        await server.call(server.resources.CreateResource, resource_pb2.CreateResourceRequest(resource=resource))
    with refused(NOT_FOUND):
        await get_resource(server, ISSUER)


async def test_only_masked_lists_of_a_resource_change(server: OperatorServer) -> None:
    """Callers and services are replaced where the mask names them, and left where it does not."""
    caller = (await server.create_client()).client.client_id
    identifier = await create_resource(server, GET, callers=[caller])
    updated = await update_resource(server, identifier, "services", services=[LIST])
    assert (updated.services, updated.callers) == ([LIST], [caller])
    updated = await update_resource(server, identifier, "callers", services=[GET])
    assert (updated.services, updated.callers) == ([LIST], [])
    assert server.invalidations()[-1] == ("policy", identifier)
    with refused(INVALID, "identifier"):
        await update_resource(server, identifier, "identifier")
    with refused(INVALID, "callers, services"):
        await update_resource(server, identifier)
    with refused(NOT_FOUND):
        await update_resource(server, "https://nobody.example", "services", services=[GET])


async def test_lists_replaced_at_the_same_moment_do_not_mix(server: OperatorServer) -> None:
    """Of several replacements at once one stands, whole."""
    identifier = await create_resource(server)
    lists = [[f"POST /{letter}/{number}" for number in range(5)] for letter in "abcd"]
    await asyncio.gather(*(update_resource(server, identifier, "services", services=names) for names in lists))
    assert list((await get_resource(server, identifier)).services) in lists


async def test_what_a_scope_covers_cannot_be_taken_away(server: OperatorServer) -> None:
    """A covered service, and the resource that offers it, stay until no scope covers it."""
    identifier = await create_resource(server, GET, LIST)
    scope = await create_scope(server, [(identifier, GET)])
    with refused(REFUSED, scope.name, GET):
        await update_resource(server, identifier, "services", services=[LIST])
    with refused(REFUSED, scope.name, GET):
        await delete_resource(server, identifier)
    await update_scope(server, scope_message(scope.name), "covers")
    await delete_resource(server, identifier)
    with refused(NOT_FOUND):
        await get_resource(server, identifier)
    with refused(NOT_FOUND):
        await delete_resource(server, identifier)
    assert server.invalidations()[-2:].count(("policy", identifier)) == 2


async def test_a_scope_and_what_it_covers_change_at_the_same_moment(server: OperatorServer) -> None:
    """The update of a resource waits for that of a scope which covers it, and neither ends in a deadlock."""
    first, second = sorted([await create_resource(server, GET, LIST), await create_resource(server, GET, LIST)])
    scope = await create_scope(server, [(first, GET), (second, GET)])
    covers = scope_message(scope.name, covers=[(first, LIST), (second, LIST)])
    with server.database.connect() as connection:
        with connection.transaction():
            # Stops the scope's update in its middle: its old covers are gone, its new ones half checked.
            connection.execute(LOCK_SERVICE, {"resource": first, "service": LIST})
            of_scope = asyncio.ensure_future(update_scope(server, covers, "covers"))
            await until_waiting(server, 1)
            of_resource = asyncio.ensure_future(update_resource(server, second, "services", services=[ALBUMS]))
            await until_waiting(server, 2)
        assert pairs(await of_scope) == [(first, LIST), (second, LIST)]
        with refused(REFUSED, scope.name, LIST):
            await of_resource


async def until_waiting(server: OperatorServer, count: int) -> None:
    with server.database.connect() as connection:
        for _ in range(500):
            if len(connection.execute(WAITING).fetchall()) == count:
                return
            await asyncio.sleep(0.01)
    raise AssertionError(f"there are not {count} who wait")


async def test_a_scope_covers_registered_services(server: OperatorServer) -> None:
    """Covers are kept in one way of writing, and read back."""
    identifier = await create_resource(server, GET, ALBUMS)
    scope = await create_scope(
        server, [(identifier, ALBUMS), (identifier, "/photos.v1.Albums/Get"), (identifier, ALBUMS)]
    )
    assert pairs(scope) == [(identifier, ALBUMS), (identifier, GET)]
    assert (scope.description, scope.version) == ("See your photos", 1)
    assert scope == await get_scope(server, scope.name)
    listed = await server.call(server.scopes.ListScopes, scope_pb2.ListScopesRequest(page_size=1000))
    assert scope in listed.scopes
    assert server.invalidations()[-1] == ("policy", scope.name)


async def test_a_scope_cannot_cover_what_is_not_offered(server: OperatorServer) -> None:
    """A cover that is no registered service is refused, and the message says which."""
    identifier = await create_resource(server, GET)
    with refused(REFUSED, identifier, LIST):
        await create_scope(server, [(identifier, GET), (identifier, LIST)])
    with refused(REFUSED, "https://nobody.example"):
        await create_scope(server, [("https://nobody.example", GET)])
    scope = await create_scope(server)
    with refused(REFUSED, identifier, LIST):
        await update_scope(server, scope_message(scope.name, covers=[(identifier, LIST)]), "covers")


@pytest.mark.parametrize(
    ("message", "word"),
    [
        (scope_message(""), "scope"),
        (scope_message("Photos.Read"), "scope"),
        (scope_message("photos read"), "scope"),
        (scope_message("x" * 101), "100"),
        (scope_message("photos\0"), "scope"),
        (scope_message("photos.x", "See\nyour photos"), "description"),
        (scope_message("photos.x", "x" * 401), "400"),
        (scope_message("photos.x", covers=[("photos", GET)]), "covers.resource"),
        (scope_message("photos.x", covers=[("https://photos.example", "Get")]), "covers.service"),
        (scope_message("photos.x", covers=[("https://photos.example", f"/a/{n}") for n in range(501)]), "500"),
    ],
)
async def test_scopes_that_cannot_be_are_refused(server: OperatorServer, message: scope_pb2.Scope, word: str) -> None:
    """A wrong field is an invalid argument whose message names what is wrong."""
    with refused(INVALID, word):
        await server.call(server.scopes.CreateScope, scope_pb2.CreateScopeRequest(scope=message))


async def test_a_wider_cover_and_other_words_raise_the_version(server: OperatorServer) -> None:
    """People are asked again when a scope reaches more or is called otherwise, not when it reaches less (AUTHZ-12)."""
    identifier = await create_resource(server, GET, LIST, ALBUMS)
    name = (await create_scope(server, [(identifier, GET)])).name

    async def version_after(description: str | None, covers: list[str] | None) -> int:
        paths = [path for path, given in (("description", description), ("covers", covers)) if given is not None]
        message = scope_message(name, description or "", [(identifier, service) for service in covers or ()])
        return (await update_scope(server, message, *paths)).version

    assert await version_after("Other words", None) == 2
    assert await version_after("Other words", [GET]) == 2
    assert await version_after(None, [GET, LIST]) == 3
    assert await version_after(None, [LIST]) == 3
    assert await version_after("Same", [LIST]) == 4
    assert await version_after("Both", [ALBUMS]) == 5
    assert await version_after(None, [ALBUMS, GET]) == 5
    assert await version_after(None, []) == 5
    assert (await get_scope(server, name)).description == "Both"
    assert server.invalidations()[-1] == ("policy", name)


async def test_a_name_never_has_a_version_again(server: OperatorServer) -> None:
    """A scope that is deleted and made anew goes on where it ended, however often, and others do not (AUTHZ-12)."""
    name = (await create_scope(server)).name
    versions = []
    for words in ("First", "Second", "Third"):
        versions.append((await update_scope(server, scope_message(name, words), "description")).version)
        await server.call(server.scopes.DeleteScope, scope_pb2.DeleteScopeRequest(name=name))
        versions.append((await create_scope(server, name=name)).version)
    assert versions == [2, 3, 4, 5, 6, 7]
    assert (await create_scope(server)).version == 1


async def test_a_scope_made_while_it_is_deleted_goes_on_too(server: OperatorServer) -> None:
    """Whoever makes a scope in the moment of its deletion does not begin anew (AUTHZ-12)."""
    for _ in range(5):
        name = (await create_scope(server)).name
        deletion = server.call(server.scopes.DeleteScope, scope_pb2.DeleteScopeRequest(name=name))
        await asyncio.gather(deletion, create_scope(server, name=name), return_exceptions=True)
        with suppress(grpc.aio.AioRpcError):
            await create_scope(server, name=name)
        assert (await get_scope(server, name)).version == 2


async def test_changes_of_a_scope_at_the_same_moment_are_all_kept(server: OperatorServer) -> None:
    """Two updates of different fields at once lose nothing."""
    identifier = await create_resource(server, GET)
    name = (await create_scope(server)).name
    await asyncio.gather(
        update_scope(server, scope_message(name, "New words"), "description"),
        update_scope(server, scope_message(name, covers=[(identifier, GET)]), "covers"),
    )
    found = await get_scope(server, name)
    assert (found.description, found.version, pairs(found)) == ("New words", 3, [(identifier, GET)])


async def test_a_deleted_scope_is_taken_from_clients(server: OperatorServer) -> None:
    """Whoever had the scope has it no more, and policy must be read again."""
    identifier = await create_resource(server, GET)
    name = (await create_scope(server, [(identifier, GET)])).name
    client_id = (await server.create_client(scopes=[name])).client.client_id
    await server.call(server.scopes.DeleteScope, scope_pb2.DeleteScopeRequest(name=name))
    assert server.invalidations()[-1] == ("policy", name)
    client = await server.call(server.clients.GetClient, client_pb2.GetClientRequest(client_id=client_id))
    assert client.client.scopes == []
    with refused(NOT_FOUND):
        await server.call(server.scopes.DeleteScope, scope_pb2.DeleteScopeRequest(name=name))
    with refused(NOT_FOUND):
        await get_scope(server, name)
    with refused(NOT_FOUND):
        await update_scope(server, scope_message(name, "x"), "description")


async def test_the_built_in_scope_stays(server: OperatorServer) -> None:
    """Introspect can be given to clients and described anew, but neither deleted nor made to cover anything."""
    identifier = await create_resource(server, GET)
    with refused(REFUSED, "built in"):
        await server.call(server.scopes.DeleteScope, scope_pb2.DeleteScopeRequest(name="introspect"))
    with refused(REFUSED, "built in"):
        await update_scope(server, scope_message("introspect", covers=[(identifier, GET)]), "covers")
    with refused(TAKEN):
        await create_scope(server, name="introspect")
    described = await update_scope(server, scope_message("introspect", "Ask about tokens"), "description", "covers")
    assert (described.description, pairs(described), described.version) == ("Ask about tokens", [], 2)


async def test_a_scope_with_a_taken_name_is_refused(server: OperatorServer) -> None:
    """Names are unique."""
    scope = await create_scope(server)
    with refused(TAKEN, scope.name):
        await create_scope(server, name=scope.name)


async def test_a_scope_is_changed_by_a_mask(server: OperatorServer) -> None:
    """Name and version cannot be changed, and a mask that names nothing is refused."""
    scope = await create_scope(server)
    for path in ("name", "version", "covers.service"):
        with refused(INVALID, path):
            await update_scope(server, scope, path)
    with refused(INVALID, "description, covers"):
        await update_scope(server, scope)
