"""Refresh families: the state that is judged, and the conditional writes that decide."""

from typing import LiteralString
from uuid import UUID

from psycopg.rows import DictRow

from services.token.adapters.grant_standing import ACCESS_EXPIRES_AT, CLIENT_USER_AND_CONSENT_STAND
from services.token.adapters.lost_connection import repeated_once
from services.token.adapters.postgres_tokens import INSERT_TOKEN_FROM, SERVICE, token_values
from services.token.model import AccessTokenRecord, FamilyState, Rotated, Rotation
from tallystick.runtime.audit_event import AuditEvent
from tallystick.runtime.audit_trail import INSERT_EVENTS_FROM, event_values
from tallystick.runtime.postgres import AsyncPostgres

# Whether client, user and consent of a grant g stand as they did, and the client may refresh.
_STANDS: LiteralString = (
    "EXISTS (SELECT FROM " + CLIENT_USER_AND_CONSENT_STAND + " AND 'refresh_token' = ANY (c.grant_types))"
)

# The later of when the new access token and the others of a grant g end.
_LATEST_EXPIRY: LiteralString = "greatest(" + ACCESS_EXPIRES_AT + ", %(token_expires_at)s::timestamptz)"

# A refresh family as it is now, and Postgres's time.
FIND_FAMILY: LiteralString = (
    """
SELECT
    clock_timestamp() AS now,
    g.grant_id, g.client_id, g.user_id, g.client_epoch, g.scopes, g.ended_at IS NOT NULL AS ended, g.refresh_generation,
    g.refresh_digest, g.refresh_limit_left, g.refresh_idle_expires_at, g.refresh_expires_at, g.rotated_at,
    g.rotated_digests, g.rotation_nonces, g.rotation_key_ids,
    """
    + _STANDS
    + """ AS stands
FROM grants g
WHERE g.grant_id = %(grant_id)s AND g.refresh_generation IS NOT NULL
"""
)

# Replace the presented generation if it is the current one and may be refreshed, and keep the new access token and the
# event. The last eight rotations stay. clock_timestamp() is asked again after a wait for the row; now() would not be.
ROTATE: LiteralString = (
    """
WITH rotated AS (
    UPDATE grants AS g SET
        refresh_generation = g.refresh_generation + 1,
        refresh_digest = %(successor_digest)s,
        refresh_limit_left = g.refresh_limit_left - 1,
        refresh_idle_expires_at = clock_timestamp() + %(idle_lifetime)s::interval,
        refreshed_at = clock_timestamp(),
        access_expires_at = """
    + _LATEST_EXPIRY
    + """,
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
), told AS ("""
    + INSERT_EVENTS_FROM
    + """rotated
)
SELECT grant_id FROM rotated
"""
)

# Keep an access token and the event if the family is still of a generation and could be refreshed, whatever limit is
# left. A repeat, after a connection was lost, finds the token that the first attempt kept.
KEEP_BESIDE: LiteralString = (
    """
WITH living AS (
    UPDATE grants AS g SET
        access_expires_at = """
    + _LATEST_EXPIRY
    + """
    WHERE g.grant_id = %(grant_id)s
        AND g.ended_at IS NULL
        AND g.refresh_generation = %(generation)s
        AND g.refresh_digest = %(digest)s
        AND g.refresh_idle_expires_at > clock_timestamp()
        AND g.refresh_expires_at > clock_timestamp()
        AND """
    + _STANDS
    + """
    RETURNING g.grant_id
), kept AS ("""
    + INSERT_TOKEN_FROM
    + """living
ON CONFLICT (digest, bucket) DO NOTHING
RETURNING digest
), told AS ("""
    + INSERT_EVENTS_FROM
    + """kept
)
SELECT digest FROM kept
UNION ALL
SELECT digest FROM access_tokens WHERE digest = %(token_digest)s AND bucket = %(token_bucket)s
"""
)


class PostgresFamilies:
    """Implements `RefreshFamilies`."""

    def __init__(self, postgres: AsyncPostgres) -> None:
        self._postgres = postgres

    async def state(self, grant_id: UUID) -> FamilyState | None:
        """Return a family; None for an unknown grant and for one without refresh token."""
        # Together, as whoever asked may be told that the family is over, or was never there.
        [rows] = await self._postgres.together((FIND_FAMILY, {"grant_id": grant_id}))
        return _state(rows[0]) if rows else None

    async def rotate(self, rotation: Rotation, token: AccessTokenRecord, event: AuditEvent) -> bool:
        """Replace the presented generation, keep a new access token and the event, together; tell whether it did."""
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
            **event_values(SERVICE, event),
        }
        return await repeated_once(lambda: self._postgres.one(ROTATE, values)) is not None

    async def keep_beside(self, state: FamilyState, token: AccessTokenRecord, event: AuditEvent) -> bool:
        """Keep a new access token and the event if the family is still of this generation; tell whether it was."""
        values = {
            "grant_id": state.grant_id,
            "generation": state.generation,
            "digest": state.digest,
            **token_values(token),
            **event_values(SERVICE, event),
        }
        return await repeated_once(lambda: self._postgres.one(KEEP_BESIDE, values)) is not None


def _state(row: DictRow) -> FamilyState:
    rotations = zip(
        row["rotated_at"], row["rotated_digests"], row["rotation_nonces"], row["rotation_key_ids"], strict=True
    )
    return FamilyState(
        now=row["now"],
        grant_id=row["grant_id"],
        client_id=row["client_id"],
        user_id=row["user_id"],
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
