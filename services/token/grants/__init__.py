"""The grant types, and the dispatcher that does what all of them share.

A grant type is a hook: by the time it is called the request is parsed, its client authenticated and allowed to use it.
What it returns is committed. It cannot skip a shared step, and each refusal and each issue is logged here.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Protocol

from services.token.client_authentication import ClientAuthentication
from services.token.model import Client, IssuedTokens
from services.token.token_request import TokenRequest, parse_token_request
from tallystick.oauth2.client import ClientType, GrantType
from tallystick.oauth2.errors import OAuthError, UnauthorizedClient, UnsupportedGrantType
from tallystick.oauth2.parameters import Parameters
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

    def __init__(self, authentication: ClientAuthentication, grants: Mapping[GrantType, Grant]) -> None:
        self._authentication = authentication
        self._grants = grants

    async def exchange(self, parameters: Parameters, authorization: str | None) -> IssuedTokens:
        """Answer a form and its `Authorization` header.

        Raises an `OAuthError`, or the `Failure` of a store or neighbour that could not be asked.
        """
        known: Client | None = None
        try:
            request = parse_token_request(parameters)
            grant_type = _grant_type(request)
            asking = await self._authentication.asking(parameters, authorization)
            known = asking.client
            client = self._authentication.authenticated(asking)
            grant = _allowed(client, grant_type, self._grants)
            tokens = await grant.exchange(request, client, asking.now)
        except OAuthError as refusal:
            # What an unknown client calls itself may be anything, even somebody's secret, and is not logged.
            _log.info(
                "token_refused",
                client_id=known and known.client_id,
                error=refusal.code,
                reason=refusal.description,
                detail=refusal.detail,
            )
            raise
        _log.info(
            "token_issued",
            client_id=client.client_id,
            grant_type=grant_type.value,
            grant_id=tokens.grant_id and str(tokens.grant_id),
            scopes=tokens.scopes,
        )
        return tokens


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
