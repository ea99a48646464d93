"""Resource owners in Postgres."""

from collections.abc import Sequence
from typing import LiteralString
from uuid import UUID

from psycopg import IntegrityError
from psycopg.rows import DictRow

from services.authorize.adapters.postgres_registry_transaction import invalidation, transact
from services.authorize.registry.model import User
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
INSERT INTO users (user_id, username, password_hash) VALUES (%(user_id)s, %(username)s, %(password_hash)s)
RETURNING user_id, username, enabled, epoch, created_at
"""

# A new password, which ends all that came of the old one.
SET_PASSWORD: LiteralString = """
UPDATE users SET password_hash = %(password_hash)s, epoch = epoch + 1 WHERE user_id = %(user_id)s
RETURNING user_id, username, enabled, epoch, created_at
"""

# Whether a user may sign in.
SET_ENABLED: LiteralString = """
UPDATE users SET enabled = %(enabled)s WHERE user_id = %(user_id)s
RETURNING user_id, username, enabled, epoch, created_at
"""

# A user; consents go with it.
DELETE_USER: LiteralString = "DELETE FROM users WHERE user_id = %(user_id)s RETURNING user_id"


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
            rows = await self._postgres.all(ADD_USER, values)
        except IntegrityError as error:
            if error.diag.constraint_name == USERNAME:
                raise AlreadyExists(f"there is a user {username!r} already") from None
            raise
        return _user(rows[0])

    async def get(self, username: str) -> User | None:
        """Return a user."""
        row = await self._postgres.one(FIND_USER, {"username": username})
        return None if row is None else _user(row)

    async def after(self, username: str, limit: int) -> Sequence[User]:
        """Return users with greater names."""
        return [_user(row) for row in await self._postgres.all(LIST_USERS, {"after": username, "limit": limit})]

    async def set_password(self, username: str, password_hash: str) -> User | None:
        """Replace the password and raise the epoch."""
        row = await self._changed(username, SET_PASSWORD, {"password_hash": password_hash})
        return None if row is None else _user(row)

    async def set_enabled(self, username: str, *, enabled: bool) -> User | None:
        """Let a user sign in, or refuse that."""
        row = await self._changed(username, SET_ENABLED, {"enabled": enabled})
        return None if row is None else _user(row)

    async def delete(self, username: str) -> bool:
        """Remove a user."""
        return await self._changed(username, DELETE_USER, {}) is not None

    async def _changed(self, username: str, statement: LiteralString, values: dict[str, object]) -> DictRow | None:
        user = await self.get(username)
        if user is None:
            return None
        rows, _ = await transact(
            self._postgres,
            (statement, values | {"user_id": user.user_id}),
            invalidation("user", str(user.user_id)),
        )
        return rows[0] if rows else None


def _user(row: DictRow) -> User:
    return User(row["user_id"], row["username"], row["enabled"], row["epoch"], row["created_at"])
