"""The rows behind the model's grants, and time, which passes by rewriting them: Postgres's clock cannot be turned."""

from dataclasses import dataclass, field

import psycopg
from psycopg.rows import DictRow

from tallystick.oauth2.opaque_token import parse_access_token
from tests.model.cast import Cast

# What the codes of some clients have bought.
READ_GRANTS = """
SELECT code_id, refresh_generation, refresh_limit_left, end_reason, refresh_digest
FROM grants WHERE client_id = ANY (%(client_ids)s)
"""
# Which grant a code has bought.
FIND_GRANT = "SELECT grant_id::text AS grant_id FROM grants WHERE code_id = %(code_id)s"
# A grant is so much older than it was.
AGE_GRANT = """
UPDATE grants SET
    created_at = created_at - %(age)s::interval,
    refreshed_at = refreshed_at - %(age)s::interval,
    refresh_idle_expires_at = refresh_idle_expires_at - %(age)s::interval,
    refresh_expires_at = refresh_expires_at - %(age)s::interval,
    rotated_at = ARRAY(
        SELECT each - %(age)s::interval
        FROM unnest(rotated_at) WITH ORDINALITY AS rotation (each, number) ORDER BY number
    )
WHERE code_id = %(code_id)s
"""
# An access token ended when the hour of its bucket began, if that has begun: its bucket cannot be another.
EXPIRE_TOKEN = """
UPDATE access_tokens SET expires_at = to_timestamp(bucket * 3600.0)
WHERE digest = %(digest)s AND bucket = %(bucket)s AND to_timestamp(bucket * 3600.0) < clock_timestamp()
"""


@dataclass(frozen=True, slots=True)
class Kept:
    """What the database keeps of a grant."""

    generation: int
    limit_left: int | None
    ended: str | None
    refresh_digest: bytes = field(repr=False)


class Rows:
    """Reads and ages rows as their owner."""

    def __init__(self, cast: Cast, connection: psycopg.Connection[DictRow]) -> None:
        self._cast = cast
        self._connection = connection

    def grants(self) -> dict[int, Kept]:
        """Return every grant of the clients by the number of the code that bought it."""
        client_ids = [client.client_id for client in self._cast.clients.values()]
        numbers = {self._cast.code_id(number): number for number in range(len(self._cast.approvals))}
        found = self._connection.execute(READ_GRANTS, {"client_ids": client_ids}).fetchall()
        return {
            numbers[row["code_id"]]: Kept(
                row["refresh_generation"], row["refresh_limit_left"], row["end_reason"], row["refresh_digest"]
            )
            for row in found
        }

    def grant_id(self, code: int) -> str:
        """Return the id of the grant that a code has bought."""
        [row] = self._connection.execute(FIND_GRANT, {"code_id": self._cast.code_id(code)}).fetchall()
        return str(row["grant_id"])

    def pass_time(self, code: int, seconds: int) -> None:
        """Let a grant get older."""
        age = f"{seconds} seconds"
        self._connection.execute(AGE_GRANT, {"code_id": self._cast.code_id(code), "age": age})

    def expire(self, access_token: str) -> bool:
        """Let an access token reach its end; tell whether that can be."""
        token = parse_access_token(access_token)
        if token is None:
            raise AssertionError("that is no access token")
        values = {"digest": token.digest, "bucket": token.bucket}
        return self._connection.execute(EXPIRE_TOKEN, values).rowcount > 0
