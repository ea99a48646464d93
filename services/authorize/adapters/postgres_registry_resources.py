"""Protected resources in Postgres."""

from collections.abc import Mapping, Sequence
from typing import LiteralString

from psycopg import IntegrityError
from psycopg.rows import DictRow

from services.authorize.adapters.postgres_registry_transaction import Change, invalidation, transact
from services.authorize.registry.model import Resource
from tallystick.runtime.audit_event import AuditEvent, EventKind
from tallystick.runtime.failures import AlreadyExists, Invalid, Refused
from tallystick.runtime.postgres import AsyncPostgres, Values

IDENTIFIER = "resources_pkey"
CALLER_EXISTS = "resource_callers_client_id_fkey"
SERVICE_IS_COVERED = "scope_covers_service_fkey"
GROUP_EXISTS = "service_groups_group_fkey"
SERVICE_IS_OFFERED = "service_groups_service_fkey"

# A resource with its callers and services.
FIND_RESOURCE: LiteralString = """
SELECT identifier,
    ARRAY(SELECT client_id FROM resource_callers WHERE resource = identifier ORDER BY client_id) AS callers,
    ARRAY(SELECT service FROM services WHERE resource = identifier ORDER BY service) AS services,
    ARRAY(
        SELECT ARRAY[service, group_name] FROM service_groups WHERE resource = identifier ORDER BY service, group_name
    ) AS service_groups
FROM resources WHERE identifier = %(identifier)s
"""

# Resources after one, with their callers and services.
LIST_RESOURCES: LiteralString = """
SELECT identifier,
    ARRAY(SELECT client_id FROM resource_callers WHERE resource = identifier ORDER BY client_id) AS callers,
    ARRAY(SELECT service FROM services WHERE resource = identifier ORDER BY service) AS services,
    ARRAY(
        SELECT ARRAY[service, group_name] FROM service_groups WHERE resource = identifier ORDER BY service, group_name
    ) AS service_groups
FROM resources WHERE identifier > %(after)s ORDER BY identifier LIMIT %(limit)s
"""

# A new resource.
ADD_RESOURCE: LiteralString = """
WITH changed AS (INSERT INTO resources (identifier) VALUES (%(identifier)s) RETURNING identifier)
"""

# The callers of a new resource.
ADD_CALLERS: LiteralString = """
INSERT INTO resource_callers (resource, client_id) SELECT %(identifier)s, unnest(%(callers)s::text[])
"""

# The services of a new resource.
ADD_SERVICES: LiteralString = """
INSERT INTO services (resource, service) SELECT %(identifier)s, unnest(%(services)s::text[])
"""

# The groups that may use the services of a new resource.
ADD_GROUPS: LiteralString = """
INSERT INTO service_groups (resource, service, group_name)
SELECT %(identifier)s, unnest(%(grouped_services)s::text[]), unnest(%(groups)s::text[])
"""

# One change of a resource after another, so that the lists of two never mix, and none beside that of a scope which
# covers the resource.
LOCK_RESOURCE: LiteralString = "SELECT identifier FROM resources WHERE identifier = %(identifier)s FOR NO KEY UPDATE"

# Callers and services of a resource that is there, and the groups of its services, replaced; a list of NULL leaves what
# there is.
REPLACE_LISTS: LiteralString = """
WITH found AS (
    SELECT identifier FROM resources WHERE identifier = %(identifier)s
), taken_callers AS (
    DELETE FROM resource_callers USING found
    WHERE resource = found.identifier AND client_id <> ALL (%(callers)s::text[])
    RETURNING resource
), given_callers AS (
    INSERT INTO resource_callers (resource, client_id) SELECT identifier, unnest(%(callers)s::text[]) FROM found
    ON CONFLICT ON CONSTRAINT resource_callers_pkey DO NOTHING
    RETURNING resource
), taken_services AS (
    DELETE FROM services USING found
    WHERE resource = found.identifier AND service <> ALL (%(services)s::text[])
    RETURNING resource
), given_services AS (
    INSERT INTO services (resource, service) SELECT identifier, unnest(%(services)s::text[]) FROM found
    ON CONFLICT ON CONSTRAINT services_pkey DO NOTHING
    RETURNING resource
), wanted_groups AS (
    SELECT service, group_name
    FROM unnest(%(grouped_services)s::text[], %(groups)s::text[]) AS pair (service, group_name)
), taken_groups AS (
    DELETE FROM service_groups USING found
    WHERE resource = found.identifier AND %(grouped_services)s::text[] IS NOT NULL AND NOT EXISTS (
        SELECT FROM wanted_groups
        WHERE wanted_groups.service = service_groups.service AND wanted_groups.group_name = service_groups.group_name)
    RETURNING resource
), given_groups AS (
    INSERT INTO service_groups (resource, service, group_name)
    SELECT found.identifier, wanted_groups.service, wanted_groups.group_name FROM found CROSS JOIN wanted_groups
    ON CONFLICT ON CONSTRAINT service_groups_pkey DO NOTHING
    RETURNING resource
), changed AS (
    SELECT resource FROM taken_groups UNION SELECT resource FROM given_groups
    UNION SELECT resource FROM taken_callers UNION SELECT resource FROM given_callers
    UNION SELECT resource FROM taken_services UNION SELECT resource FROM given_services
)
"""

# A resource; its callers and services go with it.
DELETE_RESOURCE: LiteralString = """
WITH changed AS (DELETE FROM resources WHERE identifier = %(identifier)s RETURNING identifier)
"""

# Which of these are not clients.
UNKNOWN_CALLERS: LiteralString = """
SELECT asked.client_id FROM unnest(%(callers)s::text[]) AS asked (client_id)
WHERE NOT EXISTS (SELECT FROM clients WHERE clients.client_id = asked.client_id) ORDER BY asked.client_id
"""

# Which of these are not groups.
UNKNOWN_GROUPS: LiteralString = """
SELECT asked.name FROM unnest(%(groups)s::text[]) AS asked (name)
WHERE NOT EXISTS (SELECT FROM groups WHERE groups.name = asked.name) ORDER BY asked.name
"""

# Which of these the resource does not offer.
UNKNOWN_SERVICES: LiteralString = """
SELECT asked.service FROM unnest(%(grouped_services)s::text[]) AS asked (service)
WHERE NOT EXISTS (
    SELECT FROM services WHERE services.resource = %(identifier)s AND services.service = asked.service
) ORDER BY asked.service
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
        values = _values(resource.identifier, resource.callers, resource.services, resource.service_groups)
        added = Change(ADD_RESOURCE, values, _event(EventKind.RESOURCE_CREATED, resource.identifier))
        try:
            *_, found, _log = await transact(
                self._postgres,
                added,
                (ADD_CALLERS, values),
                (ADD_SERVICES, values),
                (ADD_GROUPS, values),
                (FIND_RESOURCE, values),
                invalidation("policy", resource.identifier),
            )
        except IntegrityError as error:
            raise await self._refusal(error, values) from None
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
        self,
        identifier: str,
        *,
        callers: tuple[str, ...] | None,
        services: tuple[str, ...] | None,
        service_groups: Mapping[str, tuple[str, ...]] | None,
    ) -> Resource | None:
        """Replace callers, services, the groups of all services, or several of them."""
        values = _values(identifier, callers, services, service_groups)
        lists = (("callers", callers), ("services", services), ("service_groups", service_groups))
        fields = [name for name, value in lists if value is not None]
        replaced = Change(
            REPLACE_LISTS, values, _event(EventKind.RESOURCE_UPDATED, identifier, fields=" ".join(fields))
        )
        try:
            _, found, _log = await transact(
                self._postgres,
                replaced,
                (FIND_RESOURCE, values),
                invalidation("policy", identifier),
                lock=(LOCK_RESOURCE, values),
            )
        except IntegrityError as error:
            raise await self._refusal(error, values) from None
        return _resource(found[0]) if found else None

    async def delete(self, identifier: str) -> bool:
        """Remove a resource that no scope covers."""
        deletion = Change(DELETE_RESOURCE, {"identifier": identifier}, _event(EventKind.RESOURCE_DELETED, identifier))
        try:
            deleted, _log = await transact(self._postgres, deletion, invalidation("policy", identifier))
        except IntegrityError as error:
            raise await self._refusal(error, _values(identifier, (), (), None)) from None
        return bool(deleted)

    async def _refusal(self, error: IntegrityError, values: Values) -> Exception:
        if error.diag.constraint_name == IDENTIFIER:
            return AlreadyExists(f"there is a protected resource {values['identifier']} already")
        if error.diag.constraint_name == CALLER_EXISTS:
            row = await self._postgres.one(UNKNOWN_CALLERS, values)
            unknown = "one of them" if row is None else row["client_id"]
            return Refused(f"callers: {unknown} is not a client: `tallystick client list` shows who is")
        if error.diag.constraint_name == SERVICE_IS_COVERED:
            row = await self._postgres.one(COVERED_SERVICES, values)
            what = "a scope covers a service" if row is None else f"scope {row['scope']} covers {row['service']!r}"
            return Refused(f"{what} that would go: first change the scope with `tallystick scope update`")
        if error.diag.constraint_name == GROUP_EXISTS:
            row = await self._postgres.one(UNKNOWN_GROUPS, values)
            unknown = "one of them" if row is None else row["name"]
            return Refused(f"service_groups: {unknown} is not a group: create it first with `tallystick group create`")
        if error.diag.constraint_name == SERVICE_IS_OFFERED:
            row = await self._postgres.one(UNKNOWN_SERVICES, values)
            unknown = "one of them" if row is None else repr(row["service"])
            return Invalid(f"service_groups: {unknown} is not among the resource's services")
        return error


def _values(
    identifier: str,
    callers: tuple[str, ...] | None,
    services: tuple[str, ...] | None,
    service_groups: Mapping[str, tuple[str, ...]] | None,
) -> dict[str, object]:
    pairs = [(service, group) for service, groups in (service_groups or {}).items() for group in groups]
    return {
        "identifier": identifier,
        "callers": None if callers is None else list(callers),
        "services": None if services is None else list(services),
        "grouped_services": None if service_groups is None else [service for service, _ in pairs],
        "groups": None if service_groups is None else [group for _, group in pairs],
    }


def _event(kind: EventKind, identifier: str, **attributes: str) -> AuditEvent:
    return AuditEvent(kind, attributes={"resource": identifier, **attributes})


def _resource(row: DictRow) -> Resource:
    groups: dict[str, tuple[str, ...]] = {}
    for service, group in row["service_groups"]:
        groups[service] = (*groups.get(service, ()), group)
    return Resource(row["identifier"], tuple(row["callers"]), tuple(row["services"]), groups)
