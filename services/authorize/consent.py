"""Consent: what a resource owner is asked, and what becomes of the answer."""

from collections.abc import Collection
from typing import NoReturn

from services.authorize.issue_code import IssueCode
from services.authorize.model import Client, User
from services.authorize.pages.consent_view import ConsentView, RequestedScope
from services.authorize.ports import ConsentStore
from services.authorize.request import AuthorizationRequest
from tallystick.oauth2.authorization_code import AuthorizationCode
from tallystick.oauth2.errors import AccessDenied
from tallystick.oauth2.scope import narrowed, scope_string
from tallystick.oauth2.subject import user_subject
from tallystick.runtime.audit_event import Audit, AuditEvent, EventKind, Outcome


class Consent:
    """Acts on what a resource owner has answered."""

    def __init__(self, consents: ConsentStore, issue_code: IssueCode, audit: Audit) -> None:
        self._consents = consents
        self._issue_code = issue_code
        self._audit = audit

    async def approve(self, request: AuthorizationRequest, user: User, ticked: Collection[str]) -> AuthorizationCode:
        """Record what the user allows of what was asked, and return a code for it.

        Raises `AccessDenied` when that is nothing.
        """
        allowed = narrowed(request.scopes, ticked)
        if not allowed:
            raise await self._denied(request, user, AccessDenied("the resource owner approved no scope"))
        approval = await self._consents.record(user, request, allowed)
        if approval is None:
            lapsed = AccessDenied("the approval cannot be given any more", detail="user, client or scopes have changed")
            raise await self._denied(request, user, lapsed)
        return await self._issue_code.issue(request, approval)

    async def deny(self, request: AuthorizationRequest, user: User) -> NoReturn:
        """Raise `AccessDenied`. What was allowed before stays as it is."""
        raise await self._denied(request, user, AccessDenied("the resource owner denied the request"))

    async def _denied(self, request: AuthorizationRequest, user: User, error: AccessDenied) -> AccessDenied:
        event = AuditEvent(
            EventKind.CONSENT_DENIED,
            Outcome.REFUSED,
            actor=user_subject(user.user_id),
            client_id=request.client_id,
            user_id=user.user_id,
            error=error.code,
            detail=error.detail or error.description,
            attributes={"scope": scope_string(request.scopes)},
        )
        await self._audit.record(event)
        return error


def consent_view(request: AuthorizationRequest, client: Client, user: User) -> ConsentView:
    """Return what the page shows: of what was asked, that which the client may still ask for."""
    return ConsentView(
        client_name=client.name,
        client_version=client.version,
        redirect_uri=request.redirect_uri,
        username=user.username,
        scopes=tuple(
            RequestedScope(name, client.scopes[name]) for name in narrowed(request.scopes, client.scopes.keys())
        ),
        offline=client.may_refresh,
    )
