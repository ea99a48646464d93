"""A code challenge that comes again and again is noticed: every request has one of its own (RFC 9700 §2.1.1).

A client that uses one verifier for all its requests has no protection from PKCE: who learns it once can redeem any code
of it. Nothing is refused for that, as the one who would have to mend it is the client's author and not its user.
"""

from services.authorize.ports import ChallengeUses
from services.authorize.request import AuthorizationRequest
from tallystick.oauth2.opaque_token import digest
from tallystick.runtime.audit_event import Audit, AuditEvent, EventKind
from tallystick.runtime.log import logger

_log = logger(__name__)

# A second code is also what people get who go back to the client's request and approve it again.
NOTICED_AT = 3
_WINDOW_SECONDS = 24 * 3600


class ChallengeReuse:
    """Counts the codes that a client gets with one challenge."""

    def __init__(self, uses: ChallengeUses, audit: Audit) -> None:
        self._uses = uses
        self._audit = audit

    async def notice(self, request: AuthorizationRequest) -> None:
        """Count a code, and tell the log and the audit of the third within a day; raise `Unavailable` if it cannot."""
        if request.code_challenge is None:
            return
        used = digest(f"{request.client_id}:{request.code_challenge.value}")
        if await self._uses.count(used, seconds=_WINDOW_SECONDS) == NOTICED_AT:
            _log.warning("challenge_reused", client_id=request.client_id, codes=NOTICED_AT)
            await self._audit.record(
                AuditEvent(
                    EventKind.CHALLENGE_REUSED, client_id=request.client_id, attributes={"codes": str(NOTICED_AT)}
                )
            )
