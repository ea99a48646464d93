"""`refresh_token`: a refresh token buys its successor and a new access token (RFC 6749 §6, RFC 9700 §4.14)."""

import hmac
from datetime import datetime, timedelta
from typing import NoReturn

from services.token.events import acting, refresh_answered_again, refreshed
from services.token.issuer import Entitlement, Issuer
from services.token.model import Client, DrawnAccessToken, EndReason, FamilyState, IssuedTokens, Rotation, issued
from services.token.ports import RefreshFamilies
from services.token.refresh_chain import RefreshChain
from services.token.refresh_rotation import AnswerCurrent, Over, Refuse, Repeat, Rotate, Theft, judge
from services.token.refusal import concerning
from services.token.revocation import Revocation
from services.token.token_request import TokenRequest, needed
from tallystick.oauth2.errors import InvalidGrant, TemporarilyUnavailable
from tallystick.oauth2.refresh_token import RefreshToken, parse_refresh_token
from tallystick.oauth2.scope import narrowed, requested_scopes
from tallystick.runtime.log import logger

_log = logger(__name__)
_ATTEMPTS = 5


class RefreshTokenGrant:
    """Implements `Grant`.

    The last refresh that a limit allows still returns a refresh token, which is spent from the start: a client that got
    none would keep its old one (RFC 6749 §6), present that again, and be taken for a thief.
    """

    open_to_public_clients = True

    def __init__(
        self,
        families: RefreshFamilies,
        revocation: Revocation,
        chain: RefreshChain,
        issuer: Issuer,
        *,
        idle_lifetime: timedelta,
        grace: timedelta,
    ) -> None:
        self._families = families
        self._revocation = revocation
        self._chain = chain
        self._issuer = issuer
        self._idle_lifetime = idle_lifetime
        self._grace = grace

    async def exchange(self, request: TokenRequest, client: Client, now: datetime) -> IssuedTokens:
        """Rotate the presented token, or answer with what it became if that was a moment ago."""
        presented = parse_refresh_token(needed(request.refresh_token, "refresh_token"))
        if presented is None or not self._chain.is_ours(presented):
            _refuse("that is no refresh token of ours, or its key is gone")
        # The family may move between reading and writing; what is written is conditional, so it is judged again.
        for _ in range(_ATTEMPTS):
            state = await self._families.state(presented.family)
            if state is None:
                _refuse("there is no such refresh family")
            with concerning(state.grant_id, state.user_id):
                tokens = await self._attempt(request, presented, client, state, now)
            if tokens is not None:
                return tokens
        raise TemporarilyUnavailable("the refresh token is being used elsewhere: try again")

    async def _attempt(
        self, request: TokenRequest, presented: RefreshToken, client: Client, state: FamilyState, now: datetime
    ) -> IssuedTokens | None:
        """Do what the token deserves by this state of its family; None when that has changed meanwhile."""
        match judge(state, presented, client_id=client.client_id, grace=self._grace):
            case Refuse(detail):
                _refuse(detail)
            case Over(detail):
                await self._revocation.found_over()
                _refuse(detail)
            case Theft():
                actor = acting(client)
                await self._revocation.end(state.grant_id, EndReason.REFRESH_REUSED, actor=actor)
                _refuse("a replaced refresh token was used again")
            case Rotate():
                drawn = await self._draw(request, client, state, now)
                tokens = await self._rotate(client, state, presented, drawn)
            case AnswerCurrent(rotations, repeat):
                current = self._chain.follow(presented, rotations)
                if current is None or not hmac.compare_digest(current.digest, state.digest):
                    _refuse("the current token cannot be derived")
                drawn = await self._draw(request, client, state, now)
                tokens = await self._answer(client, state, current, drawn, repeat)
        return tokens

    async def _rotate(
        self, client: Client, state: FamilyState, presented: RefreshToken, drawn: DrawnAccessToken
    ) -> IssuedTokens | None:
        successor, nonce = self._issuer.successor(presented)
        rotation = Rotation(presented, successor, client.client_id, nonce, self._idle_lifetime)
        event = refreshed(client, state, drawn.record)
        if await self._families.rotate(rotation, drawn.record, event) or await self._is_current(successor):
            return issued(drawn, successor)
        return None

    async def _is_current(self, successor: RefreshToken) -> bool:
        """Tell whether a rotation that found nothing to do had been committed before a connection was lost.

        Nobody but whoever drew the successor could have written its digest.
        """
        state = await self._families.state(successor.family)
        return state is not None and not state.ended and hmac.compare_digest(state.digest, successor.digest)

    async def _answer(
        self, client: Client, state: FamilyState, current: RefreshToken, drawn: DrawnAccessToken, repeat: Repeat
    ) -> IssuedTokens | None:
        event = refresh_answered_again(client, state, drawn.record, repeat)
        if not await self._families.keep_beside(state, drawn.record, event):
            return None
        _log.info("refresh_repeated", grant_id=str(state.grant_id), kind=repeat.value)
        return issued(drawn, current)

    async def _draw(self, request: TokenRequest, client: Client, state: FamilyState, now: datetime) -> DrawnAccessToken:
        """Draw the access token: all that was granted and is still allowed, or the part of it that is asked for."""
        allowed = narrowed(state.scopes, client.scopes)
        if not allowed:
            # Nor do the access tokens work any more.
            await self._revocation.found_over()
            _refuse("the client may ask for none of the granted scopes any more")
        scopes = allowed if request.scope is None else requested_scopes(request.scope, allowed)
        entitlement = Entitlement(state.grant_id, state.client_epoch)
        return self._issuer.access_token(client, entitlement, scopes, request, now=now)


def _refuse(detail: str) -> NoReturn:
    """Refuse in the same words whatever is wrong: only the log is told."""
    raise InvalidGrant("the refresh token is invalid, expired, used, or not for this client", detail=detail)
