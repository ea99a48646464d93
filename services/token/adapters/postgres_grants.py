"""Grants: the insert that decides who spent a code, what is kept of the code, and the end of a grant."""

from typing import LiteralString
from uuid import UUID

from services.token.adapters.lost_connection import repeated_once
from services.token.adapters.postgres_tokens import INSERT_TOKEN_FROM, SERVICE, token_values
from services.token.model import AccessTokenRecord, EndReason, GrantParties, Redemption, Spender, SpentCode
from tallystick.oauth2.pkce import CodeChallenge, CodeChallengeMethod
from tallystick.runtime.audit_event import AuditEvent
from tallystick.runtime.audit_trail import INSERT_EVENTS_FROM, event_values, with_events_or_without
from tallystick.runtime.failures import Unavailable
from tallystick.runtime.postgres import AsyncPostgres, Values

# Spend a code: the grant, its first access token and the event, or nothing if any grant has this code or id already.
# Without a conflict target, since rivals carry the same code and the same grant id.
REDEEM: LiteralString = (
    """
WITH spent AS (
    INSERT INTO grants
        (grant_id, code_id, code_digest, redemption_id, client_id, user_id, scopes, redirect_uri, redirect_uri_sent,
         code_challenge, code_challenge_method, client_epoch, user_epoch, consent_epoch, refresh_generation,
         refresh_digest, refresh_limit_left, refresh_idle_expires_at, refresh_expires_at, access_expires_at)
    VALUES
        (%(grant_id)s, %(code_id)s, %(code_digest)s, %(redemption_id)s, %(client_id)s, %(user_id)s, %(scopes)s,
         %(redirect_uri)s, %(redirect_uri_sent)s, %(code_challenge)s, %(code_challenge_method)s, %(client_epoch)s,
         %(user_epoch)s, %(consent_epoch)s, %(refresh_generation)s, %(refresh_digest)s, %(refresh_limit)s,
         clock_timestamp() + %(refresh_idle_lifetime)s::interval, clock_timestamp() + %(refresh_lifetime)s::interval,
         %(token_expires_at)s)
    ON CONFLICT DO NOTHING
    RETURNING grant_id, redemption_id
), issued AS ("""
    + INSERT_TOKEN_FROM
    + """spent
), told AS ("""
    + INSERT_EVENTS_FROM
    + """spent
)
SELECT grant_id, redemption_id FROM spent
"""
)

# Who spent a code; a statement of its own, as the one that ran into the conflict cannot see the other's row.
FIND_SPENDER: LiteralString = """
SELECT grant_id, redemption_id FROM grants WHERE code_id = %(code_id)s OR grant_id = %(grant_id)s
"""

# What a spent code was issued for.
FIND_SPENT_CODE: LiteralString = """
SELECT grant_id, client_id, user_id, code_digest, redirect_uri, redirect_uri_sent, code_challenge, code_challenge_method
FROM grants WHERE code_id = %(code_id)s
"""

# Whose grant it is.
FIND_PARTIES: LiteralString = "SELECT client_id, user_id FROM grants WHERE grant_id = %(grant_id)s"

# End a grant that has not ended.
END_GRANT: LiteralString = """
UPDATE grants SET ended_at = clock_timestamp(), end_reason = %(reason)s
WHERE grant_id = %(grant_id)s AND ended_at IS NULL
RETURNING grant_id
"""

# The grant, if it was changed in this very transaction.
_CHANGED_HERE: LiteralString = "grants g WHERE g.grant_id = %(grant_id)s AND g.xmin = pg_current_xact_id()::xid"

# Tell the audit why it ended.
TELL_END: LiteralString = INSERT_EVENTS_FROM + _CHANGED_HERE

# Tell whoever remembers a grant to read it again.
_LOG_FROM: LiteralString = "INSERT INTO invalidations (kind, key) SELECT 'grant', g.grant_id::text FROM "
LOG_GRANT: LiteralString = _LOG_FROM + _CHANGED_HERE


class PostgresGrants:
    """Implements `Grants`."""

    def __init__(self, postgres: AsyncPostgres) -> None:
        self._postgres = postgres

    async def redeem(self, redemption: Redemption, token: AccessTokenRecord, event: AuditEvent) -> Spender:
        """Spend a code, unless somebody did before; return who did."""
        values = {**_redemption_values(redemption), **token_values(token), **event_values(SERVICE, event)}
        row = await repeated_once(lambda: self._postgres.one(REDEEM, values))
        if row is None:
            code = redemption.code
            row = await self._postgres.one(FIND_SPENDER, {"code_id": code.code_id, "grant_id": code.grant_id})
        if row is None:
            raise Unavailable("who spent the code cannot be told now")
        return Spender(row["grant_id"], row["redemption_id"])

    async def spent_code(self, code_id: str) -> SpentCode | None:
        """Return what a spent code was issued for; None when no grant came of it."""
        row = await self._postgres.one(FIND_SPENT_CODE, {"code_id": code_id})
        if row is None:
            return None
        challenge = None
        if row["code_challenge"] is not None:
            challenge = CodeChallenge(row["code_challenge"], CodeChallengeMethod(row["code_challenge_method"]))
        return SpentCode(
            grant_id=row["grant_id"],
            client_id=row["client_id"],
            user_id=row["user_id"],
            code_digest=row["code_digest"],
            redirect_uri=row["redirect_uri"],
            redirect_uri_sent=row["redirect_uri_sent"],
            code_challenge=challenge,
        )

    async def parties(self, grant_id: UUID) -> GrantParties | None:
        """Return whose grant it is; None for an unknown one."""
        # Together, as a grant that is not there is called ended.
        [rows] = await self._postgres.together((FIND_PARTIES, {"grant_id": grant_id}))
        return GrantParties(rows[0]["client_id"], rows[0]["user_id"]) if rows else None

    async def end(self, grant_id: UUID, reason: EndReason, *events: AuditEvent) -> bool:
        """End a grant for good, tell why, and log that it must be read again; say whether it had not ended before."""
        grant = {"grant_id": grant_id, "reason": reason.value}

        async def end(told: Values) -> bool:
            values = {**grant, **told}
            statements = ((END_GRANT, values), (TELL_END, values), (LOG_GRANT, values))
            ended, *_ = await repeated_once(lambda: self._postgres.together(*statements))
            return bool(ended)

        return await with_events_or_without(end, SERVICE, *events)


def _redemption_values(redemption: Redemption) -> Values:
    code, challenge, family = redemption.code, redemption.code.code_challenge, redemption.family
    return {
        "grant_id": code.grant_id,
        "code_id": code.code_id,
        "code_digest": code.code_digest,
        "redemption_id": redemption.redemption_id,
        "client_id": redemption.client_id,
        "user_id": code.user_id,
        "scopes": list(code.scopes),
        "redirect_uri": code.redirect_uri,
        "redirect_uri_sent": code.redirect_uri_sent,
        "code_challenge": None if challenge is None else challenge.value,
        "code_challenge_method": None if challenge is None else challenge.method.value,
        "client_epoch": code.client_epoch,
        "user_epoch": code.user_epoch,
        "consent_epoch": code.consent_epoch,
        "refresh_generation": None if family is None else 0,
        "refresh_digest": None if family is None else family.digest,
        "refresh_limit": None if family is None else family.limit,
        "refresh_idle_lifetime": None if family is None else family.idle_lifetime,
        "refresh_lifetime": None if family is None else family.lifetime,
    }
