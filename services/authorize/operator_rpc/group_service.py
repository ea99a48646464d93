"""`GroupService` over gRPC."""
# ruff: noqa: N802 - gRPC names methods as the proto does

from typing import Any

import grpc.aio

from services.authorize.operator_rpc.messages import masked_fields
from services.authorize.registry.groups import Groups
from services.authorize.registry.model import Group
from tallystick.authorize.v1 import group_pb2, group_pb2_grpc

Context = grpc.aio.ServicerContext[Any, Any]

_MASK = {"description": ("description",), "users": ("users",), "clients": ("clients",)}


class GroupService(group_pb2_grpc.GroupServiceServicer):
    """Keeps groups for operators."""

    def __init__(self, groups: Groups) -> None:
        self._groups = groups

    async def CreateGroup(
        self, request: group_pb2.CreateGroupRequest, _context: Context
    ) -> group_pb2.CreateGroupResponse:
        """Add a group."""
        asked = request.group
        group = await self._groups.create(asked.name, asked.description, asked.users, asked.clients)
        return group_pb2.CreateGroupResponse(group=_message(group))

    async def GetGroup(self, request: group_pb2.GetGroupRequest, _context: Context) -> group_pb2.GetGroupResponse:
        """Read one group."""
        return group_pb2.GetGroupResponse(group=_message(await self._groups.get(request.name)))

    async def ListGroups(self, request: group_pb2.ListGroupsRequest, _context: Context) -> group_pb2.ListGroupsResponse:
        """Read a page of groups."""
        page = await self._groups.page(request.page_size, request.page_token)
        return group_pb2.ListGroupsResponse(
            groups=[_message(group) for group in page.items], next_page_token=page.next_page_token
        )

    async def UpdateGroup(
        self, request: group_pb2.UpdateGroupRequest, _context: Context
    ) -> group_pb2.UpdateGroupResponse:
        """Change the fields that the mask names."""
        fields = masked_fields(request.update_mask, _MASK)
        asked = request.group
        group = await self._groups.update(
            asked.name,
            description=asked.description if "description" in fields else None,
            users=asked.users if "users" in fields else None,
            clients=asked.clients if "clients" in fields else None,
        )
        return group_pb2.UpdateGroupResponse(group=_message(group))

    async def DeleteGroup(
        self, request: group_pb2.DeleteGroupRequest, _context: Context
    ) -> group_pb2.DeleteGroupResponse:
        """Remove a group."""
        await self._groups.delete(request.name)
        return group_pb2.DeleteGroupResponse()


def _message(group: Group) -> group_pb2.Group:
    return group_pb2.Group(name=group.name, description=group.description, users=group.users, clients=group.clients)
