"""The grant types, and the dispatcher that does what all of them share.

A grant type is a hook: by the time it is called the request is parsed, its client authenticated and allowed to use it.
What it returns is committed, with the event that tells of it. It cannot skip a shared step, each refusal is told to the
audit here, and each refusal and each issue is logged.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Protocol

from services.token.client_authentication import ClientAuthentication
from services.token.events import token_refused
from services.token.model import Client, IssuedTokens
from services.token.refusal import RefusedOfGrant
from services.token.token_request import TokenRequest, parse_token_request
from tallystick.oauth2.client import ClientType, GrantType
from tallystick.oauth2.errors import OAuthError, TemporarilyUnavailable, UnauthorizedClient, UnsupportedGrantType
from tallystick.oauth2.parameters import Parameters
from tallystick.runtime.audit_event import Audit, AuditEvent
from tallystick.runtime.log import logger

_log = logger(__name__)

_INSTEAD = {
    "password": "the password grant is not offered (RFC 9700 section 2.4): use authorization_code with PKCE",
    "implicit": "the implicit grant is not offered (RFC 9700 section 2.1.2): use authorization_code with PKCE",
}


class Grant(Protocol):
    """One grant type."""

    @property
    def open_to_public_clients(self) -> bool:
        """Whether a client that cannot authenticate may use it."""

    async def exchange(self, request: TokenRequest, client: Client, now: datetime) -> IssuedTokens:
        """Issue tokens; raise an `OAuthError` when there are none to be had, `Failure` when that cannot be known."""


class Dispatcher:
    """Answers token requests."""

    def __init__(self, authentication: ClientAuthentication, grants: Mapping[GrantType, Grant], audit: Audit) -> None:
        self._authentication = authentication
        self._grants = grants
        self._audit = audit

    async def exchange(self, parameters: Parameters, authorization: str | None) -> IssuedTokens:
        """Answer a form and its `Authorization` header.

        Raises an `OAuthError`, or the `Failure` of a store or neighbour that could not be asked.
        """
        known: Client | None = None
        client: Client | None = None
        try:
            request = parse_token_request(parameters)
            grant_type = _grant_type(request)
            asking = await self._authentication.asking(parameters, authorization)
            known = asking.client
            client = await self._authentication.authenticated(asking)
            grant = _allowed(client, grant_type, self._grants)
            tokens = await grant.exchange(request, client, asking.now)
        except RefusedOfGrant as refused:
            event = token_refused(
                refused.error, _named(parameters), known, client, grant_id=refused.grant_id, user_id=refused.user_id
            )
            await self._refused(refused.error, event)
            raise refused.error from None
        except OAuthError as error:
            await self._refused(error, token_refused(error, _named(parameters), known, client))
            raise
        _log.info(
            "token_issued",
            client_id=client.client_id,
            grant_type=grant_type.value,
            grant_id=tokens.grant_id and str(tokens.grant_id),
            scopes=tokens.scopes,
        )
        return tokens

    async def _refused(self, error: OAuthError, event: AuditEvent) -> None:
        # What an unknown client calls itself may be anything, even somebody's secret, and goes nowhere.
        _log.info(
            "token_refused",
            client_id=event.client_id,
            grant_id=event.grant_id and str(event.grant_id),
            error=error.code,
            reason=error.description,
            detail=error.detail,
        )
        if not isinstance(error, TemporarilyUnavailable):
            await self._audit.record(event)


def _named(parameters: Parameters) -> GrantType | None:
    """Return the grant type that a request names, if it is one of ours, whatever else is wrong with it."""
    return next((each for each in GrantType if parameters.all("grant_type") == (each.value,)), None)


def _grant_type(request: TokenRequest) -> GrantType:
    try:
        return GrantType(request.grant_type)
    except ValueError:
        raise UnsupportedGrantType(_INSTEAD.get(request.grant_type, "this grant_type is not offered")) from None


def _allowed(client: Client, grant_type: GrantType, grants: Mapping[GrantType, Grant]) -> Grant:
    if grant_type not in client.grant_types or grant_type not in grants:
        raise UnauthorizedClient("the client may not use this grant_type")
    grant = grants[grant_type]
    # What a public client is identified by proves nothing (RFC 6749 §4.4.2, RFC 9700 §2.5).
    if client.client_type is ClientType.PUBLIC and not grant.open_to_public_clients:
        raise UnauthorizedClient("this grant_type is for confidential clients only")
    return grant
