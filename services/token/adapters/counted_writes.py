"""Stores whose writes are counted: each event once it is kept, and not one that found nothing to do.

What a write tells the audit is kept with it and by it, so nobody else learns whether it was.
"""

from collections.abc import Callable
from uuid import UUID

from services.token.model import (
    AccessTokenRecord,
    EndReason,
    FamilyState,
    GrantParties,
    Redemption,
    Rotation,
    Spender,
    SpentCode,
)
from services.token.ports import AccessTokens, Grants, RefreshFamilies
from tallystick.runtime.audit_event import AuditEvent

Counted = Callable[[AuditEvent], None]


class CountedGrants:
    """Implements `Grants`."""

    def __init__(self, grants: Grants, counted: Counted) -> None:
        self._grants = grants
        self._counted = counted

    async def redeem(self, redemption: Redemption, token: AccessTokenRecord, event: AuditEvent) -> Spender:
        """Spend a code; count the event of whoever spent it first."""
        spender = await self._grants.redeem(redemption, token, event)
        if spender.redemption_id == redemption.redemption_id:
            self._counted(event)
        return spender

    async def spent_code(self, code_id: str) -> SpentCode | None:
        """Return what a spent code was issued for."""
        return await self._grants.spent_code(code_id)

    async def parties(self, grant_id: UUID) -> GrantParties | None:
        """Return whose grant it is."""
        return await self._grants.parties(grant_id)

    async def end(self, grant_id: UUID, reason: EndReason, *events: AuditEvent) -> bool:
        """End a grant; count the events if it had not ended before."""
        newly = await self._grants.end(grant_id, reason, *events)
        if newly:
            for event in events:
                self._counted(event)
        return newly


class CountedFamilies:
    """Implements `RefreshFamilies`."""

    def __init__(self, families: RefreshFamilies, counted: Counted) -> None:
        self._families = families
        self._counted = counted

    async def state(self, grant_id: UUID) -> FamilyState | None:
        """Return a family."""
        return await self._families.state(grant_id)

    async def rotate(self, rotation: Rotation, token: AccessTokenRecord, event: AuditEvent) -> bool:
        """Replace the presented generation; count the event if that was done."""
        done = await self._families.rotate(rotation, token, event)
        if done:
            self._counted(event)
        return done

    async def keep_beside(self, state: FamilyState, token: AccessTokenRecord, event: AuditEvent) -> bool:
        """Keep a new access token; count the event if that was done."""
        done = await self._families.keep_beside(state, token, event)
        if done:
            self._counted(event)
        return done


class CountedAccessTokens:
    """Implements `AccessTokens`."""

    def __init__(self, tokens: AccessTokens, counted: Counted) -> None:
        self._tokens = tokens
        self._counted = counted

    async def keep(self, token: AccessTokenRecord, event: AuditEvent) -> None:
        """Keep a token and count the event."""
        await self._tokens.keep(token, event)
        self._counted(event)
