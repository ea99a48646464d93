"""The use cases of `ResourceService`."""

from collections.abc import Collection, Iterable
from urllib.parse import unquote_to_bytes

from services.authorize.registry import identifiers
from services.authorize.registry.model import Page, Resource
from services.authorize.registry.page import page_request
from services.authorize.registry.ports import ResourceStore
from services.authorize.registry.text import excerpt
from tallystick.oauth2.service_name import MalformedServiceName, ServiceName, is_template, parse_service_name
from tallystick.runtime.failures import Invalid, NotFound

MOST_CALLERS = 100
MOST_SERVICES = 1000
MOST_GROUPS = 5000


class Resources:
    """Keeps protected resources. Everything raises `Unavailable` when the store cannot be asked."""

    def __init__(self, store: ResourceStore, issuer: str) -> None:
        self._store = store
        self._issuer = issuer

    async def create(
        self,
        identifier: str,
        callers: Iterable[str],
        services: Iterable[str],
        service_groups: Iterable[tuple[str, Iterable[str]]] = (),
    ) -> Resource:
        """Add a resource; raise `Invalid`, `AlreadyExists`, or `Refused` for an unknown caller or group."""
        identifiers.resource_identifier(identifier)
        if identifier == self._issuer:
            raise Invalid(
                "identifier is the issuer, for which tokens are issued whose scopes cover no resource: choose another"
            )
        offered = canonical_services(services)
        groups = canonical_groups(service_groups, offered)
        return await self._store.add(Resource(identifier, _callers(callers), offered, groups))

    async def get(self, identifier: str) -> Resource:
        """Return a resource; raise `NotFound`."""
        return _found(await self._store.get(identifiers.resource_identifier(identifier)))

    async def page(self, size: int, token: str) -> Page[Resource]:
        """Return a page of resources by identifier; raise `Invalid`."""
        request = page_request("resources", size, token)
        return request.page(await self._store.after(request.after, request.limit), lambda found: found.identifier)

    async def update(
        self,
        identifier: str,
        *,
        callers: Iterable[str] | None,
        services: Iterable[str] | None,
        service_groups: Iterable[tuple[str, Iterable[str]]] | None = None,
    ) -> Resource:
        """Replace callers, services, the groups of all services, or several of them; None leaves them.

        Services that stay keep their groups. Raise `NotFound`, `Invalid`, or `Refused` for an unknown caller or group,
        and for taking away what a scope covers.
        """
        identifiers.resource_identifier(identifier)
        offered = None if services is None else canonical_services(services)
        return _found(
            await self._store.update(
                identifier,
                callers=None if callers is None else _callers(callers),
                services=offered,
                service_groups=None if service_groups is None else canonical_groups(service_groups, offered),
            )
        )

    async def delete(self, identifier: str) -> None:
        """Remove a resource; raise `NotFound`, or `Refused` while a scope covers one of its services."""
        if not await self._store.delete(identifiers.resource_identifier(identifier)):
            raise _unknown_resource()


def canonical_services(names: Iterable[str]) -> tuple[str, ...]:
    """Return services in their one way of writing, sorted, each once.

    Raise `Invalid` for what is no service, and for two that differ only in what their templates are called, or whose
    paths differ only in what is escaped: no request could tell them apart.
    """
    by_shape: dict[ServiceName, str] = {}
    spellings: dict[tuple[bytes | None, ...], tuple[str, ...]] = {}
    for name in names:
        try:
            service = parse_service_name(name)
        except MalformedServiceName as problem:
            raise Invalid(f"services: {excerpt(name)!r} {problem}") from None
        if by_shape.setdefault(service.shape, str(service)) != str(service):
            raise Invalid(f"services: {excerpt(name)!r} is {excerpt(by_shape[service.shape])!r}: keep one of them")
        for depth in range(1, len(service.segments) + 1):
            path = service.shape.segments[:depth]
            unescaped = tuple(None if is_template(segment) else unquote_to_bytes(segment) for segment in path)
            spelled = spellings.setdefault(unescaped, path)
            if spelled != path:
                one, other = ("/" + "/".join(each) for each in (spelled, path))
                raise Invalid(f"services: programs take {excerpt(one)!r} and {excerpt(other)!r} for one path: keep one")
    if len(by_shape) > MOST_SERVICES:
        raise Invalid(f"services: a resource may have at most {MOST_SERVICES}; a folder /…/* stands for all below it")
    return tuple(sorted(by_shape.values()))


def canonical_groups(
    service_groups: Iterable[tuple[str, Iterable[str]]], offered: Collection[str] | None
) -> dict[str, tuple[str, ...]]:
    """Return the groups of each service that has any, in their one way of writing.

    Raise `Invalid` for what is no service or group, a service that is named twice, and one that is not `offered`.
    """
    found: dict[str, tuple[str, ...]] = {}
    for name, groups in service_groups:
        try:
            service = str(parse_service_name(name))
        except MalformedServiceName as problem:
            raise Invalid(f"service_groups: {excerpt(name)!r} {problem}") from None
        if service in found:
            raise Invalid(f"service_groups: {excerpt(service)!r} is named twice")
        if offered is not None and service not in offered:
            raise Invalid(f"service_groups: {excerpt(service)!r} is not among the resource's services")
        found[service] = tuple(sorted({identifiers.group_name(group, "service_groups") for group in groups}))
    if sum(map(len, found.values())) > MOST_GROUPS:
        raise Invalid(f"service_groups: a resource may have at most {MOST_GROUPS} groups, counted by service")
    return {service: groups for service, groups in found.items() if groups}


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
