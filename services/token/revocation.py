"""The one way by which a grant ends, with all its tokens, and who brought it about is told in the same transaction.

Nobody is told of an end, by whomever, before no replica of introspect remembers the grant as it was.
"""

from uuid import UUID

from services.token.events import Actor, grant_ended
from services.token.model import EndReason
from services.token.ports import Finality, Grants
from tallystick.runtime.log import logger

_log = logger(__name__)


class Revocation:
    """Ends grants."""

    def __init__(self, grants: Grants, finality: Finality) -> None:
        self._grants = grants
        self._finality = finality

    async def end(self, grant_id: UUID, reason: EndReason, *, actor: Actor) -> None:
        """End a grant, or find it ended; it is over everywhere when this returns.

        `actor` is whoever brought it about. Raises `Unavailable` when it may not be over.
        """
        parties = await self._grants.parties(grant_id)
        newly = parties is not None and await self._grants.end(
            grant_id, reason, *grant_ended(grant_id, parties, reason, actor=actor)
        )
        _log.warning("grant_ended", grant_id=str(grant_id), reason=reason.value, newly=newly)
        await self._finality.until_final()

    async def found_over(self) -> None:
        """Return when what has just ended, or was found to have ended, may be called so; raise `Unavailable`."""
        await self._finality.until_final()
