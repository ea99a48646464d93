"""Consents, in Postgres, and what the codes issued on them rest on."""

from collections.abc import Collection
from typing import LiteralString
from uuid import UUID

from psycopg.errors import ForeignKeyViolation
from psycopg.rows import DictRow

from services.authorize.adapters.postgres_clients import MAY_REFRESH
from services.authorize.model import Approval, Standing, User
from services.authorize.request import AuthorizationRequest
from tallystick.oauth2.scope import narrowed, scope_string
from tallystick.oauth2.subject import user_subject
from tallystick.runtime.audit_event import AuditEvent, EventKind
from tallystick.runtime.audit_trail import INSERT_EVENTS_FROM, event_values
from tallystick.runtime.postgres import AsyncPostgres, Values

# Record what a user allows a client, if both still stand, of what the client may still ask for. The epochs are those of
# one moment: whatever is withdrawn later raises one of them, the code ends with it, and the consent is remembered no
# more. What was allowed before and not asked for now stays remembered, if it was at the same epochs, for the same
# redirect URI, and the scopes mean what they did then.
_PARTIES: LiteralString = """
WITH parties AS (
    SELECT u.user_id, u.epoch AS user_epoch, c.client_id, c.epoch AS client_epoch, """
_RECORDED: LiteralString = """ AS offline
    FROM users u, clients c
    WHERE u.user_id = %(user_id)s AND u.enabled AND u.epoch = %(user_epoch)s
        AND c.client_id = %(client_id)s AND c.enabled
), allowed AS (
    SELECT array_agg(s.name ORDER BY s.name) AS names, array_agg(s.version ORDER BY s.name) AS versions
    FROM client_scopes cs
    JOIN scopes s ON s.name = cs.scope
    WHERE cs.client_id = %(client_id)s AND s.name = ANY (%(scopes)s)
), recorded AS (
    INSERT INTO consents
        (user_id, client_id, scopes, scope_versions, redirect_uri, user_epoch, client_epoch, offline)
    SELECT p.user_id, p.client_id, a.names, a.versions, %(redirect_uri)s, p.user_epoch, p.client_epoch, p.offline
    FROM parties p, allowed a
    WHERE a.names IS NOT NULL
    ON CONFLICT (user_id, client_id) DO UPDATE SET
        (scopes, scope_versions) = (
            SELECT array_agg(kept.name ORDER BY kept.name), array_agg(kept.version ORDER BY kept.name)
            FROM (
                SELECT * FROM unnest(excluded.scopes, excluded.scope_versions) AS now_allowed (name, version)
                UNION ALL
                SELECT before.name, before.version
                FROM unnest(consents.scopes, consents.scope_versions) AS before (name, version)
                JOIN scopes s ON s.name = before.name AND s.version = before.version
                WHERE consents.redirect_uri = excluded.redirect_uri AND NOT before.name = ANY (%(asked)s)
                    AND consents.user_epoch = excluded.user_epoch AND consents.client_epoch = excluded.client_epoch
            ) AS kept
        ),
        redirect_uri = excluded.redirect_uri,
        user_epoch = excluded.user_epoch,
        client_epoch = excluded.client_epoch,
        offline = excluded.offline,
        given_at = CASE
            WHEN cardinality(consents.scopes) > 0
                AND consents.user_epoch = excluded.user_epoch AND consents.client_epoch = excluded.client_epoch
            THEN consents.given_at ELSE excluded.given_at
        END,
        updated_at = clock_timestamp()
    RETURNING epoch
), told AS ("""
_APPROVED: LiteralString = """recorded)
SELECT a.names AS scopes, r.epoch AS consent_epoch, p.user_epoch, p.client_epoch
FROM recorded r, parties p, allowed a
"""
RECORD_CONSENT: LiteralString = _PARTIES + MAY_REFRESH + _RECORDED + INSERT_EVENTS_FROM + _APPROVED

# Approve what was allowed before, if all that is asked for was, and everything that this rested on is as it was.
# An epoch that is not known equals none, and access while the user is away has to have been agreed to.
_REMEMBERED: LiteralString = """
SELECT n.epoch AS consent_epoch, u.epoch AS user_epoch, c.epoch AS client_epoch
FROM consents n
JOIN users u ON u.user_id = n.user_id AND u.epoch = n.user_epoch
JOIN clients c ON c.client_id = n.client_id AND c.epoch = n.client_epoch
WHERE n.user_id = %(user_id)s AND u.enabled AND u.epoch = %(user_epoch)s
    AND n.client_id = %(client_id)s AND c.enabled
    AND n.redirect_uri = %(redirect_uri)s AND %(redirect_uri)s = ANY (c.redirect_uris)
    AND cardinality(%(scopes)s::text[]) > 0
    AND NOT EXISTS (
        SELECT FROM unnest(%(scopes)s::text[]) AS asked (name)
        WHERE NOT EXISTS (
            SELECT FROM unnest(n.scopes, n.scope_versions) AS before (name, version)
            JOIN scopes s ON s.name = before.name AND s.version = before.version
            JOIN client_scopes cs ON cs.scope = s.name AND cs.client_id = n.client_id
            WHERE before.name = asked.name
        )
    )
    AND (n.offline OR NOT """
FIND_REMEMBERED: LiteralString = _REMEMBERED + MAY_REFRESH + ")"

# User, client and consent behind a code, as they are now.
FIND_STANDING: LiteralString = """
SELECT c.enabled AS client_enabled, c.epoch AS client_epoch, u.enabled AS user_enabled, u.epoch AS user_epoch,
    n.epoch AS consent_epoch
FROM consents n
JOIN clients c ON c.client_id = n.client_id
JOIN users u ON u.user_id = n.user_id
WHERE n.user_id = %(user_id)s AND n.client_id = %(client_id)s
"""


class PostgresConsents:
    """Implements `ConsentStore`."""

    def __init__(self, postgres: AsyncPostgres, service: str) -> None:
        self._postgres = postgres
        self._service = service

    async def record(self, user: User, request: AuthorizationRequest, scopes: Collection[str]) -> Approval | None:
        """Record what a user allows a client and return it; None when that is nothing, or one of them has changed."""
        values = {
            **_asked(user, request),
            "scopes": list(scopes),
            "asked": list(request.scopes),
            **event_values(self._service, _given(user, request, scopes)),
        }
        try:
            row = await self._postgres.one(RECORD_CONSENT, values)
        except ForeignKeyViolation:  # user or client was deleted between the statement's snapshot and its insert
            return None
        return None if row is None else _approval(user, narrowed(scopes, row["scopes"]), row)

    async def remembered(self, user: User, request: AuthorizationRequest) -> Approval | None:
        """Return an approval of all that is asked for, if all of it was allowed before and everything still holds."""
        values = {**_asked(user, request), "scopes": list(request.scopes)}
        row = await self._postgres.one(FIND_REMEMBERED, values)
        return None if row is None else _approval(user, request.scopes, row)

    async def standing(self, user_id: UUID, client_id: str) -> Standing | None:
        """Return what a code rests on; None when user, client or consent is not there."""
        row = await self._postgres.one(FIND_STANDING, {"user_id": user_id, "client_id": client_id})
        return None if row is None else Standing(**row)


def _asked(user: User, request: AuthorizationRequest) -> Values:
    return {
        "user_id": user.user_id,
        "user_epoch": user.epoch,
        "client_id": request.client_id,
        "redirect_uri": request.redirect_uri,
    }


def _given(user: User, request: AuthorizationRequest, scopes: Collection[str]) -> AuditEvent:
    return AuditEvent(
        EventKind.CONSENT_GIVEN,
        actor=user_subject(user.user_id),
        client_id=request.client_id,
        user_id=user.user_id,
        attributes={"scope": scope_string(scopes)},
    )


def _approval(user: User, scopes: tuple[str, ...], row: DictRow) -> Approval:
    return Approval(
        user_id=user.user_id,
        scopes=scopes,
        client_epoch=row["client_epoch"],
        user_epoch=row["user_epoch"],
        consent_epoch=row["consent_epoch"],
    )
