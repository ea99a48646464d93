"""Checking an authorization code on behalf of token (RFC 6749 §4.1.3).

Nothing is changed: whoever saw only the code cannot burn it, and every valid presentation gets the same answer. Who
spends the code is decided by token's insert.
"""

import hmac
from dataclasses import dataclass, field

from services.authorize.model import IssuedCode, Standing
from services.authorize.ports import CodeStore, ConsentStore
from tallystick.oauth2 import pkce
from tallystick.oauth2.authorization_code import AuthorizationCode, parse_authorization_code
from tallystick.oauth2.redirect_uri import matches_authorization_request
from tallystick.runtime.audit_event import Audit, AuditEvent, EventKind, Outcome
from tallystick.runtime.failures import NotFound, Refused

CODE_UNKNOWN = "CODE_UNKNOWN"
"""The reason of `NotFound`."""
CODE_MISMATCH = "CODE_MISMATCH"
"""The reason of `Refused`."""


@dataclass(frozen=True, slots=True)
class PresentedCode:
    """What a client presented at the token endpoint; what it left out is None. The secrets are kept out of `repr`."""

    code: bytes = field(repr=False)
    client_id: str
    redirect_uri: bytes | None
    code_verifier: bytes | None = field(repr=False)


class CheckCode:
    """Compares presented codes with what was stored when they were issued."""

    def __init__(self, codes: CodeStore, consents: ConsentStore, audit: Audit) -> None:
        self._codes = codes
        self._consents = consents
        self._audit = audit

    async def check(self, presented: PresentedCode) -> IssuedCode:
        """Return what the code stands for.

        Raises `NotFound` when there is no such code, `Refused` when it was not issued for what comes with it or does
        not stand any more, and `Unavailable` when that cannot be known.
        """
        code = parse_authorization_code(_text(presented.code) or "")
        issued = None if code is None else await self._codes.find(code.code_id)
        if code is None or issued is None:
            raise NotFound("the code is not known", reason=CODE_UNKNOWN)
        mismatch = _mismatch(issued, code, presented)
        if mismatch is None:
            standing = await self._consents.standing(issued.approval.user_id, issued.client_id)
            mismatch = _lapse(issued, standing)
        if mismatch is not None:
            await self._audit.record(_mismatched(issued, presented, mismatch))
            detail = f"{mismatch}, code_id {issued.code_id}"
            raise Refused("the code was not issued for this", reason=CODE_MISMATCH, detail=detail)
        return issued


def _mismatch(issued: IssuedCode, code: AuthorizationCode, presented: PresentedCode) -> str | None:
    """Say what does not fit; None when all of it does."""
    if not hmac.compare_digest(issued.digest, code.digest):
        return "another secret"
    if issued.client_id != presented.client_id:
        return "another client"
    challenge = issued.code_challenge
    if not matches_authorization_request(
        _text(presented.redirect_uri),
        issued.redirect_uri,
        was_sent=issued.redirect_uri_sent,
        has_challenge=challenge is not None,
    ):
        return "another redirect_uri"
    if not pkce.answers(_text(presented.code_verifier), challenge):
        return "the code_verifier does not answer the challenge"
    return None


def _mismatched(issued: IssuedCode, presented: PresentedCode, mismatch: str) -> AuditEvent:
    # Of the client that the code was issued to. Token knows the one that came with it as registered.
    return AuditEvent(
        EventKind.CODE_MISMATCHED,
        Outcome.REFUSED,
        client_id=issued.client_id,
        user_id=issued.approval.user_id,
        grant_id=issued.grant_id,
        detail=mismatch,
        attributes={} if presented.client_id == issued.client_id else {"presented_by": presented.client_id},
    )


def _text(octets: bytes | None) -> str | None:
    # Latin-1 gives every byte a character of its own; no code, redirect URI or verifier of ours holds any beyond ASCII.
    return None if octets is None else octets.decode("latin-1")


def _lapse(issued: IssuedCode, now: Standing | None) -> str | None:
    """Say what the code rested on and is no more; None when it still stands."""
    if now is None:
        return "user, client or consent is gone"
    approval = issued.approval
    if not now.client_enabled or now.client_epoch != approval.client_epoch:
        return "the client was disabled or revoked"
    if not now.user_enabled or now.user_epoch != approval.user_epoch:
        return "the user was disabled or revoked"
    if now.consent_epoch != approval.consent_epoch:
        return "the consent was withdrawn"
    return None
