"""The one way by which a grant ends, with all its tokens, and who brought it about is told in the same transaction."""

from uuid import UUID

from services.token.events import Actor, grant_ended
from services.token.model import EndReason
from services.token.ports import Grants
from tallystick.runtime.log import logger

_log = logger(__name__)


class Revocation:
    """Ends grants."""

    def __init__(self, grants: Grants) -> None:
        self._grants = grants

    async def end(self, grant_id: UUID, reason: EndReason, *, actor: Actor) -> None:
        """End a grant, or find it ended; it is over when this returns. Raises `Unavailable` when it may not be.

        `actor` is whoever brought it about.
        """
        parties = await self._grants.parties(grant_id)
        newly = parties is not None and await self._grants.end(
            grant_id, reason, *grant_ended(grant_id, parties, reason, actor=actor)
        )
        _log.warning("grant_ended", grant_id=str(grant_id), reason=reason.value, newly=newly)
