"""The one way by which a grant ends, with all its tokens: a replay, a reuse, or an operator."""

from uuid import UUID

from services.token.model import EndReason
from services.token.ports import Grants
from tallystick.runtime.log import logger

_log = logger(__name__)


class Revocation:
    """Ends grants."""

    def __init__(self, grants: Grants) -> None:
        self._grants = grants

    async def end(self, grant_id: UUID, reason: EndReason) -> None:
        """End a grant, or find it ended; it is over when this returns. Raises `Unavailable` when it may not be."""
        newly = await self._grants.end(grant_id, reason)
        _log.warning("grant_ended", grant_id=str(grant_id), reason=reason.value, newly=newly)
