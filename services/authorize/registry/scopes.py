"""The use cases of `ScopeService`."""

from collections.abc import Iterable

from services.authorize.registry import identifiers
from services.authorize.registry.model import Cover, CoveredService, Page, Scope
from services.authorize.registry.page import page_request
from services.authorize.registry.ports import ScopeStore
from services.authorize.registry.text import SENTENCE_LIMIT, excerpt, line
from tallystick.oauth2.scope import INTROSPECT
from tallystick.oauth2.service_name import MalformedServiceName, parse_registered, parse_service_name
from tallystick.runtime.failures import Invalid, NotFound, Refused

MOST_COVERS = 500
_FIRST_VERSION = 1


class Scopes:
    """Keeps scopes. Everything raises `Unavailable` when the store cannot be asked."""

    def __init__(self, store: ScopeStore) -> None:
        self._store = store

    async def create(self, name: str, description: str, covers: Iterable[Cover]) -> Scope:
        """Add a scope; raise `Invalid`, `AlreadyExists`, or `Refused` for an unknown service.

        Its version follows that of a deleted scope of its name, so that nobody is taken to have agreed to it.
        """
        identifiers.scope_name(name)
        scope = Scope(name, _description(description), canonical_covers(covers), _FIRST_VERSION)
        return await self._store.add(scope)

    async def get(self, name: str) -> Scope:
        """Return a scope; raise `NotFound`."""
        return _found(await self._store.get(identifiers.scope_name(name)))

    async def covered(self, scope: Scope) -> tuple[CoveredService, ...]:
        """Return what a scope really covers: every registered service that its covers reach, folders opened."""
        services = await self._store.services_of(sorted({cover.resource for cover in scope.covers}))
        return tuple(each for each in services if _reaches(scope.covers, each.resource, each.service))

    async def page(self, size: int, token: str) -> Page[Scope]:
        """Return a page of scopes by name; raise `Invalid`."""
        request = page_request("scopes", size, token)
        return request.page(await self._store.after(request.after, request.limit), lambda scope: scope.name)

    async def update(self, name: str, *, description: str | None, covers: Iterable[Cover] | None) -> Scope:
        """Replace description, covers, or both; None leaves them. Other words or a wider cover raise the version.

        Raise `NotFound`, `Invalid`, or `Refused` for an unknown service and for a cover of the built-in scope.
        """
        identifiers.scope_name(name)
        new_description = None if description is None else _description(description)
        new_covers = None if covers is None else canonical_covers(covers)
        if name == INTROSPECT and new_covers:
            raise Refused("introspect is built in and covers no service: make a scope of your own")

        def change(present: Scope) -> Scope:
            described = present.description if new_description is None else new_description
            covered = present.covers if new_covers is None else new_covers
            # People agreed to what it covers, and to these words.
            means_else = described != present.description or is_wider(covered, present.covers)
            return Scope(name, described, covered, present.version + means_else)

        return _found(await self._store.update(name, change))

    async def delete(self, name: str) -> None:
        """Remove a scope; tokens lose it at once. Raise `NotFound`, or `Refused` for the built-in one."""
        if identifiers.scope_name(name) == INTROSPECT:
            raise Refused("introspect is built in and cannot be deleted: take it from the clients that have it")
        if not await self._store.delete(name):
            raise _unknown_scope()


def canonical_covers(covers: Iterable[Cover]) -> tuple[Cover, ...]:
    """Return covers in their one way of writing, sorted, each once; raise `Invalid`."""
    found = set()
    for cover in covers:
        resource = identifiers.resource_identifier(cover.resource, "covers.resource")
        try:
            found.add(Cover(resource, str(parse_service_name(cover.service))))
        except MalformedServiceName as problem:
            raise Invalid(f"covers.service: {excerpt(cover.service)!r} {problem}") from None
    if len(found) > MOST_COVERS:
        raise Invalid(f"covers: a scope may have at most {MOST_COVERS}; a folder /…/* covers all below it")
    return tuple(sorted(found))


def is_wider(new: Iterable[Cover], old: Iterable[Cover]) -> bool:
    """Tell whether the new covers reach anything that the old ones did not, whoever agreed to those."""
    before = tuple(old)
    return not all(cover in before or _reaches(before, cover.resource, cover.service) for cover in new)


def _reaches(covers: Iterable[Cover], resource: str, service: str) -> bool:
    wanted = parse_registered(service)
    reaching = (parse_registered(cover.service) for cover in covers if cover.resource == resource)
    return wanted is not None and any(each is not None and each.covers(wanted) for each in reaching)


def _description(text: str) -> str:
    return line("description", text, limit=SENTENCE_LIMIT)


def _found(scope: Scope | None) -> Scope:
    if scope is None:
        raise _unknown_scope()
    return scope


def _unknown_scope() -> NotFound:
    return NotFound("there is no scope of this name")
