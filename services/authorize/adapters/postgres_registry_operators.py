"""Operators in Postgres."""

from collections.abc import Sequence
from datetime import timedelta
from typing import LiteralString

from psycopg import IntegrityError
from psycopg.rows import DictRow

from services.authorize.adapters.postgres_registry_transaction import Change, transact
from services.authorize.registry.model import Operator, OperatorRole
from tallystick.runtime.audit_event import AuditEvent, EventKind
from tallystick.runtime.failures import AlreadyExists
from tallystick.runtime.postgres import AsyncPostgres

NAME = "operators_pkey"

# An operator by name.
FIND_OPERATOR: LiteralString = """
SELECT name, role, created_at, expires_at, revoked_at FROM operators WHERE name = %(name)s
"""

# Operators after one.
LIST_OPERATORS: LiteralString = """
SELECT name, role, created_at, expires_at, revoked_at FROM operators
WHERE name > %(after)s ORDER BY name LIMIT %(limit)s
"""

# A new operator, without end when there is no lifetime.
ADD_OPERATOR: LiteralString = """
WITH changed AS (
    INSERT INTO operators (name, digest, role, expires_at)
    VALUES (%(name)s, %(digest)s, %(role)s, clock_timestamp() + %(lifetime)s::interval)
    RETURNING name, role, created_at, expires_at, revoked_at
)
"""

# All admins, in one order, so that of two who end each other the second sees what the first has done.
LOCK_ADMINS: LiteralString = "SELECT name FROM operators WHERE role = 'admin' ORDER BY name FOR UPDATE"

# A credential ended, unless it works and no other admin's does.
REVOKE_OPERATOR: LiteralString = """
WITH changed AS (
    UPDATE operators SET revoked_at = clock_timestamp()
    WHERE name = %(name)s AND revoked_at IS NULL AND (
        role <> 'admin'
        OR expires_at <= clock_timestamp()
        OR EXISTS (
            SELECT FROM operators AS other
            WHERE other.name <> operators.name AND other.role = 'admin' AND other.revoked_at IS NULL
                AND (other.expires_at IS NULL OR other.expires_at > clock_timestamp())))
    RETURNING name
)
"""


class PostgresOperatorStore:
    """An `OperatorStore`. Credentials are read again for each call, so nothing is logged for others to read again."""

    def __init__(self, postgres: AsyncPostgres) -> None:
        self._postgres = postgres

    async def add(self, name: str, digest: bytes, role: OperatorRole, lifetime: timedelta | None) -> Operator:
        """Add an operator."""
        values = {"name": name, "digest": digest, "role": role, "lifetime": lifetime}
        event = AuditEvent(EventKind.OPERATOR_CREATED, attributes={"name": name, "role": role})
        try:
            added, *_ = await transact(self._postgres, Change(ADD_OPERATOR, values, event))
        except IntegrityError as error:
            if error.diag.constraint_name == NAME:
                raise AlreadyExists(
                    f"there is, or was, an operator {name}: choose another name, none is given twice"
                ) from None
            raise
        return _operator(added[0])

    async def get(self, name: str) -> Operator | None:
        """Return an operator."""
        row = await self._postgres.one(FIND_OPERATOR, {"name": name})
        return None if row is None else _operator(row)

    async def after(self, name: str, limit: int) -> Sequence[Operator]:
        """Return operators with greater names."""
        rows = await self._postgres.all(LIST_OPERATORS, {"after": name, "limit": limit})
        return [_operator(row) for row in rows]

    async def revoke(self, name: str) -> Operator | None:
        """End a credential unless it is the last working one of an admin."""
        named = {"name": name}
        revoked = Change(REVOKE_OPERATOR, named, AuditEvent(EventKind.OPERATOR_REVOKED, attributes=named))
        _, found = await transact(self._postgres, revoked, (FIND_OPERATOR, named), lock=(LOCK_ADMINS, {}))
        return _operator(found[0]) if found else None


def _operator(row: DictRow) -> Operator:
    return Operator(row["name"], OperatorRole(row["role"]), row["created_at"], row["expires_at"], row["revoked_at"])
