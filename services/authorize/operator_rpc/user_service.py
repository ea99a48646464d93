"""`UserService` over gRPC."""
# ruff: noqa: N802 - gRPC names methods as the proto does

from typing import Any

import grpc.aio

from services.authorize.operator_rpc.messages import timestamp
from services.authorize.registry.model import User
from services.authorize.registry.users import Users
from tallystick.authorize.v1 import user_pb2, user_pb2_grpc

Context = grpc.aio.ServicerContext[Any, Any]


class UserService(user_pb2_grpc.UserServiceServicer):
    """Keeps resource owners for operators."""

    def __init__(self, users: Users) -> None:
        self._users = users

    async def CreateUser(self, request: user_pb2.CreateUserRequest, _context: Context) -> user_pb2.CreateUserResponse:
        """Add a user."""
        return user_pb2.CreateUserResponse(user=_message(await self._users.create(request.username, request.password)))

    async def GetUser(self, request: user_pb2.GetUserRequest, _context: Context) -> user_pb2.GetUserResponse:
        """Read one user."""
        return user_pb2.GetUserResponse(user=_message(await self._users.get(request.username)))

    async def ListUsers(self, request: user_pb2.ListUsersRequest, _context: Context) -> user_pb2.ListUsersResponse:
        """Read a page of users."""
        page = await self._users.page(request.page_size, request.page_token)
        return user_pb2.ListUsersResponse(
            users=[_message(user) for user in page.items], next_page_token=page.next_page_token
        )

    async def SetUserPassword(
        self, request: user_pb2.SetUserPasswordRequest, _context: Context
    ) -> user_pb2.SetUserPasswordResponse:
        """Replace a password."""
        user = await self._users.set_password(request.username, request.password)
        return user_pb2.SetUserPasswordResponse(user=_message(user))

    async def DeleteUser(self, request: user_pb2.DeleteUserRequest, _context: Context) -> user_pb2.DeleteUserResponse:
        """Remove a user."""
        await self._users.delete(request.username)
        return user_pb2.DeleteUserResponse()

    async def EnableUser(self, request: user_pb2.EnableUserRequest, _context: Context) -> user_pb2.EnableUserResponse:
        """Let a disabled user sign in again."""
        return user_pb2.EnableUserResponse(user=_message(await self._users.enable(request.username)))

    async def DisableUser(
        self, request: user_pb2.DisableUserRequest, _context: Context
    ) -> user_pb2.DisableUserResponse:
        """Refuse a user and all that was granted."""
        return user_pb2.DisableUserResponse(user=_message(await self._users.disable(request.username)))


def _message(user: User) -> user_pb2.User:
    return user_pb2.User(
        user_id=str(user.user_id),
        username=user.username,
        enabled=user.enabled,
        created_at=timestamp(user.created_at),
        epoch=user.epoch,
    )
