"""Access tokens: how one is inserted, alone or as a part of what buys it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import LiteralString

from psycopg.errors import CheckViolation

from services.token.adapters.lost_connection import repeated_once
from services.token.model import AccessTokenRecord
from tallystick.runtime.failures import Unavailable
from tallystick.runtime.log import logger
from tallystick.runtime.postgres import AsyncPostgres, Values

_log = logger(__name__)

# An access token, for each row of the source that follows: one or none. A repeated insert finds its own row.
INSERT_TOKEN_FROM: LiteralString = """
INSERT INTO access_tokens
    (bucket, digest, grant_id, client_id, client_epoch, scopes, audience, issued_at, expires_at)
SELECT
    %(token_bucket)s::integer, %(token_digest)s::bytea, %(token_grant_id)s::uuid, %(token_client_id)s::text,
    %(token_client_epoch)s::bigint, %(token_scopes)s::text[], %(token_audience)s::text,
    %(token_issued_at)s::timestamptz, %(token_expires_at)s::timestamptz
FROM """

# An access token that no grant stands behind.
INSERT_TOKEN: LiteralString = INSERT_TOKEN_FROM + "(VALUES (1)) AS always ON CONFLICT (digest, bucket) DO NOTHING"


def token_values(token: AccessTokenRecord) -> Values:
    """Return the parameters of `INSERT_TOKEN_FROM`."""
    return {
        "token_bucket": token.bucket,
        "token_digest": token.digest,
        "token_grant_id": token.grant_id,
        "token_client_id": token.client_id,
        "token_client_epoch": token.client_epoch,
        "token_scopes": list(token.scopes),
        "token_audience": token.audience,
        "token_issued_at": token.issued_at,
        "token_expires_at": token.expires_at,
    }


@asynccontextmanager
async def partition_expected() -> AsyncIterator[None]:
    """Turn an insert for which there is no partition into `Unavailable`: asking again later may help."""
    try:
        yield
    except CheckViolation as error:
        # A row that no partition takes is reported with the table and no constraint.
        if error.diag.constraint_name is not None or error.diag.table_name != "access_tokens":
            raise
        _log.error("partition_missing")
        raise Unavailable("there is no partition for this token") from error


class PostgresAccessTokens:
    """Implements `AccessTokens`."""

    def __init__(self, postgres: AsyncPostgres) -> None:
        self._postgres = postgres

    async def keep(self, token: AccessTokenRecord) -> None:
        """Keep a token; it may be repeated after a lost answer."""
        async with partition_expected():
            await repeated_once(lambda: self._postgres.one(INSERT_TOKEN, token_values(token)))
