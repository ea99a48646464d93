"""What the audit is told of tokens and grants: pure, and free of secrets."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from uuid import UUID

from services.token.model import (
    AccessTokenRecord,
    CheckedCode,
    Client,
    EndReason,
    FamilyState,
    GrantParties,
    RefreshFamily,
)
from services.token.refresh_rotation import Repeat
from tallystick.oauth2.client import ClientType, GrantType
from tallystick.oauth2.errors import OAuthError
from tallystick.oauth2.scope import scope_string
from tallystick.oauth2.subject import client_subject
from tallystick.runtime.audit_event import AuditEvent, EventKind, Outcome

_REPEATED = {Repeat.RACE: EventKind.REFRESH_RACED, Repeat.LOST_ANSWER: EventKind.REFRESH_REPEATED}
_CAUSES = {
    EndReason.CODE_REPLAYED: (EventKind.CODE_REPLAYED, Outcome.REFUSED, "invalid_grant"),
    EndReason.REFRESH_REUSED: (EventKind.REFRESH_REUSED, Outcome.REFUSED, "invalid_grant"),
    EndReason.REVOKED_BY_CLIENT: (EventKind.TOKEN_REVOKED, Outcome.SUCCESS, ""),
}


@dataclass(frozen=True, slots=True)
class Actor:
    """Whoever brings something about, as the audit names them: `client:<client_id>`, `operator:<name>`."""

    name: str
    attributes: Mapping[str, str] = field(default_factory=dict)
    """What else every event of theirs says."""


def acting(client: Client) -> Actor:
    """Return a client as an actor; a public one has only named itself, and may be anybody."""
    return Actor(client_subject(client.client_id), _by_name_only(client))


def code_redeemed(
    client: Client, code: CheckedCode, token: AccessTokenRecord, family: RefreshFamily | None
) -> AuditEvent:
    """Tell that a code bought a grant and its first tokens."""
    generation = {} if family is None else _generation(0, family.limit)
    return _issued(EventKind.TOKEN_ISSUED, GrantType.AUTHORIZATION_CODE, client, token, code.user_id, **generation)


def client_credentials_accepted(client: Client, token: AccessTokenRecord) -> AuditEvent:
    """Tell that a client got a token of its own."""
    return _issued(EventKind.TOKEN_ISSUED, GrantType.CLIENT_CREDENTIALS, client, token, None)


def refreshed(client: Client, state: FamilyState, token: AccessTokenRecord) -> AuditEvent:
    """Tell that the next generation of a family was issued."""
    left = None if state.limit_left is None else state.limit_left - 1
    return _refresh(EventKind.REFRESHED, client, state, token, _generation(state.generation + 1, left))


def refresh_answered_again(client: Client, state: FamilyState, token: AccessTokenRecord, repeat: Repeat) -> AuditEvent:
    """Tell that a token replaced a moment ago was answered with the current one."""
    return _refresh(_REPEATED[repeat], client, state, token, _generation(state.generation, state.limit_left))


def grant_ended(grant_id: UUID, parties: GrantParties, reason: EndReason, *, actor: Actor) -> tuple[AuditEvent, ...]:
    """Tell that a grant ended, and before that what brought it about, if that is an event as well."""
    end = AuditEvent(
        kind=EventKind.GRANT_ENDED,
        actor=actor.name,
        client_id=parties.client_id,
        user_id=parties.user_id,
        grant_id=grant_id,
        attributes={"end_reason": reason.value, **actor.attributes},
    )
    if reason not in _CAUSES:
        return (end,)
    kind, outcome, error = _CAUSES[reason]
    cause = AuditEvent(
        kind=kind,
        outcome=outcome,
        actor=actor.name,
        client_id=parties.client_id,
        user_id=parties.user_id,
        grant_id=grant_id,
        error=error,
        attributes=actor.attributes,
    )
    return (cause, end)


def token_revoked(client: Client) -> AuditEvent:
    """Tell that a client revoked a token that no grant stands behind."""
    actor = acting(client)
    return AuditEvent(
        kind=EventKind.TOKEN_REVOKED, actor=actor.name, client_id=client.client_id, attributes=actor.attributes
    )


def token_refused(
    error: OAuthError,
    grant_type: GrantType | None,
    named: Client | None,
    client: Client | None,
    *,
    grant_id: UUID | None = None,
    user_id: UUID | None = None,
) -> AuditEvent:
    """Tell that a token request was refused.

    It named the registered client `named`, and came from `client` as far as that can be known.
    """
    attributes = {} if grant_type is None else {"grant_type": grant_type.value}
    return _refused(EventKind.TOKEN_REFUSED, error, named, client, grant_id, user_id, **attributes)


def revocation_refused(
    error: OAuthError,
    named: Client | None,
    client: Client | None,
    *,
    grant_id: UUID | None = None,
    user_id: UUID | None = None,
) -> AuditEvent:
    """Tell that a revocation request was refused, which named one client and came from another, as above."""
    return _refused(EventKind.REVOCATION_REFUSED, error, named, client, grant_id, user_id)


def _refused(
    kind: EventKind,
    error: OAuthError,
    named: Client | None,
    client: Client | None,
    grant_id: UUID | None,
    user_id: UUID | None,
    **attributes: str,
) -> AuditEvent:
    return AuditEvent(
        kind=kind,
        outcome=Outcome.REFUSED,
        actor="" if client is None else client_subject(client.client_id),
        client_id=None if named is None else named.client_id,
        user_id=user_id,
        grant_id=grant_id,
        error=error.code,
        detail=f"{error.description}: {error.detail}" if error.detail else error.description,
        attributes={**attributes, **({} if client is None else _by_name_only(client))},
    )


def _refresh(
    kind: EventKind, client: Client, state: FamilyState, token: AccessTokenRecord, generation: dict[str, str]
) -> AuditEvent:
    return _issued(kind, GrantType.REFRESH_TOKEN, client, token, state.user_id, **generation)


def _issued(
    kind: EventKind,
    grant_type: GrantType,
    client: Client,
    token: AccessTokenRecord,
    user_id: UUID | None,
    **more: str,
) -> AuditEvent:
    label = {"label": token.label} if token.label else {}
    return AuditEvent(
        kind=kind,
        actor=client_subject(client.client_id),
        client_id=client.client_id,
        user_id=user_id,
        grant_id=token.grant_id,
        attributes={
            "grant_type": grant_type.value,
            "scope": scope_string(token.scopes),
            "audience": token.audience,
            "expires_at": token.expires_at.isoformat(),
            **label,
            **more,
            **_by_name_only(client),
        },
    )


def _generation(number: int, left: int | None) -> dict[str, str]:
    limit = {} if left is None else {"refreshes_left": str(left)}
    return {"generation": str(number), **limit}


def _by_name_only(client: Client) -> dict[str, str]:
    """Say of a public client that it named itself and proved nothing (RFC 6749 §2.1)."""
    return {"authenticated": "false"} if client.client_type is ClientType.PUBLIC else {}
