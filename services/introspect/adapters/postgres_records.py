"""Tokens and everything behind them, from Postgres: one statement a question, so that no answer mixes two moments."""

from typing import LiteralString

from psycopg.rows import DictRow

from services.introspect.model import AccessTokenRecord, Client, Grant, RefreshTokenRecord, ResourceOwner
from tallystick.oauth2.opaque_token import AccessToken
from tallystick.oauth2.refresh_token import RefreshToken
from tallystick.runtime.postgres import SyncPostgres

# An access token with its client, grant, user and consent as they are now. The bucket, which the token names, confines
# the search to one index of one partition.
FIND_ACCESS_TOKEN: LiteralString = """
SELECT
    t.client_id, t.client_epoch, t.scopes, t.audience, t.grant_id, t.issued_at, t.expires_at,
    t.expires_at <= clock_timestamp() AS expired, t.revoked_at IS NOT NULL AS revoked,
    ARRAY(SELECT a.client_id FROM resource_callers a WHERE a.resource = t.audience) AS audience_callers,
    c.enabled AS client_enabled, c.epoch AS client_epoch_now,
    ARRAY(SELECT s.scope FROM client_scopes s WHERE s.client_id = t.client_id) AS client_scopes,
    g.client_id AS grant_client_id, g.ended_at IS NOT NULL AS grant_ended,
    g.client_epoch AS grant_client_epoch, g.user_epoch AS grant_user_epoch, g.consent_epoch AS grant_consent_epoch,
    u.user_id, u.username, u.enabled AS user_enabled, u.epoch AS user_epoch_now,
    n.epoch AS consent_epoch_now
FROM access_tokens t
LEFT JOIN clients c ON c.client_id = t.client_id
LEFT JOIN grants g ON g.grant_id = t.grant_id
LEFT JOIN users u ON u.user_id = g.user_id
LEFT JOIN consents n ON n.user_id = g.user_id AND n.client_id = g.client_id
WHERE t.digest = %(digest)s AND t.bucket = %(bucket)s
"""

# A grant with its current refresh token, and its client, user and consent as they are now. Whoever judges compares the
# digest, in constant time.
FIND_REFRESH_TOKEN: LiteralString = """
SELECT
    g.scopes, g.refresh_generation, g.refresh_digest,
    coalesce(g.refresh_limit_left > 0, true) AND coalesce('refresh_token' = ANY (c.grant_types), false) AS may_refresh,
    coalesce(g.refreshed_at, g.created_at) AS issued_at,
    least(g.refresh_idle_expires_at, g.refresh_expires_at) AS expires_at,
    least(g.refresh_idle_expires_at, g.refresh_expires_at) <= clock_timestamp() AS expired,
    c.enabled AS client_enabled, c.epoch AS client_epoch_now,
    ARRAY(SELECT s.scope FROM client_scopes s WHERE s.client_id = g.client_id) AS client_scopes,
    g.client_id AS grant_client_id, g.ended_at IS NOT NULL AS grant_ended,
    g.client_epoch AS grant_client_epoch, g.user_epoch AS grant_user_epoch, g.consent_epoch AS grant_consent_epoch,
    u.user_id, u.username, u.enabled AS user_enabled, u.epoch AS user_epoch_now,
    n.epoch AS consent_epoch_now
FROM grants g
LEFT JOIN clients c ON c.client_id = g.client_id
LEFT JOIN users u ON u.user_id = g.user_id
LEFT JOIN consents n ON n.user_id = g.user_id AND n.client_id = g.client_id
WHERE g.grant_id = %(grant_id)s AND g.refresh_generation IS NOT NULL
"""


class PostgresRecords:
    """Implements `TokenRecords`."""

    def __init__(self, postgres: SyncPostgres) -> None:
        self._postgres = postgres

    def access_token(self, token: AccessToken) -> AccessTokenRecord | None:
        """Return the record of an access token, None when there is none; raise `Unavailable`."""
        row = self._postgres.one(FIND_ACCESS_TOKEN, {"digest": token.digest, "bucket": token.bucket})
        if row is None:
            return None
        return AccessTokenRecord(
            client_id=row["client_id"],
            client_epoch=row["client_epoch"],
            scopes=tuple(row["scopes"]),
            audience=row["audience"],
            issued_at=row["issued_at"],
            expires_at=row["expires_at"],
            expired=row["expired"],
            revoked=row["revoked"],
            client=_client(row),
            grant_id=row["grant_id"],
            grant=None if row["grant_client_id"] is None else _grant(row),
            audience_callers=frozenset(row["audience_callers"]),
        )

    def refresh_token(self, token: RefreshToken) -> RefreshTokenRecord | None:
        """Return the record of the family's current refresh token, None when it has none; raise `Unavailable`."""
        row = self._postgres.one(FIND_REFRESH_TOKEN, {"grant_id": token.family})
        if row is None:
            return None
        return RefreshTokenRecord(
            grant=_grant(row),
            scopes=tuple(row["scopes"]),
            client=_client(row),
            generation=row["refresh_generation"],
            digest=row["refresh_digest"],
            may_refresh=row["may_refresh"],
            issued_at=row["issued_at"],
            expires_at=row["expires_at"],
            expired=row["expired"],
        )


def _client(row: DictRow) -> Client | None:
    if row["client_epoch_now"] is None:
        return None
    return Client(row["client_enabled"], row["client_epoch_now"], frozenset(row["client_scopes"]))


def _grant(row: DictRow) -> Grant:
    deleted = row["user_id"] is None
    return Grant(
        client_id=row["grant_client_id"],
        ended=row["grant_ended"],
        client_epoch=row["grant_client_epoch"],
        user_epoch=row["grant_user_epoch"],
        consent_epoch=row["grant_consent_epoch"],
        owner=None
        if deleted
        else ResourceOwner(row["user_id"], row["username"], row["user_enabled"], row["user_epoch_now"]),
        consent_epoch_now=row["consent_epoch_now"],
    )
