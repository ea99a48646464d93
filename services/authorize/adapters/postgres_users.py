"""Resource owners, from Postgres."""

from typing import LiteralString

from psycopg.rows import DictRow

from services.authorize.model import User
from tallystick.runtime.postgres import AsyncPostgres

# The user with a name.
FIND_USER_BY_USERNAME: LiteralString = """
SELECT user_id, username, password_hash, enabled, epoch FROM users WHERE username = %(username)s
"""


class PostgresUsers:
    """Implements `UserDirectory`."""

    def __init__(self, postgres: AsyncPostgres) -> None:
        self._postgres = postgres

    async def find_by_username(self, username: str) -> User | None:
        """Return the user of this name, enabled or not; None when there is none."""
        return user_of(await self._postgres.one(FIND_USER_BY_USERNAME, {"username": username}))


def user_of(row: DictRow | None) -> User | None:
    """Return the user that a row tells of."""
    if row is None:
        return None
    return User(row["user_id"], row["username"], row["password_hash"], row["enabled"], row["epoch"])
