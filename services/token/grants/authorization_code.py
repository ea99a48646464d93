"""`authorization_code`: a code and its verifier buy a grant (RFC 6749 §4.1.3, RFC 7636 §4.6).

authorize says whether the code fits; Postgres, and nobody else, says who spent it. Whatever can be refused is refused
before the code is spent.

A disabled client is refused before any of this, so a replay by it goes unnoticed: all that it holds is suspended.
"""

from datetime import datetime, timedelta
from typing import NoReturn
from uuid import UUID

from services.token import redemption
from services.token.events import acting, code_redeemed
from services.token.issuer import Entitlement, Issuer
from services.token.model import (
    CheckedCode,
    Client,
    DrawnAccessToken,
    EndReason,
    IssuedTokens,
    PresentedCode,
    Redemption,
    RefreshFamily,
    issued,
)
from services.token.ports import AuthorizationCodes, CodeMismatch, CodeUnknown, Grants
from services.token.refusal import concerning
from services.token.revocation import Revocation
from services.token.token_request import TokenRequest, needed
from tallystick.oauth2.authorization_code import parse_authorization_code
from tallystick.oauth2.errors import InvalidGrant, InvalidTarget
from tallystick.oauth2.refresh_token import RefreshToken
from tallystick.oauth2.scope import narrowed
from tallystick.runtime.randomness import Randomness


class AuthorizationCodeGrant:
    """Implements `Grant`."""

    open_to_public_clients = True

    def __init__(
        self,
        codes: AuthorizationCodes,
        grants: Grants,
        revocation: Revocation,
        issuer: Issuer,
        randomness: Randomness,
        *,
        refresh_lifetime: timedelta,
        refresh_idle_lifetime: timedelta,
    ) -> None:
        self._codes = codes
        self._grants = grants
        self._revocation = revocation
        self._issuer = issuer
        self._randomness = randomness
        self._refresh_lifetime = refresh_lifetime
        self._refresh_idle_lifetime = refresh_idle_lifetime

    async def exchange(self, request: TokenRequest, client: Client, now: datetime) -> IssuedTokens:
        """Spend a code and issue what it buys.

        `scope` is no parameter of this request and is not read, so it can neither widen nor narrow what was approved;
        `resource` chooses among the resources that the scopes cover (RFC 8707 §2.2).
        """
        presented = _presented(request, client)
        try:
            code = await self._codes.check(presented)
        except CodeMismatch:
            await self._refuse_spent(presented, client)
            _refuse("the code is not for this client, redirect_uri or code_verifier, or was withdrawn")
        except CodeUnknown:
            await self._refuse_spent(presented, client)
            _refuse("the code is unknown or has expired")
        with concerning(code.grant_id, code.user_id):
            return await self._redeem(request, client, presented, code, now)

    async def _redeem(
        self, request: TokenRequest, client: Client, presented: PresentedCode, code: CheckedCode, now: datetime
    ) -> IssuedTokens:
        scopes = narrowed(code.scopes, client.scopes)
        if not scopes:
            await self._refuse_spent(presented, client)
            _refuse("the client may ask for none of the approved scopes any more")
        entitlement = Entitlement(code.grant_id, code.client_epoch)
        try:
            drawn = self._issuer.access_token(client, entitlement, scopes, request, now=now)
        except InvalidTarget:
            await self._refuse_spent(presented, client)
            raise
        refresh_token = self._issuer.first_refresh_token(client, code.grant_id)
        await self._spend(code, client, drawn, refresh_token)
        return issued(drawn, refresh_token)

    async def _spend(
        self, code: CheckedCode, client: Client, drawn: DrawnAccessToken, refresh_token: RefreshToken | None
    ) -> None:
        family = None
        if refresh_token is not None:
            family = RefreshFamily(
                refresh_token.digest, client.refresh_limit, self._refresh_lifetime, self._refresh_idle_lifetime
            )
        attempt = Redemption(self._randomness.uuid(), client.client_id, code, family)
        event = code_redeemed(client, code, drawn.record, family)
        spender = await self._grants.redeem(attempt, drawn.record, event)
        if spender.redemption_id != attempt.redemption_id:
            # authorize has found nothing wrong with this presentation, so the code is in two hands.
            await self._replayed(spender.grant_id, client)

    async def _refuse_spent(self, presented: PresentedCode, client: Client) -> None:
        """Refuse a spent code, and end the grant that it bought if this is a replay; let one pass that nobody spent.

        Whatever else there is to refuse a code for, so that nothing about the request hides a replay.
        """
        spent = await self._grants.spent_code(presented.code.code_id)
        if spent is None:
            return
        with concerning(spent.grant_id, spent.user_id):
            objection = redemption.objection(spent, presented)
            if objection is not None:
                _refuse(f"the code was spent, and {objection}")
            await self._replayed(spent.grant_id, client)

    async def _replayed(self, grant_id: UUID, client: Client) -> NoReturn:
        await self._revocation.end(grant_id, EndReason.CODE_REPLAYED, actor=acting(client))
        _refuse("the code was replayed")


def _presented(request: TokenRequest, client: Client) -> PresentedCode:
    code = parse_authorization_code(needed(request.code, "code"))
    if code is None:
        _refuse("that is no code of ours")
    return PresentedCode(code, client.client_id, request.redirect_uri, request.code_verifier)


def _refuse(detail: str) -> NoReturn:
    """Refuse in the same words whatever is wrong: only the log is told."""
    raise InvalidGrant("the authorization code is invalid, expired, used, or not for this request", detail=detail)
