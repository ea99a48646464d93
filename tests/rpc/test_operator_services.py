"""What all services for operators have in common: who may call, and lists a page at a time."""

from base64 import urlsafe_b64encode
from typing import Any

import grpc
import pytest

from tallystick.authorize.v1 import client_pb2, group_pb2, operator_pb2, resource_pb2, scope_pb2, user_pb2
from tallystick.oauth2.opaque_token import CredentialType, new_credential
from tallystick.runtime.callers import CallerKind
from tests.rpc.operator_server import INVALID, OperatorServer, refused, unique

UNAUTHENTICATED, DENIED = grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.PERMISSION_DENIED


async def test_a_viewer_reads_and_changes_nothing(server: OperatorServer) -> None:
    """An operator with the role viewer may get and list, and is refused every change (GRPC-01)."""
    viewer = server.credentials[CallerKind.VIEWER]
    client_id = (await server.create_client()).client.client_id
    found = await server.call(
        server.clients.GetClient, client_pb2.GetClientRequest(client_id=client_id), credential=viewer
    )
    assert found.client.client_id == client_id
    with refused(DENIED, "viewer", "DeleteClient"):
        await server.call(
            server.clients.DeleteClient, client_pb2.DeleteClientRequest(client_id=client_id), credential=viewer
        )
    with refused(DENIED, "viewer"):
        await server.call(
            server.users.CreateUser,
            user_pb2.CreateUserRequest(username="eve", password="long enough"),
            credential=viewer,
        )
    with refused(DENIED, "viewer"):
        await server.call(
            server.operators.CreateOperator,
            operator_pb2.CreateOperatorRequest(name="eve", role=operator_pb2.OPERATOR_ROLE_ADMIN),
            credential=viewer,
        )


@pytest.mark.parametrize(
    "credential",
    [
        "",
        "x",
        new_credential(CredentialType.OPERATOR, bytes(32)),
        new_credential(CredentialType.CLIENT_SECRET, bytes(32)),
        new_credential(CredentialType.SERVICE, bytes(32)),
        "tso_" + "A" * 43 + "00000000",
    ],
)
async def test_an_unknown_credential_is_nobody(server: OperatorServer, credential: str) -> None:
    """A credential that was never made, or is of another kind, opens nothing (GRPC-01)."""
    with refused(UNAUTHENTICATED):
        await server.call(server.clients.ListClients, client_pb2.ListClientsRequest(), credential=credential)


LISTS: dict[str, tuple[str, str, Any, str]] = {
    "clients": ("clients", "ListClients", client_pb2.ListClientsRequest, "client_id"),
    "scopes": ("scopes", "ListScopes", scope_pb2.ListScopesRequest, "name"),
    "resources": ("resources", "ListResources", resource_pb2.ListResourcesRequest, "identifier"),
    "groups": ("groups", "ListGroups", group_pb2.ListGroupsRequest, "name"),
    "users": ("users", "ListUsers", user_pb2.ListUsersRequest, "username"),
    "operators": ("operators", "ListOperators", operator_pb2.ListOperatorsRequest, "name"),
}


async def read_list(server: OperatorServer, kind: str, **fields: Any) -> Any:
    stub, method, request, _key = LISTS[kind]
    return await server.call(getattr(getattr(server, stub), method), request(**fields))


async def create_some(server: OperatorServer) -> None:
    for _ in range(3):
        await server.create_client()
        name = unique("x")
        await server.call(server.scopes.CreateScope, scope_pb2.CreateScopeRequest(scope=scope_pb2.Scope(name=name)))
        resource = resource_pb2.Resource(identifier=f"https://{name}.example")
        await server.call(server.resources.CreateResource, resource_pb2.CreateResourceRequest(resource=resource))
        await server.call(server.groups.CreateGroup, group_pb2.CreateGroupRequest(group=group_pb2.Group(name=name)))
        user = user_pb2.CreateUserRequest(username=f"Ä {name}", password="long enough")
        await server.call(server.users.CreateUser, user)
        operator = operator_pb2.CreateOperatorRequest(name=name, role=operator_pb2.OPERATOR_ROLE_VIEWER)
        await server.call(server.operators.CreateOperator, operator)


@pytest.mark.parametrize("kind", LISTS)
async def test_pages_make_up_the_list(server: OperatorServer, kind: str) -> None:
    """Pages of two hold every item once and in order, and the last one says that it is the last."""
    await create_some(server)
    everything = list(getattr(await read_list(server, kind), kind))
    found, token = [], ""
    while True:
        page = await read_list(server, kind, page_size=2, page_token=token)
        items = getattr(page, kind)
        assert 1 <= len(items) <= 2
        found += items
        token = page.next_page_token
        if not token:
            break
    assert found == everything
    assert len({getattr(item, LISTS[kind][3]) for item in found}) == len(everything) >= 3


async def test_a_list_goes_on_past_what_was_deleted(server: OperatorServer) -> None:
    """A page begins after a key, whether or not that is still there."""
    await create_some(server)
    page = await read_list(server, "clients", page_size=1)
    last = page.clients[0].client_id
    await server.call(server.clients.DeleteClient, client_pb2.DeleteClientRequest(client_id=last))
    following = await read_list(server, "clients", page_size=1, page_token=page.next_page_token)
    assert following.clients[0].client_id > last


@pytest.mark.parametrize("kind", LISTS)
@pytest.mark.parametrize(
    "token",
    [
        "!",
        "x",
        "a" * 9000,
        urlsafe_b64encode(b"grants:key").decode().rstrip("="),
        urlsafe_b64encode(b"clients").decode().rstrip("="),
        urlsafe_b64encode(b"\xff\xfe:x").decode().rstrip("="),
    ],
)
async def test_a_page_token_of_ours_is_needed(server: OperatorServer, kind: str, token: str) -> None:
    """Anything but a token of the same list is an invalid argument."""
    with refused(INVALID, "page_token"):
        await read_list(server, kind, page_token=token)


@pytest.mark.parametrize("kind", LISTS)
async def test_a_page_token_can_hold_no_surprise(server: OperatorServer, kind: str) -> None:
    """A forged token with a NUL in its key is an invalid argument, and any other key is a place in the list."""
    forged = urlsafe_b64encode(f"{kind}:a\0b".encode()).decode().rstrip("=")
    with refused(INVALID, "page_token"):
        await read_list(server, kind, page_token=forged)
    beyond = urlsafe_b64encode(f"{kind}:\U0010fffd'; DROP TABLE clients".encode()).decode().rstrip("=")
    assert not (await read_list(server, kind, page_token=beyond)).next_page_token


@pytest.mark.parametrize("kind", LISTS)
@pytest.mark.parametrize("size", [-1, 1001, 2**31 - 1])
async def test_a_page_has_a_size_within_bounds(server: OperatorServer, kind: str, size: int) -> None:
    """A page_size below 0 or above 1,000 is an invalid argument."""
    with refused(INVALID, "page_size"):
        await read_list(server, kind, page_size=size)


async def test_a_change_that_cannot_be_logged_is_not_made(server: OperatorServer) -> None:
    """Rows and log are written together or not at all, so that no cache can miss a change."""
    client_id = (await server.create_client()).client.client_id
    with server.database.connect() as connection:
        connection.execute("REVOKE INSERT ON invalidations FROM tallystick_authorize")
        try:
            with refused(grpc.StatusCode.INTERNAL):
                await server.call(server.clients.DisableClient, client_pb2.DisableClientRequest(client_id=client_id))
            with refused(grpc.StatusCode.INTERNAL):
                await server.call(server.clients.DeleteClient, client_pb2.DeleteClientRequest(client_id=client_id))
        finally:
            connection.execute("GRANT INSERT ON invalidations TO tallystick_authorize")
    found = await server.call(server.clients.GetClient, client_pb2.GetClientRequest(client_id=client_id))
    assert found.client.enabled
