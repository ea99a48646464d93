"""Token revocation (RFC 7009): whoever presents either token of a grant ends the grant, with every token of it.

A token that no grant stands behind is revoked by itself. What is not, or no more, a token is no error: it is as dead as
its client wants it (§2.2), and whoever is told so again waits as the first one did. Another client's token is refused
and stays as it is (§2.1).
"""

import hmac
from contextlib import AbstractContextManager, nullcontext
from uuid import UUID

from services.token.client_authentication import ClientAuthentication
from services.token.events import acting, revocation_refused, token_revoked
from services.token.model import Client, EndReason, FamilyState
from services.token.ports import PresentedTokens, RefreshFamilies
from services.token.refresh_chain import RefreshChain
from services.token.refusal import RefusedOfGrant, concerning
from services.token.revocation import Revocation
from tallystick.oauth2.errors import InvalidGrant, OAuthError, TemporarilyUnavailable
from tallystick.oauth2.opaque_token import AccessToken, parse_access_token
from tallystick.oauth2.parameters import Parameters
from tallystick.oauth2.refresh_token import RefreshToken, parse_refresh_token
from tallystick.runtime.audit_event import Audit, AuditEvent
from tallystick.runtime.log import logger

ONCE = frozenset({"token", "token_type_hint", "client_id", "client_secret"})
"""The parameters that may be sent once."""

_log = logger(__name__)


class TokenRevocation:
    """Answers revocation requests."""

    def __init__(
        self,
        authentication: ClientAuthentication,
        tokens: PresentedTokens,
        families: RefreshFamilies,
        revocation: Revocation,
        chain: RefreshChain,
        audit: Audit,
    ) -> None:
        self._authentication = authentication
        self._tokens = tokens
        self._families = families
        self._revocation = revocation
        self._chain = chain
        self._audit = audit

    async def revoke(self, parameters: Parameters, authorization: str | None) -> None:
        """Return once the token of a form is over, and nothing that depends on it is left; it is committed.

        Raises an `OAuthError`, or the `Failure` of a store that could not be asked.
        """
        named: Client | None = None
        client: Client | None = None
        try:
            token = _presented(parameters)
            asking = await self._authentication.asking(parameters, authorization)
            named = asking.client
            client = await self._authentication.authenticated(asking)
            await self._end(token, client)
        except RefusedOfGrant as refused:
            event = revocation_refused(refused.error, named, client, grant_id=refused.grant_id, user_id=refused.user_id)
            await self._refused(refused.error, event)
            raise refused.error from None
        except OAuthError as error:
            await self._refused(error, revocation_refused(error, named, client))
            raise

    async def _end(self, token: str, client: Client) -> None:
        """End what a token belongs to, whichever kind it is: its tag says so, whatever was hinted (§2.1)."""
        access = parse_access_token(token)
        if access is not None:
            await self._end_access_token(access, client)
            return
        refresh = parse_refresh_token(token)
        if refresh is not None and self._chain.is_ours(refresh):
            await self._end_refresh_token(refresh, client)

    async def _end_access_token(self, token: AccessToken, client: Client) -> None:
        found = await self._tokens.find(token)
        if found is None:
            return
        with _concerning(found.grant_id, found.user_id):
            _refuse_unless_own(found.client_id, client)
        if found.over:
            await self._revocation.found_over()
            return
        if found.grant_id is not None:
            await self._end_grant(found.grant_id, client)
            return
        newly = await self._tokens.revoke(token, token_revoked(client))
        _log.info("token_revoked", client_id=client.client_id, newly=newly)
        await self._revocation.found_over()

    async def _end_refresh_token(self, token: RefreshToken, client: Client) -> None:
        state = await self._families.state(token.family)
        if state is None or not belongs(state, token):
            return
        with concerning(state.grant_id, state.user_id):
            _refuse_unless_own(state.client_id, client)
        await self._end_grant(state.grant_id, client)

    async def _end_grant(self, grant_id: UUID, client: Client) -> None:
        await self._revocation.end(grant_id, EndReason.REVOKED_BY_CLIENT, actor=acting(client))

    async def _refused(self, error: OAuthError, event: AuditEvent) -> None:
        # What an unknown client calls itself may be anything, even somebody's secret, and goes nowhere.
        _log.info(
            "revocation_refused",
            client_id=event.client_id,
            grant_id=event.grant_id and str(event.grant_id),
            error=error.code,
            reason=error.description,
            detail=error.detail,
        )
        if not isinstance(error, TemporarilyUnavailable):
            await self._audit.record(event)


def belongs(state: FamilyState, presented: RefreshToken) -> bool:
    """Tell whether a token whose MAC is valid is the current one of a family, or was so once.

    One that was replaced is still somebody's wish to sign out. Of generations so old that nothing is kept of them the
    MAC is proof enough, as it is of theft at the token endpoint.
    """
    behind = state.generation - presented.generation
    if behind < 0:
        return False
    if behind > len(state.rotations):
        return True
    kept = state.rotations[-behind].digest if behind else state.digest
    return hmac.compare_digest(kept, presented.digest)


def _presented(parameters: Parameters) -> str:
    """Return the token; the hint is read so that it does not go unnoticed when it is repeated."""
    parameters.optional("token_type_hint")
    return parameters.required("token")


def _refuse_unless_own(client_id: str, client: Client) -> None:
    if client_id != client.client_id:
        raise InvalidGrant("the token was not issued to this client")


def _concerning(grant_id: UUID | None, user_id: UUID | None) -> AbstractContextManager[None]:
    return nullcontext() if grant_id is None or user_id is None else concerning(grant_id, user_id)
