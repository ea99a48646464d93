"""`client_credentials`: a client acts for itself (RFC 6749 §4.4). No user, no grant, no refresh token."""

from datetime import datetime

from services.token.events import client_credentials_accepted
from services.token.issuer import Entitlement, Issuer
from services.token.model import Client, IssuedTokens, issued
from services.token.ports import AccessTokens
from services.token.token_request import TokenRequest
from tallystick.oauth2.scope import requested_scopes


class ClientCredentialsGrant:
    """Implements `Grant`."""

    open_to_public_clients = False

    def __init__(self, issuer: Issuer, access_tokens: AccessTokens) -> None:
        self._issuer = issuer
        self._access_tokens = access_tokens

    async def exchange(self, request: TokenRequest, client: Client, now: datetime) -> IssuedTokens:
        """Issue an access token for scopes on the client's own list."""
        scopes = requested_scopes(request.scope, client.scopes)
        drawn = self._issuer.access_token(client, Entitlement(None, client.epoch), scopes, request, now=now)
        await self._access_tokens.keep(drawn.record, client_credentials_accepted(client, drawn.record))
        return issued(drawn, None)
