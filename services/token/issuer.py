"""Draws the tokens of one request: what they may do, for which resource, until when. Nothing is kept here."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from services.token.model import AccessTokenRecord, Client, DrawnAccessToken
from services.token.refresh_chain import NONCE_BYTES, RefreshChain
from services.token.token_request import TokenRequest
from tallystick.oauth2 import audience
from tallystick.oauth2.client import GrantType
from tallystick.oauth2.opaque_token import RANDOM_BYTES, new_access_token
from tallystick.oauth2.refresh_token import SECRET_BYTES, RefreshToken
from tallystick.runtime.randomness import Randomness


@dataclass(frozen=True, slots=True)
class Entitlement:
    """Whose yes an access token stands for: a grant, or none when a client acts for itself."""

    grant_id: UUID | None
    client_epoch: int


class Issuer:
    """Draws access and refresh tokens."""

    def __init__(
        self, issuer: str, access_token_lifetime: timedelta, chain: RefreshChain, randomness: Randomness
    ) -> None:
        self._issuer = issuer
        self._lifetime = access_token_lifetime
        self._chain = chain
        self._randomness = randomness

    def access_token(
        self,
        client: Client,
        entitlement: Entitlement,
        scopes: Sequence[str],
        request: TokenRequest,
        *,
        now: datetime,
    ) -> DrawnAccessToken:
        """Draw an access token for the one resource that its scopes cover; raise `InvalidTarget` when there is no such.

        `now` is Postgres's, by which the token will be judged.
        """
        targeted = audience.target(scopes, client.resources_of, requested=request.resources, issuer=self._issuer)
        expires_at = now + (client.access_token_lifetime or self._lifetime)
        token = new_access_token(self._randomness.octets(RANDOM_BYTES), expires_at)
        record = AccessTokenRecord(
            bucket=token.bucket,
            digest=token.digest,
            grant_id=entitlement.grant_id,
            client_id=client.client_id,
            client_epoch=entitlement.client_epoch,
            scopes=targeted.scopes,
            audience=targeted.audience,
            issued_at=now,
            expires_at=expires_at,
            label=request.label or "",
        )
        return DrawnAccessToken(token, record)

    def first_refresh_token(self, client: Client, grant_id: UUID) -> RefreshToken | None:
        """Draw generation 0; None when the client may not refresh, or not even once."""
        if GrantType.REFRESH_TOKEN not in client.grant_types or client.refresh_limit == 0:
            return None
        return self._chain.first(grant_id, self._randomness.octets(SECRET_BYTES))

    def successor(self, presented: RefreshToken) -> tuple[RefreshToken, bytes]:
        """Draw a nonce and return the next generation with it."""
        nonce = self._randomness.octets(NONCE_BYTES)
        return self._chain.successor(presented, nonce), nonce
