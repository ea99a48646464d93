"""Tokens, everything behind them, and policy, from Postgres: one statement a read, so that none mixes two moments."""

from collections.abc import Hashable, Mapping, Sequence
from typing import LiteralString, TypeVar
from uuid import UUID

from psycopg.rows import DictRow

from services.introspect.batched_reads import Batch
from services.introspect.model import (
    AccessTokenRecord,
    Client,
    Grant,
    RefreshTokenRecord,
    ResourceOwner,
    ResourcePolicy,
    TokenKey,
)
from tallystick.runtime.failures import Unavailable
from tallystick.runtime.lease.log import CONFIRMED_READ, READ
from tallystick.runtime.postgres import SyncPostgres, Values

Key = TypeVar("Key", bound=Hashable)
Found = TypeVar("Found")

# Access tokens with client, grant, owner, consent and groups as they are now, and the version of all policy. The
# bucket, which the token names, confines the search to one index of one partition: row by row, as a join would search
# all of them.
FIND_ACCESS_TOKENS: LiteralString = """
    asked.digest AS asked_digest, asked.bucket AS asked_bucket,
    t.client_id, t.client_epoch, t.scopes, t.audience, t.grant_id, t.issued_at, t.expires_at,
    t.revoked_at IS NOT NULL AS revoked,
    c.enabled AS client_enabled, c.epoch AS client_epoch_now,
    ARRAY(SELECT s.scope FROM client_scopes s WHERE s.client_id = t.client_id) AS client_scopes,
    ARRAY(SELECT DISTINCT v.scope FROM scope_covers v WHERE v.scope = ANY (t.scopes)) AS covering,
    ARRAY(
        SELECT m.group_name FROM group_members m
        WHERE m.user_id = g.user_id OR (t.grant_id IS NULL AND m.client_id = t.client_id)
    ) AS groups,
    (SELECT version FROM policy) AS policy_version,
    g.client_id AS grant_client_id, g.user_id AS grant_user_id, g.end_reason AS grant_end_reason,
    g.client_epoch AS grant_client_epoch, g.user_epoch AS grant_user_epoch, g.consent_epoch AS grant_consent_epoch,
    u.user_id, u.username, u.enabled AS user_enabled, u.epoch AS user_epoch_now,
    n.epoch AS consent_epoch_now
FROM unnest(%(digests)s::bytea[], %(buckets)s::integer[]) AS asked (digest, bucket)
LEFT JOIN LATERAL (
    SELECT a.client_id, a.client_epoch, a.scopes, a.audience, a.grant_id, a.issued_at, a.expires_at, a.revoked_at
    FROM access_tokens a WHERE a.digest = asked.digest AND a.bucket = asked.bucket LIMIT 1
) AS t ON true
LEFT JOIN clients c ON c.client_id = t.client_id
LEFT JOIN grants g ON g.grant_id = t.grant_id
LEFT JOIN users u ON u.user_id = g.user_id
LEFT JOIN consents n ON n.user_id = g.user_id AND n.client_id = g.client_id
"""

# Grants with their current refresh token, and client, user and consent as they are now. Whoever judges compares the
# digest, in constant time.
FIND_REFRESH_TOKENS: LiteralString = """
    asked.grant_id AS asked_grant_id,
    g.scopes, g.refresh_generation, g.refresh_digest,
    coalesce(g.refresh_limit_left > 0, true) AND coalesce('refresh_token' = ANY (c.grant_types), false) AS may_refresh,
    coalesce(g.refreshed_at, g.created_at) AS issued_at,
    least(g.refresh_idle_expires_at, g.refresh_expires_at) AS expires_at,
    c.enabled AS client_enabled, c.epoch AS client_epoch_now,
    ARRAY(SELECT s.scope FROM client_scopes s WHERE s.client_id = g.client_id) AS client_scopes,
    g.client_id AS grant_client_id, g.user_id AS grant_user_id, g.end_reason AS grant_end_reason,
    g.client_epoch AS grant_client_epoch, g.user_epoch AS grant_user_epoch, g.consent_epoch AS grant_consent_epoch,
    u.user_id, u.username, u.enabled AS user_enabled, u.epoch AS user_epoch_now,
    n.epoch AS consent_epoch_now
FROM unnest(%(grant_ids)s::uuid[]) AS asked (grant_id)
LEFT JOIN grants g ON g.grant_id = asked.grant_id AND g.refresh_generation IS NOT NULL
LEFT JOIN clients c ON c.client_id = g.client_id
LEFT JOIN users u ON u.user_id = g.user_id
LEFT JOIN consents n ON n.user_id = g.user_id AND n.client_id = g.client_id
"""

# What resources offer, to whom, and by which scopes, at one version of all policy; one that is not registered offers
# nothing.
FIND_POLICIES: LiteralString = """
    asked.resource AS asked_resource,
    (SELECT version FROM policy) AS policy_version,
    ARRAY(SELECT a.client_id FROM resource_callers a WHERE a.resource = asked.resource) AS callers,
    ARRAY(SELECT s.service FROM services s WHERE s.resource = asked.resource) AS services,
    ARRAY(
        SELECT ARRAY[x.service, x.group_name] FROM service_groups x WHERE x.resource = asked.resource
    ) AS service_groups,
    ARRAY(SELECT ARRAY[v.scope, v.service] FROM scope_covers v WHERE v.resource = asked.resource) AS covers
FROM unnest(%(resources)s::text[]) AS asked (resource)
"""


class AccessTokenReads:
    """Reads access tokens."""

    def __init__(self, postgres: SyncPostgres) -> None:
        self._postgres = postgres

    def __call__(self, keys: Sequence[TokenKey], *, confirmed: bool) -> Batch[TokenKey, AccessTokenRecord]:
        """Return the records of those tokens that there are."""
        values = {"digests": [key.digest for key in keys], "buckets": [key.bucket for key in keys]}
        rows = rows_of(self._postgres, FIND_ACCESS_TOKENS, values, confirmed=confirmed)
        present = [row for row in rows if row["client_id"] is not None]
        return batch(rows, {TokenKey(row["asked_digest"], row["asked_bucket"]): _token(row) for row in present})


class RefreshTokenReads:
    """Reads the current refresh tokens of grants."""

    def __init__(self, postgres: SyncPostgres) -> None:
        self._postgres = postgres

    def __call__(self, keys: Sequence[UUID], *, confirmed: bool) -> Batch[UUID, RefreshTokenRecord]:
        """Return the records of those grants that have a refresh token."""
        rows = rows_of(self._postgres, FIND_REFRESH_TOKENS, {"grant_ids": list(keys)}, confirmed=confirmed)
        present = [row for row in rows if row["grant_client_id"] is not None]
        return batch(rows, {row["asked_grant_id"]: _refresh_token(row) for row in present})


class PolicyReads:
    """Reads the policies of resources."""

    def __init__(self, postgres: SyncPostgres) -> None:
        self._postgres = postgres

    def __call__(self, keys: Sequence[str], *, confirmed: bool) -> Batch[str, ResourcePolicy]:
        """Return the policy of each resource, which is empty for one that is not registered."""
        rows = rows_of(self._postgres, FIND_POLICIES, {"resources": list(keys)}, confirmed=confirmed)
        return batch(rows, {row["asked_resource"]: _policy(row) for row in rows})


def rows_of(postgres: SyncPostgres, statement: LiteralString, values: Values, *, confirmed: bool) -> Sequence[DictRow]:
    """Run a read, which begins with what every read says; raise `Unavailable`."""
    rows = postgres.all((CONFIRMED_READ if confirmed else READ) + statement, values)
    if not rows:
        raise Unavailable("the database gave no answer")
    return rows


def batch(rows: Sequence[DictRow], found: Mapping[Key, Found]) -> Batch[Key, Found]:
    """Return what was found, with what every read says."""
    return Batch(found, rows[0]["now"], rows[0]["timeline"])


def _token(row: DictRow) -> AccessTokenRecord:
    return AccessTokenRecord(
        client_id=row["client_id"],
        client_epoch=row["client_epoch"],
        scopes=tuple(row["scopes"]),
        audience=row["audience"],
        issued_at=row["issued_at"],
        expires_at=row["expires_at"],
        revoked=row["revoked"],
        client=_client(row),
        grant_id=row["grant_id"],
        grant=None if row["grant_client_id"] is None else _grant(row),
        covering=frozenset(row["covering"]),
        groups=frozenset(row["groups"]),
        policy_version=row["policy_version"],
    )


def _refresh_token(row: DictRow) -> RefreshTokenRecord:
    return RefreshTokenRecord(
        grant=_grant(row),
        scopes=tuple(row["scopes"]),
        client=_client(row),
        generation=row["refresh_generation"],
        digest=row["refresh_digest"],
        may_refresh=row["may_refresh"],
        issued_at=row["issued_at"],
        expires_at=row["expires_at"],
    )


def _policy(row: DictRow) -> ResourcePolicy:
    groups = _by_first(row["service_groups"])
    return ResourcePolicy(
        resource=row["asked_resource"],
        version=row["policy_version"],
        callers=frozenset(row["callers"]),
        services={service: groups.get(service, frozenset()) for service in row["services"]},
        covers=_by_first(row["covers"]),
    )


def _by_first(pairs: Sequence[tuple[str, str]]) -> dict[str, frozenset[str]]:
    found: dict[str, set[str]] = {}
    for first, second in pairs:
        found.setdefault(first, set()).add(second)
    return {first: frozenset(seconds) for first, seconds in found.items()}


def _client(row: DictRow) -> Client | None:
    if row["client_epoch_now"] is None:
        return None
    return Client(row["client_enabled"], row["client_epoch_now"], frozenset(row["client_scopes"]))


def _grant(row: DictRow) -> Grant:
    deleted = row["user_id"] is None
    return Grant(
        client_id=row["grant_client_id"],
        user_id=row["grant_user_id"],
        end_reason=row["grant_end_reason"],
        client_epoch=row["grant_client_epoch"],
        user_epoch=row["grant_user_epoch"],
        consent_epoch=row["grant_consent_epoch"],
        owner=None
        if deleted
        else ResourceOwner(row["user_id"], row["username"], row["user_enabled"], row["user_epoch_now"]),
        consent_epoch_now=row["consent_epoch_now"],
    )
