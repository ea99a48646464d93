"""`OperatorService` over a real server and database."""

import asyncio
from datetime import timedelta
from typing import Any

import grpc
import grpc.aio
import pytest

from tallystick.authorize.v1 import operator_pb2, user_pb2
from tallystick.oauth2.opaque_token import CredentialType, is_credential
from tallystick.runtime.callers import CallerKind
from tests.rpc.operator_server import INVALID, NOT_FOUND, REFUSED, TAKEN, OperatorServer, refused, unique

ADMIN, VIEWER = operator_pb2.OPERATOR_ROLE_ADMIN, operator_pb2.OPERATOR_ROLE_VIEWER
UNAUTHENTICATED = grpc.StatusCode.UNAUTHENTICATED


async def create(
    server: OperatorServer, role: Any = VIEWER, *, name: str | None = None, **fields: Any
) -> operator_pb2.CreateOperatorResponse:
    request = operator_pb2.CreateOperatorRequest(name=name or unique("op"), role=role, **fields)
    made: operator_pb2.CreateOperatorResponse = await server.call(server.operators.CreateOperator, request)
    return made


async def delete(server: OperatorServer, name: str, *, credential: str | None = None) -> None:
    request = operator_pb2.DeleteOperatorRequest(name=name)
    await server.call(server.operators.DeleteOperator, request, credential=credential)


async def get(server: OperatorServer, name: str) -> operator_pb2.Operator:
    request = operator_pb2.GetOperatorRequest(name=name)
    found: operator_pb2.Operator = (await server.call(server.operators.GetOperator, request)).operator
    return found


async def list_users(server: OperatorServer, credential: str) -> None:
    await server.call(server.users.ListUsers, user_pb2.ListUsersRequest(), credential=credential)


async def test_an_operator_works_until_deleted(server: OperatorServer) -> None:
    """A credential is shown once, works, and stops at once when its operator is deleted; the record and name stay."""
    made = await create(server)
    name = made.operator.name
    assert is_credential(CredentialType.OPERATOR, made.credential)
    await list_users(server, made.credential)
    await delete(server, name)
    with refused(UNAUTHENTICATED):
        await list_users(server, made.credential)
    kept = await get(server, name)
    assert kept.HasField("revoked_at")
    listed = await server.call(server.operators.ListOperators, operator_pb2.ListOperatorsRequest(page_size=1000))
    assert kept in listed.operators
    with refused(TAKEN, name):
        await create(server, name=name)
    await delete(server, name)
    assert kept == await get(server, name)


async def test_a_credential_can_end_by_itself(server: OperatorServer) -> None:
    """A lifetime counts from the database's now, and an expired credential is nobody's."""
    before = server.time()
    made = await create(server, lifetime_seconds=60)
    begun = made.operator.expires_at.ToDatetime(before.tzinfo) - timedelta(seconds=60)
    assert before <= begun <= server.time()
    await list_users(server, made.credential)
    with server.database.connect() as connection:
        connection.execute("UPDATE operators SET expires_at = clock_timestamp() WHERE name = %s", (made.operator.name,))
    with refused(UNAUTHENTICATED):
        await list_users(server, made.credential)


@pytest.mark.parametrize(
    ("fields", "word"),
    [
        ({"name": "Big Boss"}, "name"),
        ({"name": "x" * 65}, "name"),
        ({"name": "x\0"}, "name"),
        ({"role": operator_pb2.OPERATOR_ROLE_UNSPECIFIED}, "role"),
        ({"role": 5}, "role"),
        ({"lifetime_seconds": 0}, "lifetime_seconds"),
        ({"lifetime_seconds": -1}, "lifetime_seconds"),
        ({"lifetime_seconds": 2**62}, "lifetime_seconds"),
    ],
)
async def test_operators_who_cannot_be_are_refused(server: OperatorServer, fields: dict[str, Any], word: str) -> None:
    """A wrong field is an invalid argument whose message names what is wrong."""
    with refused(INVALID, word):
        await create(server, **fields)


@pytest.mark.parametrize(("name", "code"), [("nobody", NOT_FOUND), ("", INVALID), ("x\0", INVALID)])
async def test_an_unknown_operator_is_said_to_be_unknown(server: OperatorServer, name: str, code: Any) -> None:
    """A name that nobody has is not found, and one that nobody can have is an invalid argument."""
    with refused(code, "name"):
        await get(server, name)
    with refused(code, "name"):
        await delete(server, name)


async def test_the_last_admin_cannot_be_deleted(server: OperatorServer) -> None:
    """Who would end the last working admin is told how to make another; expired and deleted ones do not count."""
    last = f"the-{CallerKind.ADMIN.value}"
    expired, gone = await create(server, ADMIN, lifetime_seconds=60), await create(server, ADMIN)
    with server.database.connect() as connection:
        connection.execute(
            "UPDATE operators SET expires_at = clock_timestamp() WHERE name = %s", (expired.operator.name,)
        )
    await delete(server, gone.operator.name)
    with refused(REFUSED, last, "tallystick operator create"):
        await delete(server, last)
    await delete(server, expired.operator.name)
    await list_users(server, server.credentials[CallerKind.ADMIN])


async def test_two_admins_cannot_delete_each_other(server: OperatorServer) -> None:
    """When the last two admins are deleted at the same moment, one of them stays."""
    last = f"the-{CallerKind.ADMIN.value}"
    for _ in range(5):
        other = await create(server, ADMIN)
        results = await asyncio.gather(
            delete(server, last, credential=other.credential),
            delete(server, other.operator.name),
            return_exceptions=True,
        )
        assert [isinstance(result, grpc.aio.AioRpcError) for result in results].count(True) >= 1
        with server.database.connect() as connection:
            working = connection.execute(
                "SELECT name FROM operators WHERE role = 'admin' AND revoked_at IS NULL"
            ).fetchall()
            assert len(working) == 1
            # The other tests go on as the first admin.
            connection.execute("UPDATE operators SET revoked_at = NULL WHERE name = %s", (last,))
            connection.execute(
                "UPDATE operators SET revoked_at = clock_timestamp() WHERE name = %s AND revoked_at IS NULL",
                (other.operator.name,),
            )
