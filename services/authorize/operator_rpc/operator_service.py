"""`OperatorService` over gRPC."""
# ruff: noqa: N802 - gRPC names methods as the proto does

from typing import Any

import grpc.aio

from services.authorize.operator_rpc.messages import EnumTable, timestamp
from services.authorize.registry.model import Operator, OperatorRole
from services.authorize.registry.operators import Operators
from tallystick.authorize.v1 import operator_pb2, operator_pb2_grpc

Context = grpc.aio.ServicerContext[Any, Any]

_ROLES: EnumTable[operator_pb2.OperatorRole.ValueType, OperatorRole | None] = EnumTable(
    "role",
    {
        operator_pb2.OPERATOR_ROLE_UNSPECIFIED: None,
        operator_pb2.OPERATOR_ROLE_VIEWER: OperatorRole.VIEWER,
        operator_pb2.OPERATOR_ROLE_ADMIN: OperatorRole.ADMIN,
    },
)


class OperatorService(operator_pb2_grpc.OperatorServiceServicer):
    """Keeps operators for operators."""

    def __init__(self, operators: Operators) -> None:
        self._operators = operators

    async def CreateOperator(
        self, request: operator_pb2.CreateOperatorRequest, _context: Context
    ) -> operator_pb2.CreateOperatorResponse:
        """Make an operator and a credential."""
        lifetime = request.lifetime_seconds if request.HasField("lifetime_seconds") else None
        created = await self._operators.create(request.name, _ROLES.ours(request.role), lifetime)
        return operator_pb2.CreateOperatorResponse(operator=_message(created.operator), credential=created.credential)

    async def GetOperator(
        self, request: operator_pb2.GetOperatorRequest, _context: Context
    ) -> operator_pb2.GetOperatorResponse:
        """Read one operator."""
        return operator_pb2.GetOperatorResponse(operator=_message(await self._operators.get(request.name)))

    async def ListOperators(
        self, request: operator_pb2.ListOperatorsRequest, _context: Context
    ) -> operator_pb2.ListOperatorsResponse:
        """Read a page of operators."""
        page = await self._operators.page(request.page_size, request.page_token)
        return operator_pb2.ListOperatorsResponse(
            operators=[_message(operator) for operator in page.items], next_page_token=page.next_page_token
        )

    async def DeleteOperator(
        self, request: operator_pb2.DeleteOperatorRequest, _context: Context
    ) -> operator_pb2.DeleteOperatorResponse:
        """End a credential."""
        await self._operators.delete(request.name)
        return operator_pb2.DeleteOperatorResponse()


def _message(operator: Operator) -> operator_pb2.Operator:
    return operator_pb2.Operator(
        name=operator.name,
        role=_ROLES.theirs(operator.role),
        created_at=timestamp(operator.created_at),
        expires_at=timestamp(operator.expires_at),
        revoked_at=timestamp(operator.revoked_at),
    )
