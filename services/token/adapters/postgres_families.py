"""Refresh families: the state that is judged, and the conditional writes that decide."""

from typing import LiteralString
from uuid import UUID

from psycopg.rows import DictRow

from services.token.adapters.lost_connection import repeated_once
from services.token.adapters.postgres_tokens import INSERT_TOKEN_FROM, partition_expected, token_values
from services.token.model import AccessTokenRecord, FamilyState, Rotated, Rotation
from tallystick.runtime.postgres import AsyncPostgres

# Whether client, user and consent of a grant g are there, enabled, and of the epochs that it was made under.
_STANDS: LiteralString = """EXISTS (
        SELECT FROM clients c, users u, consents n
        WHERE c.client_id = g.client_id AND c.enabled AND c.epoch = g.client_epoch
            AND 'refresh_token' = ANY (c.grant_types)
            AND u.user_id = g.user_id AND u.enabled AND u.epoch = g.user_epoch
            AND n.user_id = g.user_id AND n.client_id = g.client_id AND n.epoch = g.consent_epoch
    )"""

# A refresh family as it is now, and Postgres's time.
FIND_FAMILY: LiteralString = (
    """
SELECT
    clock_timestamp() AS now,
    g.grant_id, g.client_id, g.client_epoch, g.scopes, g.ended_at IS NOT NULL AS ended, g.refresh_generation,
    g.refresh_digest, g.refresh_limit_left, g.refresh_idle_expires_at, g.refresh_expires_at, g.rotated_at,
    g.rotated_digests, g.rotation_nonces, g.rotation_key_ids,
    """
    + _STANDS
    + """ AS stands
FROM grants g
WHERE g.grant_id = %(grant_id)s AND g.refresh_generation IS NOT NULL
"""
)

# Replace the presented generation if it is the current one and may be refreshed, and keep the new access token. The
# last eight rotations stay. clock_timestamp() is asked again after a wait for the row, as now() would not be.
ROTATE: LiteralString = (
    """
WITH rotated AS (
    UPDATE grants AS g SET
        refresh_generation = g.refresh_generation + 1,
        refresh_digest = %(successor_digest)s,
        refresh_limit_left = g.refresh_limit_left - 1,
        refresh_idle_expires_at = clock_timestamp() + %(idle_lifetime)s::interval,
        refreshed_at = clock_timestamp(),
        rotated_at = (array_append(g.rotated_at, clock_timestamp()))[greatest(1, cardinality(g.rotated_at) - 6):],
        rotated_digests
            = (array_append(g.rotated_digests, g.refresh_digest))[greatest(1, cardinality(g.rotated_at) - 6):],
        rotation_nonces
            = (array_append(g.rotation_nonces, %(nonce)s::bytea))[greatest(1, cardinality(g.rotated_at) - 6):],
        rotation_key_ids
            = (array_append(g.rotation_key_ids, %(key_id)s::text))[greatest(1, cardinality(g.rotated_at) - 6):]
    WHERE g.grant_id = %(grant_id)s
        AND g.client_id = %(client_id)s
        AND g.ended_at IS NULL
        AND g.refresh_generation = %(generation)s
        AND g.refresh_digest = %(digest)s
        AND g.refresh_idle_expires_at > clock_timestamp()
        AND g.refresh_expires_at > clock_timestamp()
        AND (g.refresh_limit_left IS NULL OR g.refresh_limit_left > 0)
        AND """
    + _STANDS
    + """
    RETURNING g.grant_id
), issued AS ("""
    + INSERT_TOKEN_FROM
    + """rotated
)
SELECT grant_id FROM rotated
"""
)

# Keep an access token if the family is still of a generation and could be refreshed, whatever limit is left.
KEEP_BESIDE: LiteralString = (
    INSERT_TOKEN_FROM
    + """grants g
WHERE g.grant_id = %(grant_id)s
    AND g.ended_at IS NULL
    AND g.refresh_generation = %(generation)s
    AND g.refresh_digest = %(digest)s
    AND g.refresh_idle_expires_at > clock_timestamp()
    AND g.refresh_expires_at > clock_timestamp()
    AND """
    + _STANDS
    + """
ON CONFLICT (digest, bucket) DO NOTHING
RETURNING digest
"""
)


class PostgresFamilies:
    """Implements `RefreshFamilies`."""

    def __init__(self, postgres: AsyncPostgres) -> None:
        self._postgres = postgres

    async def state(self, grant_id: UUID) -> FamilyState | None:
        """Return a family; None for an unknown grant and for one without refresh token."""
        row = await self._postgres.one(FIND_FAMILY, {"grant_id": grant_id})
        return None if row is None else _state(row)

    async def rotate(self, rotation: Rotation, token: AccessTokenRecord) -> bool:
        """Replace the presented generation and keep a new access token, together; tell whether it did."""
        presented, successor = rotation.presented, rotation.successor
        values = {
            "grant_id": presented.family,
            "client_id": rotation.client_id,
            "generation": presented.generation,
            "digest": presented.digest,
            "successor_digest": successor.digest,
            "nonce": rotation.nonce,
            "key_id": successor.key_id,
            "idle_lifetime": rotation.idle_lifetime,
            **token_values(token),
        }
        async with partition_expected():
            return await repeated_once(lambda: self._postgres.one(ROTATE, values)) is not None

    async def keep_beside(self, state: FamilyState, token: AccessTokenRecord) -> bool:
        """Keep a new access token if the family is still of this generation; tell whether it was."""
        values = {
            "grant_id": state.grant_id,
            "generation": state.generation,
            "digest": state.digest,
            **token_values(token),
        }
        async with partition_expected():
            return await repeated_once(lambda: self._postgres.one(KEEP_BESIDE, values)) is not None


def _state(row: DictRow) -> FamilyState:
    rotations = zip(
        row["rotated_at"], row["rotated_digests"], row["rotation_nonces"], row["rotation_key_ids"], strict=True
    )
    return FamilyState(
        now=row["now"],
        grant_id=row["grant_id"],
        client_id=row["client_id"],
        client_epoch=row["client_epoch"],
        scopes=tuple(row["scopes"]),
        ended=row["ended"],
        stands=row["stands"],
        generation=row["refresh_generation"],
        digest=row["refresh_digest"],
        limit_left=row["refresh_limit_left"],
        idle_expires_at=row["refresh_idle_expires_at"],
        expires_at=row["refresh_expires_at"],
        rotations=tuple(Rotated(at, digest, nonce, key_id) for at, digest, nonce, key_id in rotations),
    )
