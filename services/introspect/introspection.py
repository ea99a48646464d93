"""What a caller is told of a token (RFC 7662 §2.2): inactive at every doubt, active last.

The functions are pure: they judge one record and the policy of the same version, so that no answer mixes two moments.
"""

import hmac
from collections.abc import Sequence
from datetime import datetime

from services.introspect.model import (
    INACTIVE,
    AccessTokenRecord,
    Client,
    Freshness,
    Grant,
    Introspection,
    Known,
    KnownRefreshToken,
    Question,
    ResourceOwner,
)
from services.introspect.ports import TokenRecords
from tallystick.oauth2.opaque_token import AccessToken, parse_access_token
from tallystick.oauth2.refresh_token import RefreshToken, parse_refresh_token
from tallystick.oauth2.scope import narrowed
from tallystick.oauth2.subject import client_subject, user_subject
from tallystick.runtime.failures import Failure

_BEARER = "Bearer"


class Introspect:
    """Answers callers that are already authenticated."""

    def __init__(self, records: TokenRecords, issuer: str) -> None:
        self._records = records
        self._issuer = issuer

    def __call__(self, question: Question, caller: str) -> Introspection:
        """Say what `caller`, a client_id, may know of any text that was presented as a token.

        Raises `Unavailable` or `TimedOut` when it cannot be known.
        """
        [outcome] = self.many((question,), caller)
        if isinstance(outcome, Failure):
            raise outcome
        return outcome

    def many(self, questions: Sequence[Question], caller: str) -> Sequence[Introspection | Failure]:
        """Answer several questions of one caller, each by itself; raise `Unavailable` when none can be taken."""
        outcomes: list[Introspection | Failure] = [INACTIVE] * len(questions)
        access: list[tuple[int, AccessToken, Freshness]] = []
        refresh: list[tuple[int, RefreshToken, Freshness]] = []
        for number, question in enumerate(questions):
            access_token = parse_access_token(question.token)
            refresh_token = parse_refresh_token(question.token)
            if access_token is not None:
                access.append((number, access_token, question.freshness))
            elif refresh_token is not None:
                refresh.append((number, refresh_token, question.freshness))
        if access:
            found = self._records.access_tokens([(token, freshness) for _, token, freshness in access])
            for (number, _, _), known in zip(access, found, strict=True):
                outcomes[number] = (
                    known if isinstance(known, Failure) else about_access_token(known, caller, self._issuer)
                )
        if refresh:
            current = self._records.refresh_tokens([(token, freshness) for _, token, freshness in refresh])
            for (number, token, _), family in zip(refresh, current, strict=True):
                outcomes[number] = (
                    family if isinstance(family, Failure) else about_refresh_token(family, token, caller, self._issuer)
                )
        return outcomes


def about_access_token(known: Known, caller: str, issuer: str) -> Introspection:
    """Judge an access token: it must be live, and for a resource that the caller serves or issued to the caller."""
    record, policy = known.record, known.policy
    if record is None or policy is None or policy.resource != record.audience:
        return INACTIVE
    # What is for the issuer itself is nobody's business but its client's, whatever is registered under that name.
    serves = record.audience != issuer and caller in policy.callers
    if not serves and caller != record.client_id:
        return INACTIVE
    scopes = live_scopes(record, known.now)
    if caller != record.client_id:
        # Scopes that cover other resources only, now, are none of this one's business.
        scopes = tuple(scope for scope in scopes if scope in policy.covers or scope not in record.covering)
    if not scopes:
        return INACTIVE
    owner = record.grant.owner if record.grant else None
    return Introspection(
        active=True,
        scopes=scopes,
        client_id=record.client_id,
        username=owner.username if owner else "",
        token_type=_BEARER,
        exp=int(record.expires_at.timestamp()),
        iat=int(record.issued_at.timestamp()),
        sub=_subject(owner, record.client_id),
        aud=(record.audience,),
        iss=issuer,
        valid_for=max(0.0, min(known.valid_for, (record.expires_at - known.now).total_seconds())),
    )


def live_scopes(record: AccessTokenRecord, now: datetime) -> tuple[str, ...]:
    """Return what an access token may be used for now; nothing when it is not live."""
    client = record.client
    if record.expires_at <= now or record.revoked:
        return ()
    if client is None or not client.enabled or client.epoch != record.client_epoch:
        return ()
    acts_for_itself = record.grant_id is None and record.grant is None
    if not acts_for_itself and not _stands(record.grant, record.client_id, client):
        return ()
    return narrowed(record.scopes, client.scopes)


def about_refresh_token(known: KnownRefreshToken, presented: RefreshToken, caller: str, issuer: str) -> Introspection:
    """Judge a refresh token: it must be the current one of its family, and only the client that holds it may ask.

    Its MAC stays unread, as introspect holds no key; whoever knows the secret has the token.
    """
    record = known.record
    if record is None:
        return INACTIVE
    grant, client = record.grant, record.client
    if caller != grant.client_id:
        return INACTIVE
    if presented.generation != record.generation or not hmac.compare_digest(presented.digest, record.digest):
        return INACTIVE
    if record.expires_at <= known.now or not record.may_refresh:
        return INACTIVE
    if client is None or not client.enabled or not _stands(grant, caller, client):
        return INACTIVE
    scopes = narrowed(record.scopes, client.scopes)
    if not scopes or grant.owner is None:
        return INACTIVE
    return Introspection(
        active=True,
        scopes=scopes,
        client_id=grant.client_id,
        username=grant.owner.username,
        exp=int(record.expires_at.timestamp()),
        iat=int(record.issued_at.timestamp()),
        sub=_subject(grant.owner, grant.client_id),
        aud=(issuer,),
        iss=issuer,
    )


def _stands(grant: Grant | None, client_id: str, client: Client) -> bool:
    """Tell whether a grant still holds: not ended, and nobody behind it has changed his or her mind since."""
    if grant is None or grant.ended or grant.client_id != client_id or grant.client_epoch != client.epoch:
        return False
    owner = grant.owner
    if owner is None or not owner.enabled or owner.epoch != grant.user_epoch:
        return False
    return grant.consent_epoch_now == grant.consent_epoch


def _subject(owner: ResourceOwner | None, client_id: str) -> str:
    return user_subject(owner.user_id) if owner else client_subject(client_id)
