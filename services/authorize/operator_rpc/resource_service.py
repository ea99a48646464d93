"""`ResourceService` over gRPC."""
# ruff: noqa: N802 - gRPC names methods as the proto does

from collections.abc import Sequence
from typing import Any

import grpc.aio

from services.authorize.operator_rpc.messages import masked_fields
from services.authorize.registry.model import Resource
from services.authorize.registry.resources import Resources
from tallystick.authorize.v1 import resource_pb2, resource_pb2_grpc

Context = grpc.aio.ServicerContext[Any, Any]

_MASK = {"callers": ("callers",), "services": ("services",), "service_groups": ("service_groups",)}


class ResourceService(resource_pb2_grpc.ResourceServiceServicer):
    """Keeps protected resources for operators."""

    def __init__(self, resources: Resources) -> None:
        self._resources = resources

    async def CreateResource(
        self, request: resource_pb2.CreateResourceRequest, _context: Context
    ) -> resource_pb2.CreateResourceResponse:
        """Add a resource."""
        asked = request.resource
        resource = await self._resources.create(asked.identifier, asked.callers, asked.services, _groups(asked))
        return resource_pb2.CreateResourceResponse(resource=_message(resource))

    async def GetResource(
        self, request: resource_pb2.GetResourceRequest, _context: Context
    ) -> resource_pb2.GetResourceResponse:
        """Read one resource."""
        return resource_pb2.GetResourceResponse(resource=_message(await self._resources.get(request.identifier)))

    async def ListResources(
        self, request: resource_pb2.ListResourcesRequest, _context: Context
    ) -> resource_pb2.ListResourcesResponse:
        """Read a page of resources."""
        page = await self._resources.page(request.page_size, request.page_token)
        return resource_pb2.ListResourcesResponse(
            resources=[_message(resource) for resource in page.items], next_page_token=page.next_page_token
        )

    async def UpdateResource(
        self, request: resource_pb2.UpdateResourceRequest, _context: Context
    ) -> resource_pb2.UpdateResourceResponse:
        """Change the fields that the mask names."""
        fields = masked_fields(request.update_mask, _MASK)
        resource = await self._resources.update(
            request.resource.identifier,
            callers=request.resource.callers if "callers" in fields else None,
            services=request.resource.services if "services" in fields else None,
            service_groups=_groups(request.resource) if "service_groups" in fields else None,
        )
        return resource_pb2.UpdateResourceResponse(resource=_message(resource))

    async def DeleteResource(
        self, request: resource_pb2.DeleteResourceRequest, _context: Context
    ) -> resource_pb2.DeleteResourceResponse:
        """Remove a resource."""
        await self._resources.delete(request.identifier)
        return resource_pb2.DeleteResourceResponse()


def _groups(message: resource_pb2.Resource) -> list[tuple[str, Sequence[str]]]:
    return [(each.service, each.groups) for each in message.service_groups]


def _message(resource: Resource) -> resource_pb2.Resource:
    return resource_pb2.Resource(
        identifier=resource.identifier,
        callers=resource.callers,
        services=resource.services,
        service_groups=[
            resource_pb2.ServiceGroups(service=service, groups=groups)
            for service, groups in resource.service_groups.items()
        ],
    )
