"""What the server knows, as a reader would keep it: values that never change, and what follows from them."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

GRACE = 300
"""How long a replaced refresh token gets the current one, in seconds."""
DAY = 86_400
IDLE_LIFETIME = 14 * DAY
LIFETIME = 30 * DAY
ROTATIONS_KEPT = 8

Scopes = frozenset[str]


@dataclass(frozen=True, slots=True)
class Client:
    """An app. `secret` says which of its secrets is good; a rotation makes it the next one."""

    confidential: bool
    scopes: Scopes
    refresh_limit: int | None = None
    enabled: bool = True
    deleted: bool = False
    epoch: int = 0
    secret: int = 0


@dataclass(frozen=True, slots=True)
class User:
    """A resource owner."""

    enabled: bool = True
    epoch: int = 0


@dataclass(frozen=True, slots=True)
class Consent:
    """What one user said to one client, and at which epochs of theirs."""

    given: bool = False
    epoch: int = 0
    client_epoch: int = 0
    user_epoch: int = 0


@dataclass(frozen=True, slots=True)
class Basis:
    """On what a code, and the grant that it buys, rests: whose it is, and the epochs at the time of the approval."""

    client: str
    user: str
    client_epoch: int
    user_epoch: int
    consent_epoch: int


@dataclass(frozen=True, slots=True)
class Code:
    """An authorization code; Redis may forget it."""

    basis: Basis
    scopes: Scopes
    kept: bool = True


@dataclass(frozen=True, slots=True)
class Grant:
    """What a code bought, with its refresh family. Times are seconds on a clock of its own, which starts at 0."""

    basis: Basis
    scopes: Scopes
    limit_left: int | None
    ended: str | None = None
    generation: int = 0
    rotated_at: tuple[int, ...] = ()
    idle_until: int = IDLE_LIFETIME
    now: int = 0

    def replaced_at(self, generation: int) -> int | None:
        """Say when a generation was replaced; None when that is no longer known."""
        place = generation - self.generation + len(self.rotated_at)
        return self.rotated_at[place] if place >= 0 else None

    @property
    def lapsed(self) -> bool:
        """Whether it can be refreshed no more, for its age or for lack of use."""
        return self.now >= min(self.idle_until, LIFETIME)


@dataclass(frozen=True, slots=True)
class AccessToken:
    """An access token; `code` is None for one that its client got for itself."""

    client: str
    client_epoch: int
    scopes: Scopes
    code: int | None
    expired: bool = False
    revoked: bool = False


@dataclass(frozen=True, slots=True)
class World:
    """Everything. A grant has the number of the code that bought it: one code cannot buy two."""

    clients: Mapping[str, Client]
    users: Mapping[str, User]
    consents: Mapping[tuple[str, str], Consent]
    codes: tuple[Code, ...] = ()
    grants: Mapping[int, Grant] = field(default_factory=dict)
    access_tokens: tuple[AccessToken, ...] = ()

    def with_client(self, name: str, client: Client) -> "World":
        """Put a client in the place of what it was."""
        return replace(self, clients={**self.clients, name: client})

    def with_user(self, name: str, user: User) -> "World":
        """Put a user in the place of what it was."""
        return replace(self, users={**self.users, name: user})

    def with_grant(self, code: int, grant: Grant) -> "World":
        """Put a grant in the place of what it was."""
        return replace(self, grants={**self.grants, code: grant})

    def with_access_token(self, number: int, token: AccessToken) -> "World":
        """Put an access token in the place of what it was."""
        tokens = self.access_tokens
        return replace(self, access_tokens=(*tokens[:number], token, *tokens[number + 1 :]))

    def ended(self, code: int, reason: str) -> "World":
        """End a grant, unless it has ended before, for whatever reason."""
        grant = self.grants[code]
        return self if grant.ended else self.with_grant(code, replace(grant, ended=reason))

    def consent(self, basis: Basis) -> Consent:
        """Return what the user said to the client last."""
        return self.consents.get((basis.user, basis.client), Consent())

    def has_access(self, user: str, client: str) -> bool:
        """Tell whether a client stands on a user's account page, so that its access can be withdrawn."""
        consent, registered = self.consents.get((user, client), Consent()), self.clients[client]
        at_present = (consent.client_epoch, consent.user_epoch) == (registered.epoch, self.users[user].epoch)
        return consent.given and at_present and not registered.deleted

    def acts(self, client: str) -> bool:
        """Tell whether a client is there and enabled."""
        return self.clients[client].enabled and not self.clients[client].deleted

    def stands(self, basis: Basis) -> bool:
        """Tell whether client, user and consent are what they were when the user approved."""
        client, user = self.clients[basis.client], self.users[basis.user]
        return (
            self.acts(basis.client)
            and client.epoch == basis.client_epoch
            and user.enabled
            and user.epoch == basis.user_epoch
            and self.consent(basis).epoch == basis.consent_epoch
        )

    def live_scopes(self, number: int) -> Scopes:
        """Return what an access token may be used for; nothing when it is dead."""
        token = self.access_tokens[number]
        client = self.clients[token.client]
        if token.expired or token.revoked or not self.acts(token.client) or client.epoch != token.client_epoch:
            return frozenset()
        if token.code is not None:
            grant = self.grants[token.code]
            if grant.ended or not self.stands(grant.basis):
                return frozenset()
        return token.scopes & client.scopes

    def refreshable_scopes(self, code: int, generation: int) -> Scopes:
        """Return what a refresh token may be used for; nothing unless it is the family's one live token."""
        grant = self.grants[code]
        if generation != grant.generation or grant.ended or grant.lapsed or grant.limit_left == 0:
            return frozenset()
        return grant.scopes & self.clients[grant.basis.client].scopes if self.stands(grant.basis) else frozenset()

    def tokens(self) -> frozenset[tuple[str, int]]:
        """Return all tokens, dead or live: access tokens by number, families by code."""
        access = {("access", number) for number in range(len(self.access_tokens))}
        return frozenset(access | {("family", code) for code in self.grants})

    def live(self) -> frozenset[tuple[str, int]]:
        """Return those of the tokens that are good for anything."""
        access = {("access", number) for number in range(len(self.access_tokens)) if self.live_scopes(number)}
        families = {
            ("family", code) for code, grant in self.grants.items() if self.refreshable_scopes(code, grant.generation)
        }
        return frozenset(access | families)
