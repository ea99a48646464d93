"""What clients may ask, and what they are to be told: each request is a value that can be applied to a world."""

from dataclasses import dataclass, replace
from typing import Protocol

from tests.model.world import GRACE, IDLE_LIFETIME, ROTATIONS_KEPT, AccessToken, Basis, Grant, Scopes, World


@dataclass(frozen=True, slots=True)
class Refused:
    """An error answer."""

    status: int
    error: str


@dataclass(frozen=True, slots=True)
class Issued:
    """A token answer: the access token's number, what it may be used for, and which refresh token came with it."""

    access_token: int
    scopes: Scopes
    refresh_token: tuple[int, int] | None


@dataclass(frozen=True, slots=True)
class Done:
    """An answer that says nothing but yes."""


Answer = Refused | Issued | Done
Outcome = tuple[World, Answer]

INVALID_CLIENT = Refused(401, "invalid_client")
WAIT = Refused(429, "temporarily_unavailable")
"""What is answered in the place of INVALID_CLIENT after some of them."""
INVALID_GRANT = Refused(400, "invalid_grant")
INVALID_SCOPE = Refused(400, "invalid_scope")
UNAUTHORIZED_CLIENT = Refused(400, "unauthorized_client")


class Request(Protocol):
    """Something that a client asks."""

    @property
    def client(self) -> str:
        """Who asks."""

    def apply(self, world: World) -> Outcome:
        """Return the world afterwards, and the answer."""


@dataclass(frozen=True, slots=True)
class Redeem:
    """A client presents a code, with or without what belongs to it."""

    client: str
    code: int
    right_verifier: bool = True
    right_redirect_uri: bool = True

    def apply(self, world: World) -> Outcome:
        """Issue to the first who presents everything; end the grant at the second; mind nobody else."""
        code = world.codes[self.code]
        if not world.acts(self.client):
            return world, INVALID_CLIENT
        if self.client != code.basis.client or not self.right_verifier or not self.right_redirect_uri:
            return world, INVALID_GRANT
        if self.code in world.grants:
            return world.ended(self.code, "code_replayed"), INVALID_GRANT
        client = world.clients[self.client]
        scopes = code.scopes & client.scopes
        if not code.kept or not world.stands(code.basis) or not scopes:
            return world, INVALID_GRANT
        grant = Grant(code.basis, code.scopes, client.refresh_limit)
        return _issued(world.with_grant(self.code, grant), scopes, code.basis, (self.code, 0))


@dataclass(frozen=True, slots=True)
class Refresh:
    """A client presents a refresh token of some generation, perhaps with a byte changed, or made up."""

    client: str
    code: int
    generation: int
    damage: str = ""
    scopes: Scopes | None = None

    def apply(self, world: World) -> Outcome:
        """Rotate the current one, repeat the answer within the grace, and end the family for anything older."""
        if not world.acts(self.client):
            return world, INVALID_CLIENT
        grant = world.grants[self.code]
        if self.damage or grant.basis.client != self.client or grant.ended:
            return world, INVALID_GRANT
        replaced = self.generation < grant.generation
        if replaced:
            at = grant.replaced_at(self.generation)
            if at is None or grant.now - at >= GRACE:
                return world.ended(self.code, "refresh_reused"), INVALID_GRANT
        if not world.stands(grant.basis) or grant.lapsed or (not replaced and grant.limit_left == 0):
            return world, INVALID_GRANT
        allowed = grant.scopes & world.clients[self.client].scopes
        if not allowed:
            return world, INVALID_GRANT
        if self.scopes is not None and not self.scopes <= allowed:
            return world, INVALID_SCOPE
        if not replaced:
            grant = _rotated(grant)
        token = (self.code, grant.generation)
        return _issued(world.with_grant(self.code, grant), self.scopes or allowed, grant.basis, token)


@dataclass(frozen=True, slots=True)
class ClientCredentials:
    """A client asks for a token of its own."""

    client: str
    right_secret: bool = True

    def apply(self, world: World) -> Outcome:
        """Issue what the client may have, if it is what it says."""
        client = world.clients[self.client]
        if not world.acts(self.client) or (client.confidential and not self.right_secret):
            return world, INVALID_CLIENT
        if not client.confidential:
            return world, UNAUTHORIZED_CLIENT
        if not client.scopes:
            return world, INVALID_SCOPE
        token = AccessToken(self.client, client.epoch, client.scopes, code=None)
        return _kept(world, token, None)


@dataclass(frozen=True, slots=True)
class RevokeAccessToken:
    """A client says that an access token is to be over (RFC 7009)."""

    client: str
    access_token: int

    def apply(self, world: World) -> Outcome:
        """End the grant behind it, or the token itself where there is none; let those of others be."""
        if not world.acts(self.client):
            return world, INVALID_CLIENT
        token = world.access_tokens[self.access_token]
        if token.client != self.client:
            return world, INVALID_GRANT
        if token.expired:
            return world, Done()
        if token.code is None:
            return world.with_access_token(self.access_token, replace(token, revoked=True)), Done()
        return world.ended(token.code, "revoked_by_client"), Done()


@dataclass(frozen=True, slots=True)
class RevokeRefreshToken:
    """A client says that a refresh token is to be over, whichever generation it still has."""

    client: str
    code: int
    generation: int
    damage: str = ""

    def apply(self, world: World) -> Outcome:
        """End the grant; what is no token is over already."""
        if not world.acts(self.client):
            return world, INVALID_CLIENT
        if self.damage:
            return world, Done()
        if world.grants[self.code].basis.client != self.client:
            return world, INVALID_GRANT
        return world.ended(self.code, "revoked_by_client"), Done()


def _rotated(grant: Grant) -> Grant:
    return replace(
        grant,
        generation=grant.generation + 1,
        rotated_at=(*grant.rotated_at, grant.now)[-ROTATIONS_KEPT:],
        limit_left=None if grant.limit_left is None else grant.limit_left - 1,
        idle_until=grant.now + IDLE_LIFETIME,
    )


def _issued(world: World, scopes: Scopes, basis: Basis, refresh_token: tuple[int, int]) -> Outcome:
    token = AccessToken(basis.client, basis.client_epoch, scopes, code=refresh_token[0])
    limit = world.clients[basis.client].refresh_limit
    return _kept(world, token, None if limit == 0 else refresh_token)


def _kept(world: World, token: AccessToken, refresh_token: tuple[int, int] | None) -> Outcome:
    answer = Issued(len(world.access_tokens), token.scopes, refresh_token)
    return replace(world, access_tokens=(*world.access_tokens, token)), answer
