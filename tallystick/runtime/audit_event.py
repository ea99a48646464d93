"""What the audit tells: one decision, who took part in it, and why it went as it did.

Nothing in an event is secret, and nothing is what a stranger typed: names, reasons and ids of ours, and no more.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol
from uuid import UUID


class Outcome(StrEnum):
    """Whether what was asked for was done."""

    SUCCESS = "success"
    REFUSED = "refused"


class EventKind(StrEnum):
    """Every kind of event."""

    AUTHORIZATION_REFUSED = "authorization_refused"
    SIGNED_IN = "signed_in"
    SIGN_IN_REFUSED = "sign_in_refused"
    SIGN_IN_THROTTLED = "sign_in_throttled"
    SIGNED_OUT = "signed_out"
    CONSENT_GIVEN = "consent_given"
    CONSENT_DENIED = "consent_denied"
    CONSENT_REMEMBERED = "consent_remembered"
    CONSENT_WITHDRAWN = "consent_withdrawn"
    CODE_ISSUED = "code_issued"
    CODE_MISMATCHED = "code_mismatched"
    CHALLENGE_REUSED = "challenge_reused"

    TOKEN_ISSUED = "token_issued"
    TOKEN_REFUSED = "token_refused"
    TOKEN_REVOKED = "token_revoked"
    REVOCATION_REFUSED = "revocation_refused"
    REFRESHED = "refreshed"
    REFRESH_RACED = "refresh_raced"
    REFRESH_REPEATED = "refresh_repeated"
    REFRESH_REUSED = "refresh_reused"
    CODE_REPLAYED = "code_replayed"
    GRANT_ENDED = "grant_ended"

    CLIENT_CREATED = "client_created"
    CLIENT_UPDATED = "client_updated"
    CLIENT_ENABLED = "client_enabled"
    CLIENT_DISABLED = "client_disabled"
    CLIENT_DELETED = "client_deleted"
    CLIENT_SECRET_ROTATED = "client_secret_rotated"
    CLIENT_REVOKED = "client_revoked"
    SCOPE_CREATED = "scope_created"
    SCOPE_UPDATED = "scope_updated"
    SCOPE_DELETED = "scope_deleted"
    RESOURCE_CREATED = "resource_created"
    RESOURCE_UPDATED = "resource_updated"
    RESOURCE_DELETED = "resource_deleted"
    GROUP_CREATED = "group_created"
    GROUP_UPDATED = "group_updated"
    GROUP_DELETED = "group_deleted"
    USER_CREATED = "user_created"
    USER_ENABLED = "user_enabled"
    USER_DISABLED = "user_disabled"
    USER_DELETED = "user_deleted"
    USER_PASSWORD_SET = "user_password_set"
    OPERATOR_CREATED = "operator_created"
    OPERATOR_REVOKED = "operator_revoked"


@dataclass(frozen=True, slots=True)
class AuditEvent:
    """One decision. `attributes` holds what only this kind of event has, such as `scope` or `grant_type`.

    `actor` is `user:<uuid>`, `client:<client_id>` or `operator:<name>`; empty when nobody is known. A public client is
    one that has only named itself; `authenticated` is then `false` among the attributes.
    """

    kind: EventKind
    outcome: Outcome = Outcome.SUCCESS
    actor: str = ""
    client_id: str | None = None
    user_id: UUID | None = None
    grant_id: UUID | None = None
    error: str = ""
    """The error code that the other side was told."""
    detail: str = ""
    """The reason, for operators only."""
    attributes: Mapping[str, str] = field(default_factory=dict)


class Audit(Protocol):
    """Where events go of which nothing else is written."""

    async def record(self, event: AuditEvent) -> None:
        """Keep an event; never fails, since what it tells of has been decided already."""
