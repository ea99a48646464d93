"""Consent: what a resource owner is asked, and what becomes of the answer."""

from collections.abc import Collection

from services.authorize.issue_code import IssueCode
from services.authorize.model import Client, User
from services.authorize.pages.consent_view import ConsentView, RequestedScope
from services.authorize.ports import ConsentStore
from services.authorize.request import AuthorizationRequest
from tallystick.oauth2.authorization_code import AuthorizationCode
from tallystick.oauth2.errors import AccessDenied
from tallystick.oauth2.scope import narrowed


class Consent:
    """Acts on what a resource owner has answered."""

    def __init__(self, consents: ConsentStore, issue_code: IssueCode) -> None:
        self._consents = consents
        self._issue_code = issue_code

    async def approve(self, request: AuthorizationRequest, user: User, ticked: Collection[str]) -> AuthorizationCode:
        """Record what the user allows of what was asked, and return a code for it.

        Raises `AccessDenied` when that is nothing.
        """
        allowed = narrowed(request.scopes, ticked)
        if not allowed:
            raise AccessDenied("the resource owner approved no scope")
        approval = await self._consents.record(user, request, allowed)
        if approval is None:
            raise AccessDenied("the approval cannot be given any more", detail="user, client or scopes have changed")
        return await self._issue_code.issue(request, approval)


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
