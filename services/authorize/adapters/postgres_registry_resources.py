"""Protected resources in Postgres."""

from collections.abc import Sequence
from typing import LiteralString

from psycopg import IntegrityError
from psycopg.rows import DictRow

from services.authorize.adapters.postgres_registry_transaction import Statement, invalidation, transact
from services.authorize.registry.model import Resource
from tallystick.runtime.failures import AlreadyExists, Refused
from tallystick.runtime.postgres import AsyncPostgres

IDENTIFIER = "resources_pkey"
CALLER_EXISTS = "resource_callers_client_id_fkey"
SERVICE_IS_COVERED = "scope_covers_service_fkey"

# A resource with its callers and services.
FIND_RESOURCE: LiteralString = """
SELECT identifier,
    ARRAY(SELECT client_id FROM resource_callers WHERE resource = identifier ORDER BY client_id) AS callers,
    ARRAY(SELECT service FROM services WHERE resource = identifier ORDER BY service) AS services
FROM resources WHERE identifier = %(identifier)s
"""

# Resources after one, with their callers and services.
LIST_RESOURCES: LiteralString = """
SELECT identifier,
    ARRAY(SELECT client_id FROM resource_callers WHERE resource = identifier ORDER BY client_id) AS callers,
    ARRAY(SELECT service FROM services WHERE resource = identifier ORDER BY service) AS services
FROM resources WHERE identifier > %(after)s ORDER BY identifier LIMIT %(limit)s
"""

# A new resource.
ADD_RESOURCE: LiteralString = "INSERT INTO resources (identifier) VALUES (%(identifier)s)"

# One change of a resource after another, so that the lists of two never mix, and none beside that of a scope which
# covers the resource.
LOCK_RESOURCE: LiteralString = "SELECT identifier FROM resources WHERE identifier = %(identifier)s FOR NO KEY UPDATE"

# Callers that are not wanted any more.
TAKE_CALLERS: LiteralString = """
DELETE FROM resource_callers WHERE resource = %(identifier)s AND client_id <> ALL (%(callers)s::text[])
"""

# Callers of a resource that is there.
GIVE_CALLERS: LiteralString = """
INSERT INTO resource_callers (resource, client_id)
SELECT identifier, unnest(%(callers)s::text[]) FROM resources WHERE identifier = %(identifier)s
ON CONFLICT ON CONSTRAINT resource_callers_pkey DO NOTHING
"""

# Services that are not offered any more.
TAKE_SERVICES: LiteralString = """
DELETE FROM services WHERE resource = %(identifier)s AND service <> ALL (%(services)s::text[])
"""

# Services of a resource that is there.
GIVE_SERVICES: LiteralString = """
INSERT INTO services (resource, service)
SELECT identifier, unnest(%(services)s::text[]) FROM resources WHERE identifier = %(identifier)s
ON CONFLICT ON CONSTRAINT services_pkey DO NOTHING
"""

# A resource; its callers and services go with it.
DELETE_RESOURCE: LiteralString = "DELETE FROM resources WHERE identifier = %(identifier)s RETURNING identifier"

# Which of these are not clients.
UNKNOWN_CALLERS: LiteralString = """
SELECT asked.client_id FROM unnest(%(callers)s::text[]) AS asked (client_id)
WHERE NOT EXISTS (SELECT FROM clients WHERE clients.client_id = asked.client_id) ORDER BY asked.client_id
"""

# Covers of a resource's services, but for those of the services that are kept.
COVERED_SERVICES: LiteralString = """
SELECT scope, service FROM scope_covers WHERE resource = %(identifier)s AND service <> ALL (%(services)s::text[])
ORDER BY service, scope LIMIT 1
"""


class PostgresResourceStore:
    """A `ResourceStore`."""

    def __init__(self, postgres: AsyncPostgres) -> None:
        self._postgres = postgres

    async def add(self, resource: Resource) -> Resource:
        """Add a resource."""
        added: Statement = (ADD_RESOURCE, {"identifier": resource.identifier})
        found = await self._written(resource.identifier, added, resource.callers, resource.services)
        return _resource(found[0])

    async def get(self, identifier: str) -> Resource | None:
        """Return a resource."""
        row = await self._postgres.one(FIND_RESOURCE, {"identifier": identifier})
        return None if row is None else _resource(row)

    async def after(self, identifier: str, limit: int) -> Sequence[Resource]:
        """Return resources with greater identifiers."""
        rows = await self._postgres.all(LIST_RESOURCES, {"after": identifier, "limit": limit})
        return [_resource(row) for row in rows]

    async def update(
        self, identifier: str, *, callers: tuple[str, ...] | None, services: tuple[str, ...] | None
    ) -> Resource | None:
        """Replace callers, services, or both."""
        locked: Statement = (LOCK_RESOURCE, {"identifier": identifier})
        found = await self._written(identifier, locked, callers, services)
        return _resource(found[0]) if found else None

    async def delete(self, identifier: str) -> bool:
        """Remove a resource that no scope covers."""
        try:
            deleted, _ = await transact(
                self._postgres,
                (DELETE_RESOURCE, {"identifier": identifier}),
                invalidation("policy", identifier),
            )
        except IntegrityError as error:
            raise await self._refusal(error, identifier, (), ()) from None
        return bool(deleted)

    async def _written(
        self, identifier: str, first: Statement, callers: tuple[str, ...] | None, services: tuple[str, ...] | None
    ) -> Sequence[DictRow]:
        statements = [first]
        if callers is not None:
            values = {"identifier": identifier, "callers": list(callers)}
            statements += [(TAKE_CALLERS, values), (GIVE_CALLERS, values)]
        if services is not None:
            values = {"identifier": identifier, "services": list(services)}
            statements += [(TAKE_SERVICES, values), (GIVE_SERVICES, values)]
        try:
            *_, found, _log = await transact(
                self._postgres,
                *statements,
                (FIND_RESOURCE, {"identifier": identifier}),
                invalidation("policy", identifier),
            )
        except IntegrityError as error:
            raise await self._refusal(error, identifier, callers or (), services or ()) from None
        return found

    async def _refusal(
        self, error: IntegrityError, identifier: str, callers: tuple[str, ...], services: tuple[str, ...]
    ) -> Exception:
        if error.diag.constraint_name == IDENTIFIER:
            return AlreadyExists(f"there is a protected resource {identifier} already")
        if error.diag.constraint_name == CALLER_EXISTS:
            row = await self._postgres.one(UNKNOWN_CALLERS, {"callers": list(callers)})
            unknown = "one of them" if row is None else row["client_id"]
            return Refused(f"callers: {unknown} is not a client: `tallystick client list` shows who is")
        if error.diag.constraint_name == SERVICE_IS_COVERED:
            kept = {"identifier": identifier, "services": list(services)}
            row = await self._postgres.one(COVERED_SERVICES, kept)
            what = "a scope covers a service" if row is None else f"scope {row['scope']} covers {row['service']!r}"
            return Refused(f"{what} that would go: first change the scope with `tallystick scope update`")
        return error


def _resource(row: DictRow) -> Resource:
    return Resource(row["identifier"], tuple(row["callers"]), tuple(row["services"]))
