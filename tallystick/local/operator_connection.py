"""Calls to authorize with an operator's credential."""

from collections.abc import Callable
from types import TracebackType
from typing import Any, Self, TypeVar

import grpc

from tallystick.authorize.v1.client_pb2_grpc import ClientServiceStub
from tallystick.authorize.v1.group_pb2_grpc import GroupServiceStub
from tallystick.authorize.v1.resource_pb2_grpc import ResourceServiceStub
from tallystick.authorize.v1.scope_pb2_grpc import ScopeServiceStub
from tallystick.authorize.v1.user_pb2_grpc import UserServiceStub

SECONDS = 15.0

Answer = TypeVar("Answer")


class OperatorConnection:
    """The services of authorize that an operator uses, each call with the credential and a deadline."""

    def __init__(self, target: str, credential: str) -> None:
        # A credential in plaintext is for authorize, not for whatever proxy the environment names.
        self._channel = grpc.insecure_channel(target, options=(("grpc.enable_http_proxy", 0),))
        self._metadata = (("authorization", f"Bearer {credential}"),)
        self.clients = ClientServiceStub(self._channel)
        self.groups = GroupServiceStub(self._channel)
        self.resources = ResourceServiceStub(self._channel)
        self.scopes = ScopeServiceStub(self._channel)
        self.users = UserServiceStub(self._channel)

    def call(self, method: Callable[..., Answer], request: Any) -> Answer:
        """Make a call; raises `grpc.RpcError` when it is refused."""
        return method(request, metadata=self._metadata, timeout=SECONDS, wait_for_ready=True)

    def find(self, method: Callable[..., Answer], request: Any) -> Answer | None:
        """Make a call that reads something, and return None if there is no such thing."""
        try:
            return self.call(method, request)
        except grpc.RpcError as error:
            if error.code() is grpc.StatusCode.NOT_FOUND:
                return None
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._channel.close()
