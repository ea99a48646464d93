"""The use cases of `ResourceService`."""

from collections.abc import Iterable

from services.authorize.registry import identifiers
from services.authorize.registry.model import Page, Resource
from services.authorize.registry.page import page_request
from services.authorize.registry.ports import ResourceStore
from tallystick.oauth2.service_name import MalformedServiceName, ServiceName, parse_service_name
from services.authorize.registry.text import excerpt
from tallystick.runtime.failures import Invalid, NotFound

MOST_CALLERS = 100
MOST_SERVICES = 1000


class Resources:
    """Keeps protected resources. Everything raises `Unavailable` when the store cannot be asked."""

    def __init__(self, store: ResourceStore, issuer: str) -> None:
        self._store = store
        self._issuer = issuer

    async def create(self, identifier: str, callers: Iterable[str], services: Iterable[str]) -> Resource:
        """Add a resource; raise `Invalid`, `AlreadyExists`, or `Refused` for an unknown caller."""
        identifiers.resource_identifier(identifier)
        if identifier == self._issuer:
            raise Invalid(
                "identifier is the issuer, for which tokens are issued whose scopes cover no resource: choose another"
            )
        return await self._store.add(Resource(identifier, _callers(callers), canonical_services(services)))

    async def get(self, identifier: str) -> Resource:
        """Return a resource; raise `NotFound`."""
        return _found(await self._store.get(identifiers.resource_identifier(identifier)))

    async def page(self, size: int, token: str) -> Page[Resource]:
        """Return a page of resources by identifier; raise `Invalid`."""
        request = page_request("resources", size, token)
        return request.page(await self._store.after(request.after, request.limit), lambda found: found.identifier)

    async def update(
        self, identifier: str, *, callers: Iterable[str] | None, services: Iterable[str] | None
    ) -> Resource:
        """Replace callers, services, or both; None leaves them.

        Raise `NotFound`, `Invalid`, or `Refused` for an unknown caller and for taking away what a scope covers.
        """
        identifiers.resource_identifier(identifier)
        return _found(
            await self._store.update(
                identifier,
                callers=None if callers is None else _callers(callers),
                services=None if services is None else canonical_services(services),
            )
        )

    async def delete(self, identifier: str) -> None:
        """Remove a resource; raise `NotFound`, or `Refused` while a scope covers one of its services."""
        if not await self._store.delete(identifiers.resource_identifier(identifier)):
            raise _unknown_resource()


def canonical_services(names: Iterable[str]) -> tuple[str, ...]:
    """Return services in their one way of writing, sorted, each once.

    Raise `Invalid` for what is no service, and for two that differ only in what their templates are called: no request
    could tell them apart.
    """
    by_shape: dict[ServiceName, str] = {}
    for name in names:
        try:
            service = parse_service_name(name)
        except MalformedServiceName as problem:
            raise Invalid(f"services: {excerpt(name)!r} {problem}") from None
        if by_shape.setdefault(service.shape, str(service)) != str(service):
            raise Invalid(f"services: {excerpt(name)!r} is {excerpt(by_shape[service.shape])!r}: keep one of them")
    if len(by_shape) > MOST_SERVICES:
        raise Invalid(f"services: a resource may have at most {MOST_SERVICES}; a folder /…/* stands for all below it")
    return tuple(sorted(by_shape.values()))


def _callers(client_ids: Iterable[str]) -> tuple[str, ...]:
    callers = {identifiers.client_id(client_id, "callers") for client_id in client_ids}
    if len(callers) > MOST_CALLERS:
        raise Invalid(f"callers: a resource may have at most {MOST_CALLERS}")
    return tuple(sorted(callers))


def _found(resource: Resource | None) -> Resource:
    if resource is None:
        raise _unknown_resource()
    return resource


def _unknown_resource() -> NotFound:
    return NotFound("there is no protected resource of this identifier")
