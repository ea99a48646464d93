"""What operators do with grants: look, and end."""

from collections.abc import Sequence
from uuid import UUID

from services.token.events import Actor
from services.token.grant_page import page_size, page_token, position
from services.token.model import EndReason, GrantFilter, GrantPosition, GrantRecord, TimelineEvent
from services.token.ports import GrantRecords, GrantTimelines
from services.token.revocation import Revocation
from tallystick.runtime.failures import NotFound

_LONGEST_TIMELINE = 1000


class GrantAdministration:
    """Shows and ends grants."""

    def __init__(self, records: GrantRecords, timelines: GrantTimelines, revocation: Revocation) -> None:
        self._records = records
        self._timelines = timelines
        self._revocation = revocation

    async def get(self, grant_id: UUID) -> GrantRecord:
        """Return a grant; raise `NotFound`."""
        record = await self._records.get(grant_id)
        if record is None:
            raise NotFound("there is no such grant")
        return record

    async def timeline(self, grant_id: UUID) -> tuple[GrantRecord, Sequence[TimelineEvent]]:
        """Return a grant and what happened to it, oldest first, the newest 1,000 at the most; raise `NotFound`."""
        record = await self.get(grant_id)
        return record, await self._timelines.of(record, limit=_LONGEST_TIMELINE)

    async def list(self, wanted: GrantFilter, size: int, token: str) -> tuple[Sequence[GrantRecord], str]:
        """Return a page, newest first, and the token of the next one, empty at the end; raise `Invalid`."""
        limit = page_size(size)
        found = await self._records.list(wanted, after=position(token), limit=limit + 1)
        page = found[:limit]
        if len(found) <= limit:
            return page, ""
        return page, page_token(GrantPosition(page[-1].created_at, page[-1].grant_id))

    async def revoke(self, grant_id: UUID, *, actor: str) -> GrantRecord:
        """End a grant and return it as it is now; one that has ended stays as it is. Raises `NotFound`.

        `actor` is the operator who wants it, as the audit names them.
        """
        await self.get(grant_id)
        await self._revocation.end(grant_id, EndReason.REVOKED_BY_OPERATOR, actor=Actor(actor))
        return await self.get(grant_id)
