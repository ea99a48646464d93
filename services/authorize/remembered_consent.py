"""Approval without a question, for what the resource owner has allowed before (RFC 8252 §8.6, OAuth 2.1 §7.3.1)."""

from urllib.parse import urlsplit

from services.authorize.interaction import Interactions
from services.authorize.issue_code import IssueCode
from services.authorize.model import User
from services.authorize.pages.destination import Destination
from services.authorize.ports import ConsentStore
from services.authorize.request import AuthorizationRequest
from tallystick.oauth2.authorization_code import AuthorizationCode
from tallystick.oauth2.scope import scope_string
from tallystick.oauth2.subject import user_subject
from tallystick.runtime.audit_event import Audit, AuditEvent, EventKind


class RememberedConsent:
    """Answers in the resource owner's place where nothing is left to ask."""

    def __init__(self, consents: ConsentStore, interactions: Interactions, issue_code: IssueCode, audit: Audit) -> None:
        self._consents = consents
        self._interactions = interactions
        self._issue_code = issue_code
        self._audit = audit

    async def approve(self, request: AuthorizationRequest, user: User, interaction_id: str) -> AuthorizationCode | None:
        """Return a code if all that is asked for is remembered; None when the user has to be asked.

        The interaction ends with the code and stays as it is without one. Raises `ShownHere` when it is over already.
        """
        if not identity_is_assured(request.redirect_uri):
            return None
        approval = await self._consents.remembered(user, request)
        if approval is None:
            return None
        await self._interactions.consume(interaction_id)
        code = await self._issue_code.issue(request, approval)
        # Told only now: of those who ask at once for the same interaction, one gets a code.
        event = AuditEvent(
            EventKind.CONSENT_REMEMBERED,
            actor=user_subject(user.user_id),
            client_id=request.client_id,
            user_id=user.user_id,
            attributes={"scope": scope_string(approval.scopes)},
        )
        await self._audit.record(event)
        return code


def identity_is_assured(redirect_uri: str) -> bool:
    """Tell whether nobody but the client gets what is sent to a registered redirect URI.

    TLS sees to that for https. On the device itself any program can listen, or claim a scheme.
    """
    return urlsplit(redirect_uri).scheme == "https" and not Destination.of(redirect_uri).on_this_device
