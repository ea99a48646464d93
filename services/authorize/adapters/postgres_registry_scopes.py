"""Scopes and what they cover, in Postgres."""

from collections.abc import Callable, Iterable, Sequence
from typing import LiteralString

from psycopg import IntegrityError
from psycopg.rows import DictRow

from services.authorize.adapters.postgres_registry_transaction import Change, invalidation, transact
from services.authorize.registry.model import Cover, CoveredService, Scope, changed_fields
from tallystick.runtime.audit_event import AuditEvent, EventKind
from tallystick.runtime.failures import AlreadyExists, Refused, Unavailable
from tallystick.runtime.postgres import AsyncPostgres, Statement

NAME = "scopes_pkey"
SERVICE_EXISTS = "scope_covers_service_fkey"

_ATTEMPTS = 5

# A scope with its covers; `seen` changes with every write to its row.
FIND_SCOPE: LiteralString = """
SELECT name, description, version, xmin::text AS seen,
    ARRAY(SELECT ARRAY[resource, service] FROM scope_covers WHERE scope = name ORDER BY resource, service) AS covers
FROM scopes WHERE name = %(name)s
"""

# Scopes after one, with their covers.
LIST_SCOPES: LiteralString = """
SELECT name, description, version,
    ARRAY(SELECT ARRAY[resource, service] FROM scope_covers WHERE scope = name ORDER BY resource, service) AS covers
FROM scopes WHERE name > %(after)s ORDER BY name LIMIT %(limit)s
"""

# Every service of some resources, with the groups that may use it.
LIST_SERVICES: LiteralString = """
SELECT resource, service,
    ARRAY(
        SELECT x.group_name FROM service_groups x
        WHERE x.resource = services.resource AND x.service = services.service ORDER BY x.group_name
    ) AS groups
FROM services WHERE resource = ANY (%(resources)s::text[]) ORDER BY resource, service
"""

# The resources whose services a scope covered or shall cover. Whoever changes one of them locks it first as well, so
# that neither holds a row that the other waits for.
LOCK_RESOURCES: LiteralString = """
SELECT identifier FROM resources WHERE identifier = ANY (%(touched)s::text[]) ORDER BY identifier FOR SHARE
"""

# A new scope.
ADD_SCOPE: LiteralString = """
WITH changed AS (
    INSERT INTO scopes (name, description, version) VALUES (%(name)s, %(description)s, %(version)s) RETURNING name
)
"""

# Count a new scope's versions on from those of one that was deleted. A statement of its own, to see a deletion that the
# insert has waited for.
CONTINUE_VERSION: LiteralString = """
UPDATE scopes SET version = deleted_scopes.version + scopes.version
FROM deleted_scopes
WHERE scopes.name = %(name)s AND deleted_scopes.name = %(name)s
"""

# The covers of a new scope.
ADD_COVERS: LiteralString = """
INSERT INTO scope_covers (scope, resource, service)
SELECT %(name)s, unnest(%(resources)s::text[]), unnest(%(services)s::text[])
"""

# A scope with its covers replaced, if nobody wrote to its row since it was seen.
REPLACE_SCOPE: LiteralString = """
WITH changed AS (
    UPDATE scopes SET description = %(description)s, version = %(version)s
    WHERE name = %(name)s AND xmin::text = %(seen)s
    RETURNING name
), wanted AS (
    SELECT resource, service FROM unnest(%(resources)s::text[], %(services)s::text[]) AS pair (resource, service)
), taken AS (
    DELETE FROM scope_covers USING changed
    WHERE scope = changed.name AND NOT EXISTS (
        SELECT FROM wanted WHERE wanted.resource = scope_covers.resource AND wanted.service = scope_covers.service)
), given AS (
    INSERT INTO scope_covers (scope, resource, service)
    SELECT changed.name, wanted.resource, wanted.service FROM changed CROSS JOIN wanted
    ON CONFLICT ON CONSTRAINT scope_covers_pkey DO NOTHING
)
"""

# A scope; clients lose it, and its covers go with it. Its version stays.
DELETE_SCOPE: LiteralString = """
WITH changed AS (
    DELETE FROM scopes WHERE name = %(name)s RETURNING name, version
), noted AS (
    INSERT INTO deleted_scopes (name, version) SELECT name, version FROM changed
    ON CONFLICT ON CONSTRAINT deleted_scopes_pkey DO UPDATE
        SET version = greatest(deleted_scopes.version, excluded.version)
)
"""

# Which of these are not registered services.
UNKNOWN_SERVICES: LiteralString = """
SELECT asked.resource, asked.service
FROM unnest(%(resources)s::text[], %(services)s::text[]) AS asked (resource, service)
WHERE NOT EXISTS (
    SELECT FROM services WHERE services.resource = asked.resource AND services.service = asked.service)
ORDER BY asked.resource, asked.service
"""


class PostgresScopeStore:
    """A `ScopeStore`."""

    def __init__(self, postgres: AsyncPostgres) -> None:
        self._postgres = postgres

    async def add(self, scope: Scope) -> Scope:
        """Add a scope."""
        values = _values(scope)
        try:
            _, _, _, found, _log = await transact(
                self._postgres,
                Change(ADD_SCOPE, values, _event(EventKind.SCOPE_CREATED, scope.name)),
                (CONTINUE_VERSION, {"name": scope.name}),
                (ADD_COVERS, values),
                (FIND_SCOPE, {"name": scope.name}),
                invalidation("policy", scope.name),
                lock=_lock(scope.covers),
            )
        except IntegrityError as error:
            raise await self._refusal(error, scope) from None
        return _scope(found[0])

    async def get(self, name: str) -> Scope | None:
        """Return a scope."""
        row = await self._postgres.one(FIND_SCOPE, {"name": name})
        return None if row is None else _scope(row)

    async def after(self, name: str, limit: int) -> Sequence[Scope]:
        """Return scopes with greater names."""
        return [_scope(row) for row in await self._postgres.all(LIST_SCOPES, {"after": name, "limit": limit})]

    async def services_of(self, resources: Sequence[str]) -> Sequence[CoveredService]:
        """Return every registered service of some resources, with the groups that may use it, in order."""
        rows = await self._postgres.all(LIST_SERVICES, {"resources": list(resources)})
        return [CoveredService(row["resource"], row["service"], tuple(row["groups"])) for row in rows]

    async def update(self, name: str, change: Callable[[Scope], Scope]) -> Scope | None:
        """Put the changed scope in the place of the present one."""
        for _ in range(_ATTEMPTS):
            row = await self._postgres.one(FIND_SCOPE, {"name": name})
            if row is None:
                return None
            present = _scope(row)
            scope = change(present)
            fields = changed_fields(present, scope)
            if not fields:
                return present
            event = _event(EventKind.SCOPE_UPDATED, name, fields=" ".join(fields))
            try:
                replaced, found, _log = await transact(
                    self._postgres,
                    Change(REPLACE_SCOPE, _values(scope) | {"seen": row["seen"]}, event),
                    (FIND_SCOPE, {"name": name}),
                    invalidation("policy", name),
                    lock=_lock((*present.covers, *scope.covers)),
                )
            except IntegrityError as error:
                raise await self._refusal(error, scope) from None
            if replaced:
                return _scope(found[0])
        raise Unavailable("others change the same scope at this moment: try again")

    async def delete(self, name: str) -> bool:
        """Remove a scope from everywhere."""
        deletion = Change(DELETE_SCOPE, {"name": name}, _event(EventKind.SCOPE_DELETED, name))
        deleted, _log = await transact(self._postgres, deletion, invalidation("policy", name))
        return bool(deleted)

    async def _refusal(self, error: IntegrityError, scope: Scope) -> Exception:
        if error.diag.constraint_name == NAME:
            return AlreadyExists(f"there is a scope {scope.name} already")
        if error.diag.constraint_name == SERVICE_EXISTS:
            rows = await self._postgres.all(UNKNOWN_SERVICES, _pairs(scope.covers))
            unknown = (
                f"{rows[0]['resource']} offers no {rows[0]['service']!r}" if rows else "one of them is not offered"
            )
            return Refused(f"covers: {unknown}: register it first with `tallystick resource create` or `update`")
        return error


def _lock(covers: Iterable[Cover]) -> Statement:
    return LOCK_RESOURCES, {"touched": [cover.resource for cover in covers]}


def _values(scope: Scope) -> dict[str, object]:
    return {"name": scope.name, "description": scope.description, "version": scope.version, **_pairs(scope.covers)}


def _pairs(covers: Iterable[Cover]) -> dict[str, object]:
    covers = tuple(covers)
    return {"resources": [cover.resource for cover in covers], "services": [cover.service for cover in covers]}


def _event(kind: EventKind, name: str, **attributes: str) -> AuditEvent:
    return AuditEvent(kind, attributes={"scope": name, **attributes})


def _scope(row: DictRow) -> Scope:
    covers = tuple(Cover(resource, service) for resource, service in row["covers"])
    return Scope(row["name"], row["description"], covers, row["version"])
