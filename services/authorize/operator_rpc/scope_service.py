"""`ScopeService` over gRPC."""
# ruff: noqa: N802 - gRPC names methods as the proto does

from typing import Any

import grpc.aio

from services.authorize.operator_rpc.messages import masked_fields
from services.authorize.registry.model import Cover, Scope
from services.authorize.registry.scopes import Scopes
from tallystick.authorize.v1 import scope_pb2, scope_pb2_grpc

Context = grpc.aio.ServicerContext[Any, Any]

_MASK = {"description": ("description",), "covers": ("covers",)}


class ScopeService(scope_pb2_grpc.ScopeServiceServicer):
    """Keeps scopes for operators."""

    def __init__(self, scopes: Scopes) -> None:
        self._scopes = scopes

    async def CreateScope(
        self, request: scope_pb2.CreateScopeRequest, _context: Context
    ) -> scope_pb2.CreateScopeResponse:
        """Add a scope."""
        asked = request.scope
        scope = await self._scopes.create(asked.name, asked.description, _covers(asked))
        return scope_pb2.CreateScopeResponse(scope=_message(scope))

    async def GetScope(self, request: scope_pb2.GetScopeRequest, _context: Context) -> scope_pb2.GetScopeResponse:
        """Read one scope, and what it really covers."""
        scope = await self._scopes.get(request.name)
        covered = [
            scope_pb2.CoveredService(resource=each.resource, service=each.service, groups=each.groups)
            for each in await self._scopes.covered(scope)
        ]
        return scope_pb2.GetScopeResponse(scope=_message(scope), covered_services=covered)

    async def ListScopes(self, request: scope_pb2.ListScopesRequest, _context: Context) -> scope_pb2.ListScopesResponse:
        """Read a page of scopes."""
        page = await self._scopes.page(request.page_size, request.page_token)
        return scope_pb2.ListScopesResponse(
            scopes=[_message(scope) for scope in page.items], next_page_token=page.next_page_token
        )

    async def UpdateScope(
        self, request: scope_pb2.UpdateScopeRequest, _context: Context
    ) -> scope_pb2.UpdateScopeResponse:
        """Change the fields that the mask names."""
        fields = masked_fields(request.update_mask, _MASK)
        scope = await self._scopes.update(
            request.scope.name,
            description=request.scope.description if "description" in fields else None,
            covers=_covers(request.scope) if "covers" in fields else None,
        )
        return scope_pb2.UpdateScopeResponse(scope=_message(scope))

    async def DeleteScope(
        self, request: scope_pb2.DeleteScopeRequest, _context: Context
    ) -> scope_pb2.DeleteScopeResponse:
        """Remove a scope."""
        await self._scopes.delete(request.name)
        return scope_pb2.DeleteScopeResponse()


def _covers(message: scope_pb2.Scope) -> tuple[Cover, ...]:
    return tuple(Cover(cover.resource, cover.service) for cover in message.covers)


def _message(scope: Scope) -> scope_pb2.Scope:
    return scope_pb2.Scope(
        name=scope.name,
        description=scope.description,
        covers=[scope_pb2.Cover(resource=cover.resource, service=cover.service) for cover in scope.covers],
        version=scope.version,
    )
