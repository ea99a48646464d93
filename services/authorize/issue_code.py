"""Issuing an authorization code (RFC 6749 §4.1.2)."""

from services.authorize.challenge_reuse import ChallengeReuse
from services.authorize.model import Approval, IssuedCode
from services.authorize.ports import CodeStore
from services.authorize.request import AuthorizationRequest
from tallystick.oauth2.authorization_code import ID_BYTES, SECRET_BYTES, AuthorizationCode, new_authorization_code
from tallystick.oauth2.subject import user_subject
from tallystick.runtime.audit_event import Audit, AuditEvent, EventKind
from tallystick.runtime.log import logger
from tallystick.runtime.randomness import Randomness

_log = logger(__name__)


class IssueCode:
    """Draws codes and keeps what they stand for."""

    def __init__(
        self,
        codes: CodeStore,
        challenge_reuse: ChallengeReuse,
        randomness: Randomness,
        audit: Audit,
        *,
        lifetime_seconds: int,
    ) -> None:
        self._codes = codes
        self._challenge_reuse = challenge_reuse
        self._randomness = randomness
        self._audit = audit
        self._lifetime_seconds = lifetime_seconds

    async def issue(self, request: AuthorizationRequest, approval: Approval) -> AuthorizationCode:
        """Return a code for what was approved; raise `Unavailable` when it cannot be kept."""
        code = new_authorization_code(self._randomness.octets(ID_BYTES), self._randomness.octets(SECRET_BYTES))
        issued = IssuedCode(
            code_id=code.code_id,
            digest=code.digest,
            grant_id=self._randomness.uuid(),
            client_id=request.client_id,
            redirect_uri=request.redirect_uri,
            redirect_uri_sent=request.redirect_uri_sent,
            code_challenge=request.code_challenge,
            approval=approval,
        )
        await self._codes.put(issued, seconds=self._lifetime_seconds)
        await self._challenge_reuse.notice(request)
        _log.info(
            "code_issued",
            code_id=issued.code_id,
            grant_id=str(issued.grant_id),
            client_id=issued.client_id,
            user_id=str(approval.user_id),
            scopes=approval.scopes,
        )
        await self._audit.record(
            AuditEvent(
                EventKind.CODE_ISSUED,
                actor=user_subject(approval.user_id),
                client_id=issued.client_id,
                user_id=approval.user_id,
                grant_id=issued.grant_id,
                attributes={"scope": " ".join(approval.scopes)},
            )
        )
        return code
