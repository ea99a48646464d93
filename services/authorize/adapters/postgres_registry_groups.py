"""Groups and their members, in Postgres."""

from collections.abc import Sequence
from typing import LiteralString
from uuid import UUID

from psycopg import IntegrityError
from psycopg.rows import DictRow

from services.authorize.adapters.postgres_registry_transaction import Change, invalidation, transact
from services.authorize.registry.model import Group
from services.authorize.registry.text import excerpt
from tallystick.runtime.audit_event import AuditEvent, EventKind
from tallystick.runtime.failures import AlreadyExists, Refused
from tallystick.runtime.postgres import AsyncPostgres

NAME = "groups_pkey"
# A member that somebody has deleted since it was looked up.
USER_EXISTS = "group_members_user_fkey"
CLIENT_EXISTS = "group_members_client_fkey"

# A group with its members.
_FOUND: LiteralString = """
SELECT g.name, g.description,
    ARRAY(
        SELECT u.username FROM group_members m JOIN users u USING (user_id) WHERE m.group_name = g.name ORDER BY 1
    ) AS users,
    ARRAY(
        SELECT m.client_id FROM group_members m WHERE m.group_name = g.name AND m.client_id IS NOT NULL ORDER BY 1
    ) AS clients
FROM groups g
"""
FIND_GROUP: LiteralString = _FOUND + "WHERE g.name = %(name)s"

# Groups after one, with their members.
LIST_GROUPS: LiteralString = _FOUND + "WHERE g.name > %(after)s ORDER BY g.name LIMIT %(limit)s"

# A new group.
ADD_GROUP: LiteralString = """
WITH changed AS (
    INSERT INTO groups (name, description) VALUES (%(name)s, %(description)s) RETURNING name
)
"""

# The members of a new group.
ADD_MEMBERS: LiteralString = """
INSERT INTO group_members (group_name, user_id, client_id)
SELECT %(name)s, each, NULL FROM unnest(%(user_ids)s::uuid[]) AS each
UNION ALL
SELECT %(name)s, NULL, each FROM unnest(%(clients)s::text[]) AS each
"""

# One change of a group after another, so that the members of two never mix.
LOCK_GROUP: LiteralString = "SELECT name FROM groups WHERE name = %(name)s FOR NO KEY UPDATE"

# The words of a group that is there, and its members, replaced; NULL leaves what there is.
REPLACE_GROUP: LiteralString = """
WITH found AS (
    SELECT name, description FROM groups WHERE name = %(name)s
), described AS (
    UPDATE groups SET description = %(description)s FROM found
    WHERE groups.name = found.name AND groups.description <> %(description)s
    RETURNING groups.name
), taken AS (
    DELETE FROM group_members USING found
    WHERE group_name = found.name
        AND (
            user_id IS NOT NULL AND user_id <> ALL (%(user_ids)s::uuid[])
            OR client_id IS NOT NULL AND client_id <> ALL (%(clients)s::text[])
        )
    RETURNING group_name
), given_users AS (
    INSERT INTO group_members (group_name, user_id) SELECT name, unnest(%(user_ids)s::uuid[]) FROM found
    ON CONFLICT ON CONSTRAINT group_members_user_key DO NOTHING
    RETURNING group_name
), given_clients AS (
    INSERT INTO group_members (group_name, client_id) SELECT name, unnest(%(clients)s::text[]) FROM found
    ON CONFLICT ON CONSTRAINT group_members_client_key DO NOTHING
    RETURNING group_name
), changed AS (
    SELECT group_name AS name FROM taken UNION SELECT group_name FROM given_users
    UNION SELECT group_name FROM given_clients UNION SELECT name FROM described
)
"""

# The resources whose services a group may use. Whoever changes one of them locks it first as well, so that neither
# holds a row that the other waits for.
LOCK_RESOURCES: LiteralString = """
SELECT identifier FROM resources
WHERE identifier IN (SELECT resource FROM service_groups WHERE group_name = %(name)s)
ORDER BY identifier FOR SHARE
"""

# A group; its members lose it, and services too.
DELETE_GROUP: LiteralString = "WITH changed AS (DELETE FROM groups WHERE name = %(name)s RETURNING name)"

# The users of these names.
FIND_USERS: LiteralString = "SELECT user_id, username FROM users WHERE username = ANY (%(users)s::text[])"

# Which of these are not clients.
UNKNOWN_CLIENTS: LiteralString = """
SELECT asked.client_id FROM unnest(%(clients)s::text[]) AS asked (client_id)
WHERE NOT EXISTS (SELECT FROM clients WHERE clients.client_id = asked.client_id) ORDER BY asked.client_id
"""


class PostgresGroupStore:
    """A `GroupStore`.

    Whatever is changed, every record is read again, as group by group would be slower to say than to read.
    """

    def __init__(self, postgres: AsyncPostgres) -> None:
        self._postgres = postgres

    async def add(self, group: Group) -> Group:
        """Add a group."""
        values = await self._values(group.name, group.description, group.users, group.clients)
        added = Change(ADD_GROUP, values, _event(EventKind.GROUP_CREATED, group.name))
        try:
            _, _, found, _log = await transact(
                self._postgres, added, (ADD_MEMBERS, values), (FIND_GROUP, values), invalidation("policy", group.name)
            )
        except IntegrityError as error:
            raise await self._refusal(error, group.name, group.clients) from None
        return _group(found[0])

    async def get(self, name: str) -> Group | None:
        """Return a group."""
        row = await self._postgres.one(FIND_GROUP, {"name": name})
        return None if row is None else _group(row)

    async def after(self, name: str, limit: int) -> Sequence[Group]:
        """Return groups with greater names."""
        return [_group(row) for row in await self._postgres.all(LIST_GROUPS, {"after": name, "limit": limit})]

    async def update(
        self,
        name: str,
        *,
        description: str | None,
        users: tuple[str, ...] | None,
        clients: tuple[str, ...] | None,
    ) -> Group | None:
        """Replace description, users, clients, or several of them."""
        values = await self._values(name, description, users, clients)
        given = (("description", description), ("users", users), ("clients", clients))
        fields = " ".join(field for field, value in given if value is not None)
        replaced = Change(REPLACE_GROUP, values, _event(EventKind.GROUP_UPDATED, name, fields=fields))
        try:
            _, found, _log = await transact(
                self._postgres,
                replaced,
                (FIND_GROUP, values),
                invalidation("policy", name),
                lock=(LOCK_GROUP, values),
            )
        except IntegrityError as error:
            raise await self._refusal(error, name, clients or ()) from None
        return _group(found[0]) if found else None

    async def delete(self, name: str) -> bool:
        """Remove a group, from services too."""
        values = {"name": name}
        deletion = Change(DELETE_GROUP, values, _event(EventKind.GROUP_DELETED, name))
        deleted, _log = await transact(
            self._postgres, deletion, invalidation("policy", name), lock=(LOCK_RESOURCES, values)
        )
        return bool(deleted)

    async def _values(
        self, name: str, description: str | None, users: tuple[str, ...] | None, clients: tuple[str, ...] | None
    ) -> dict[str, object]:
        """Return the values of a change; raise `Refused` for the name of nobody."""
        user_ids: list[UUID] | None = None
        if users is not None:
            rows = await self._postgres.all(FIND_USERS, {"users": list(users)})
            ids = {row["username"]: row["user_id"] for row in rows}
            unknown = next((user for user in users if user not in ids), None)
            if unknown is not None:
                raise _unknown_user(unknown)
            user_ids = list(ids.values())
        return {
            "name": name,
            "description": description,
            "user_ids": user_ids,
            "clients": None if clients is None else list(clients),
        }

    async def _refusal(self, error: IntegrityError, name: str, clients: tuple[str, ...]) -> Exception:
        if error.diag.constraint_name == NAME:
            return AlreadyExists(f"there is a group {name} already")
        if error.diag.constraint_name == CLIENT_EXISTS:
            row = await self._postgres.one(UNKNOWN_CLIENTS, {"clients": list(clients)})
            unknown = "one of them" if row is None else row["client_id"]
            return Refused(f"clients: {unknown} is not a client: `tallystick client list` shows who is")
        if error.diag.constraint_name == USER_EXISTS:
            return Refused("users: one of them was deleted just now: try again")
        return error


def _unknown_user(username: str) -> Refused:
    return Refused(f"users: there is no user {excerpt(username)!r}: `tallystick user list` shows who there is")


def _event(kind: EventKind, name: str, **attributes: str) -> AuditEvent:
    return AuditEvent(kind, attributes={"group": name, **attributes})


def _group(row: DictRow) -> Group:
    return Group(row["name"], row["description"], tuple(row["users"]), tuple(row["clients"]))
