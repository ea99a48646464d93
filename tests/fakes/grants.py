"""Grants in memory: the same promises as Postgres keeps, without Postgres."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

from services.token.model import (
    AccessTokenRecord,
    EndReason,
    FamilyState,
    GrantFilter,
    GrantParties,
    GrantPosition,
    GrantRecord,
    Redemption,
    RefreshFamily,
    Rotated,
    Rotation,
    Spender,
    SpentCode,
)
from tallystick.runtime.audit_event import AuditEvent

_ROTATIONS_KEPT = 8
START = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


@dataclass(slots=True)
class Party:
    """A client, a user or a consent: as much of them as a refresh depends on."""

    enabled: bool = True
    epoch: int = 0


@dataclass(slots=True)
class _Grant:
    redemption: Redemption
    created_at: datetime
    state: FamilyState | None
    refreshed_at: datetime | None = None
    ended_at: datetime | None = None
    end_reason: EndReason | None = None


@dataclass(slots=True)
class FakeGrantStore:
    """Implements `Grants`, `RefreshFamilies`, `GrantRecords` and `AccessTokens`.

    Each method gives way once before it acts, and acts in one piece, as a statement of a database does.
    """

    now: datetime = START
    clients: dict[str, Party] = field(default_factory=dict)
    users: dict[UUID, Party] = field(default_factory=dict)
    consents: dict[tuple[UUID, str], Party] = field(default_factory=dict)
    tokens: dict[bytes, AccessTokenRecord] = field(default_factory=dict)
    invalidations: list[tuple[str, str]] = field(default_factory=list)
    events: list[AuditEvent] = field(default_factory=list)
    _grants: dict[UUID, _Grant] = field(default_factory=dict)

    async def redeem(self, redemption: Redemption, token: AccessTokenRecord, event: AuditEvent) -> Spender:
        await asyncio.sleep(0)
        code, family = redemption.code, redemption.family
        for grant_id, other in self._grants.items():
            if grant_id == code.grant_id or other.redemption.code.code_id == code.code_id:
                return Spender(grant_id, other.redemption.redemption_id)
        self._grants[code.grant_id] = _Grant(
            redemption, self.now, None if family is None else self._begun(redemption, family)
        )
        self._keep(token, event)
        return Spender(code.grant_id, redemption.redemption_id)

    async def spent_code(self, code_id: str) -> SpentCode | None:
        await asyncio.sleep(0)
        for grant_id, grant in self._grants.items():
            code = grant.redemption.code
            if code.code_id == code_id:
                return SpentCode(
                    grant_id,
                    grant.redemption.client_id,
                    code.user_id,
                    code.code_digest,
                    code.redirect_uri,
                    code.redirect_uri_sent,
                    code.code_challenge,
                )
        return None

    async def parties(self, grant_id: UUID) -> GrantParties | None:
        await asyncio.sleep(0)
        grant = self._grants.get(grant_id)
        return None if grant is None else GrantParties(grant.redemption.client_id, grant.redemption.code.user_id)

    async def end(self, grant_id: UUID, reason: EndReason, *events: AuditEvent) -> bool:
        await asyncio.sleep(0)
        grant = self._grants.get(grant_id)
        if grant is None or grant.ended_at is not None:
            return False
        grant.ended_at, grant.end_reason = self.now, reason
        self.events += events
        self.invalidations.append(("grant", str(grant_id)))
        return True

    async def state(self, grant_id: UUID) -> FamilyState | None:
        await asyncio.sleep(0)
        grant = self._grants.get(grant_id)
        if grant is None or grant.state is None:
            return None
        return replace(grant.state, now=self.now, ended=grant.ended_at is not None, stands=self._stands(grant))

    async def rotate(self, rotation: Rotation, token: AccessTokenRecord, event: AuditEvent) -> bool:
        await asyncio.sleep(0)
        presented = rotation.presented
        grant = self._grants.get(presented.family)
        if grant is None or grant.state is None or not self._is_current(grant, presented.generation, presented.digest):
            return False
        state = grant.state
        if state.client_id != rotation.client_id or state.limit_left == 0:
            return False
        rotated = Rotated(self.now, state.digest, rotation.nonce, rotation.successor.key_id)
        grant.state = replace(
            state,
            generation=state.generation + 1,
            digest=rotation.successor.digest,
            limit_left=None if state.limit_left is None else state.limit_left - 1,
            idle_expires_at=self.now + rotation.idle_lifetime,
            rotations=(*state.rotations, rotated)[-_ROTATIONS_KEPT:],
        )
        grant.refreshed_at = self.now
        self._keep(token, event)
        return True

    async def keep_beside(self, state: FamilyState, token: AccessTokenRecord, event: AuditEvent) -> bool:
        await asyncio.sleep(0)
        grant = self._grants.get(state.grant_id)
        if grant is None or not self._is_current(grant, state.generation, state.digest):
            return token.digest in self.tokens
        self._keep(token, event)
        return True

    async def keep(self, token: AccessTokenRecord, event: AuditEvent) -> None:
        await asyncio.sleep(0)
        self._keep(token, event)

    async def get(self, grant_id: UUID) -> GrantRecord | None:
        await asyncio.sleep(0)
        grant = self._grants.get(grant_id)
        return None if grant is None else self._record(grant_id, grant)

    async def list(self, wanted: GrantFilter, *, after: GrantPosition | None, limit: int) -> Sequence[GrantRecord]:
        await asyncio.sleep(0)
        records = [self._record(grant_id, grant) for grant_id, grant in self._grants.items()]
        found = [
            record
            for record in records
            if wanted.client_id in {None, record.client_id}
            and wanted.user_id in {None, record.user_id}
            and (wanted.include_ended or record.ended_at is None)
            and (after is None or _order(record.created_at, record.grant_id) > _order(after.created_at, after.grant_id))
        ]
        return sorted(found, key=lambda record: _order(record.created_at, record.grant_id))[:limit]

    def pass_time(self, grant_id: UUID, by: timedelta) -> None:
        """Make everything about one grant older."""
        grant = self._grants[grant_id]
        grant.created_at -= by
        if grant.state is not None:
            grant.state = replace(
                grant.state,
                idle_expires_at=grant.state.idle_expires_at - by,
                expires_at=grant.state.expires_at - by,
                rotations=tuple(replace(rotated, at=rotated.at - by) for rotated in grant.state.rotations),
            )

    def _keep(self, token: AccessTokenRecord, event: AuditEvent) -> None:
        if token.digest not in self.tokens:
            self.tokens[token.digest] = token
            self.events.append(event)

    def _begun(self, redemption: Redemption, family: RefreshFamily) -> FamilyState:
        code = redemption.code
        return FamilyState(
            now=self.now,
            grant_id=code.grant_id,
            client_id=redemption.client_id,
            user_id=code.user_id,
            client_epoch=code.client_epoch,
            scopes=code.scopes,
            ended=False,
            stands=True,
            generation=0,
            digest=family.digest,
            limit_left=family.limit,
            idle_expires_at=self.now + family.idle_lifetime,
            expires_at=self.now + family.lifetime,
            rotations=(),
        )

    def _is_current(self, grant: _Grant, generation: int, digest: bytes) -> bool:
        state = grant.state
        return (
            state is not None
            and grant.ended_at is None
            and (state.generation, state.digest) == (generation, digest)
            and self.now < min(state.idle_expires_at, state.expires_at)
            and self._stands(grant)
        )

    def _stands(self, grant: _Grant) -> bool:
        client_id, code = grant.redemption.client_id, grant.redemption.code
        return all(
            party is not None and party.enabled and party.epoch == epoch
            for party, epoch in (
                (self.clients.get(client_id), code.client_epoch),
                (self.users.get(code.user_id), code.user_epoch),
                (self.consents.get((code.user_id, client_id)), code.consent_epoch),
            )
        )

    def _record(self, grant_id: UUID, grant: _Grant) -> GrantRecord:
        state, code = grant.state, grant.redemption.code
        return GrantRecord(
            grant_id=grant_id,
            client_id=grant.redemption.client_id,
            user_id=code.user_id,
            scopes=code.scopes,
            created_at=grant.created_at,
            refreshed_at=grant.refreshed_at,
            refresh_generation=None if state is None else state.generation,
            refresh_limit_left=None if state is None else state.limit_left,
            refresh_expires_at=None if state is None else state.expires_at,
            ended_at=grant.ended_at,
            end_reason=grant.end_reason,
            live=self._lives(grant_id, grant),
        )

    def _lives(self, grant_id: UUID, grant: _Grant) -> bool:
        refreshable = (
            grant.state is not None
            and self.now < min(grant.state.idle_expires_at, grant.state.expires_at)
            and grant.state.limit_left != 0
        )
        has_token = any(token.grant_id == grant_id and self.now < token.expires_at for token in self.tokens.values())
        return grant.ended_at is None and self._stands(grant) and (refreshable or has_token)


def _order(created_at: datetime, grant_id: UUID) -> tuple[timedelta, str]:
    return (START - created_at, str(grant_id))
