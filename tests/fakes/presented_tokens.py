"""Access tokens that somebody wants to be over, in memory."""

import asyncio
from dataclasses import dataclass, field

from services.token.model import PresentedToken
from tallystick.oauth2.opaque_token import AccessToken
from tallystick.runtime.audit_event import AuditEvent
from tests.fakes.grants import FakeGrantStore


@dataclass(slots=True)
class FakePresentedTokens:
    """Implements `PresentedTokens` over the tokens of a store of grants."""

    store: FakeGrantStore
    revoked: set[bytes] = field(default_factory=set)

    async def find(self, token: AccessToken) -> PresentedToken | None:
        await asyncio.sleep(0)
        record = self.store.tokens.get(token.digest)
        if record is None or record.bucket != token.bucket:
            return None
        parties = await self.store.parties(record.grant_id) if record.grant_id else None
        user_id = parties.user_id if parties else None
        over = token.digest in self.revoked or record.expires_at <= self.store.now
        return PresentedToken(record.client_id, record.grant_id, user_id, over=over)

    async def revoke(self, token: AccessToken, event: AuditEvent) -> bool:
        await asyncio.sleep(0)
        record = self.store.tokens.get(token.digest)
        if record is None or record.grant_id is not None or token.digest in self.revoked:
            return False
        self.revoked.add(token.digest)
        self.store.events.append(event)
        self.store.invalidations.append(("token", token.digest.hex()))
        return True
