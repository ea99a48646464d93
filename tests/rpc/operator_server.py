"""A running server of the services for operators, as its tests see it."""

import json
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from types import TracebackType
from typing import Any, Self

import grpc
import grpc.aio
import pytest

from tallystick.authorize.v1 import client_pb2
from tallystick.authorize.v1.audit_pb2_grpc import AuditServiceStub
from tallystick.authorize.v1.client_pb2_grpc import ClientServiceStub
from tallystick.authorize.v1.group_pb2_grpc import GroupServiceStub
from tallystick.authorize.v1.operator_pb2_grpc import OperatorServiceStub
from tallystick.authorize.v1.resource_pb2_grpc import ResourceServiceStub
from tallystick.authorize.v1.scope_pb2_grpc import ScopeServiceStub
from tallystick.authorize.v1.user_pb2_grpc import UserServiceStub
from tallystick.runtime.callers import CallerKind
from tests.support.databases import Database

ISSUER = "https://issuer.example"
_SECONDS = 10.0


class OperatorServer:
    """Calls the services for operators, as an admin unless told otherwise."""

    def __init__(self, target: str, credentials: Mapping[CallerKind, str], database: Database) -> None:
        self.target = target
        self.credentials = credentials
        self.database = database
        self.channel = grpc.aio.insecure_channel(target, options=(("grpc.enable_http_proxy", 0),))
        self.clients: Any = ClientServiceStub(self.channel)
        self.scopes: Any = ScopeServiceStub(self.channel)
        self.groups: Any = GroupServiceStub(self.channel)
        self.resources: Any = ResourceServiceStub(self.channel)
        self.users: Any = UserServiceStub(self.channel)
        self.operators: Any = OperatorServiceStub(self.channel)
        self.audit: Any = AuditServiceStub(self.channel)

    async def call(self, method: Any, request: object, *, credential: str | None = None) -> Any:
        """Make a call; a refusal raises `grpc.aio.AioRpcError`."""
        bearer = self.credentials[CallerKind.ADMIN] if credential is None else credential
        return await method(request, timeout=_SECONDS, metadata=(("authorization", f"Bearer {bearer}"),))

    async def create_client(self, **fields: Any) -> client_pb2.CreateClientResponse:
        """Register a public client, unless fields say otherwise."""
        given = {
            "name": unique("Client"),
            "version": "1",
            "type": client_pb2.CLIENT_TYPE_PUBLIC,
            "redirect_uris": ["https://app.example/cb"],
        } | fields
        made: client_pb2.CreateClientResponse = await self.call(
            self.clients.CreateClient, client_pb2.CreateClientRequest(client=client_pb2.Client(**given))
        )
        return made

    def time(self) -> datetime:
        """Return the database's time, by which it judges what it keeps."""
        with self.database.connect() as connection:
            [row] = connection.execute("SELECT clock_timestamp() AS now").fetchall()
        now: datetime = row["now"]
        return now

    def invalidations(self) -> list[tuple[str, str]]:
        """Return the log of what must be read again: kinds and keys, oldest first."""
        with self.database.connect() as connection:
            rows = connection.execute("SELECT kind, key FROM invalidations ORDER BY position").fetchall()
        return [(row["kind"], row["key"]) for row in rows]

    def events(self) -> list[dict[str, Any]]:
        """Return what the audit holds, oldest first."""
        with self.database.connect() as connection:
            return [dict(row) for row in connection.execute("SELECT * FROM audit_events ORDER BY occurred_at, event")]

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.channel.close()


def unique(prefix: str) -> str:
    """Return a name that no other test uses."""
    return f"{prefix}-{secrets.token_hex(4)}"


@contextmanager
def refused(code: grpc.StatusCode, *words: str) -> Iterator[None]:
    """Expect a call to end with a status, and its message to say each of the words in one line."""
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        yield
    assert caught.value.code() is code, caught.value.details()
    details = caught.value.details() or ""
    assert all(word in details for word in words), details
    assert "\n" not in details
    assert json.dumps(details)


INVALID = grpc.StatusCode.INVALID_ARGUMENT
NOT_FOUND = grpc.StatusCode.NOT_FOUND
TAKEN = grpc.StatusCode.ALREADY_EXISTS
REFUSED = grpc.StatusCode.FAILED_PRECONDITION
