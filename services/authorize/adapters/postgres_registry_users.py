"""Resource owners in Postgres."""

from collections.abc import Sequence
from typing import LiteralString
from uuid import UUID

from psycopg import IntegrityError
from psycopg.rows import DictRow

from services.authorize.adapters.postgres_registry_transaction import Change, invalidation, transact
from services.authorize.registry.model import User
from tallystick.runtime.audit_event import AuditEvent, EventKind
from tallystick.runtime.failures import AlreadyExists
from tallystick.runtime.postgres import AsyncPostgres

USERNAME = "users_username_key"

# A user by name.
FIND_USER: LiteralString = """
SELECT user_id, username, enabled, epoch, created_at FROM users WHERE username = %(username)s
"""

# Users after one.
LIST_USERS: LiteralString = """
SELECT user_id, username, enabled, epoch, created_at FROM users
WHERE username > %(after)s ORDER BY username LIMIT %(limit)s
"""

# A new user.
ADD_USER: LiteralString = """
WITH changed AS (
    INSERT INTO users (user_id, username, password_hash) VALUES (%(user_id)s, %(username)s, %(password_hash)s)
    RETURNING user_id, username, enabled, epoch, created_at
)
"""

# A new password, which ends all that came of the old one.
SET_PASSWORD: LiteralString = """
WITH changed AS (
    UPDATE users SET password_hash = %(password_hash)s, epoch = epoch + 1 WHERE user_id = %(user_id)s
    RETURNING user_id
)
"""

# Whether a user may sign in, if that was otherwise.
SET_ENABLED: LiteralString = """
WITH changed AS (
    UPDATE users SET enabled = %(enabled)s WHERE user_id = %(user_id)s AND enabled <> %(enabled)s RETURNING user_id
)
"""

# A user; consents go with it.
DELETE_USER: LiteralString = """
WITH changed AS (DELETE FROM users WHERE user_id = %(user_id)s RETURNING user_id)
"""


class PostgresUserStore:
    """A `UserStore`.

    A user is found by name and changed by id, as the log is written by id; a name is never given to another id.
    """

    def __init__(self, postgres: AsyncPostgres) -> None:
        self._postgres = postgres

    async def add(self, user_id: UUID, username: str, password_hash: str) -> User:
        """Add a user."""
        values = {"user_id": user_id, "username": username, "password_hash": password_hash}
        try:
            added, *_ = await transact(
                self._postgres, Change(ADD_USER, values, _event(EventKind.USER_CREATED, user_id, username))
            )
        except IntegrityError as error:
            if error.diag.constraint_name == USERNAME:
                raise AlreadyExists(f"there is a user {username!r} already") from None
            raise
        return _user(added[0])

    async def get(self, username: str) -> User | None:
        """Return a user."""
        row = await self._postgres.one(FIND_USER, {"username": username})
        return None if row is None else _user(row)

    async def after(self, username: str, limit: int) -> Sequence[User]:
        """Return users with greater names."""
        return [_user(row) for row in await self._postgres.all(LIST_USERS, {"after": username, "limit": limit})]

    async def set_password(self, username: str, password_hash: str) -> User | None:
        """Replace the password and raise the epoch."""
        return await self._change(username, EventKind.USER_PASSWORD_SET, SET_PASSWORD, {"password_hash": password_hash})

    async def set_enabled(self, username: str, *, enabled: bool) -> User | None:
        """Let a user sign in, or refuse that."""
        kind = EventKind.USER_ENABLED if enabled else EventKind.USER_DISABLED
        return await self._change(username, kind, SET_ENABLED, {"enabled": enabled})

    async def delete(self, username: str) -> bool:
        """Remove a user."""
        user = await self.get(username)
        if user is None:
            return False
        deleted, _ = await self._changed(user, EventKind.USER_DELETED, DELETE_USER, {})
        return bool(deleted)

    async def _change(
        self, username: str, kind: EventKind, statement: LiteralString, values: dict[str, object]
    ) -> User | None:
        user = await self.get(username)
        if user is None:
            return None
        _, found = await self._changed(user, kind, statement, values)
        return _user(found[0]) if found else None

    async def _changed(
        self, user: User, kind: EventKind, statement: LiteralString, values: dict[str, object]
    ) -> tuple[Sequence[DictRow], Sequence[DictRow]]:
        change = Change(statement, {"user_id": user.user_id, **values}, _event(kind, user.user_id, user.username))
        changed, found, _log = await transact(
            self._postgres, change, (FIND_USER, {"username": user.username}), invalidation("user", str(user.user_id))
        )
        return changed, found


def _event(kind: EventKind, user_id: UUID, username: str) -> AuditEvent:
    return AuditEvent(kind, user_id=user_id, attributes={"username": username})


def _user(row: DictRow) -> User:
    return User(row["user_id"], row["username"], row["enabled"], row["epoch"], row["created_at"])
