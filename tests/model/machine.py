"""The machine that plays at random, at the server and in the model, and compares every answer and every token."""

from collections.abc import Sequence
from typing import TypeVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from tests.model import people
from tests.model.play import Play
from tests.model.requests import (
    ClientCredentials,
    Redeem,
    Refresh,
    Request,
    RevokeAccessToken,
    RevokeRefreshToken,
)
from tests.model.stage import Stage
from tests.model.world import DAY, Client, Scopes, World

BOTH = frozenset({"read", "write"})
READ, WRITE, NONE = frozenset({"read"}), frozenset({"write"}), frozenset[str]()
CLIENTS = {
    "public": Client(confidential=False, scopes=BOTH),
    "limited": Client(confidential=True, scopes=BOTH, refresh_limit=2),
}
OTHER = {"public": "limited", "limited": "public"}
SHORT, LONG = 200, 8 * DAY
"""Once SHORT is within the grace, twice is not; once LONG is not idle, twice is. Both leave room for slow machines."""

EVERYTHING = 6
"""After so many steps all access tokens are asked about."""

Item = TypeVar("Item")

replicas = st.sampled_from((0, 1))
clients = st.sampled_from(tuple(CLIENTS))
users = st.sampled_from(("alice", "bob"))
back = st.sampled_from((0, 0, 0, 1, 1, 2, 3))
"""Which of many, counted from the latest."""
behind = st.sampled_from((0, 0, 0, 1, 1, 2, 9))
"""How many generations a refresh token is older than the current one."""
by_owner = st.sampled_from((True, True, True, False))
scopes = st.sampled_from((BOTH, BOTH, READ, WRITE))
damage = st.sampled_from(("", "", "", "", "cut", "flipped", "forged"))


class Machine(RuleBasedStateMachine):
    """One play. Rules name codes and tokens by how far back they are, so that a shorter play means the same."""

    def __init__(self, stage: Stage) -> None:
        super().__init__()
        self._play = Play(stage, CLIENTS)
        self._live_before = self._world.live()
        self._steps = 0

    def teardown(self) -> None:
        """End the play."""
        with self._play:
            pass

    @property
    def _world(self) -> World:
        return self._play.world

    @initialize()
    def everybody_has_a_grant(self) -> None:
        """Let each client have a grant, one of them for less than its client may ask for."""
        for user, client, scopes in (("alice", "public", READ), ("bob", "limited", BOTH)):
            self._play.ask(Redeem(client, self._play.approve(user, client, scopes)))

    # Codes.

    @rule(user=users, client=clients, scopes=scopes, and_redeem=by_owner, replica=replicas)
    def approve(self, user: str, client: str, scopes: Scopes, replica: int, *, and_redeem: bool) -> None:
        """A user approves, and mostly the client gets its tokens at once."""
        allowed = scopes & self._world.clients[client].scopes
        if not allowed or not self._world.acts(client) or not self._world.users[user].enabled:
            return
        code = self._play.approve(user, client, allowed)
        if and_redeem:
            self._play.ask(Redeem(client, code), replica)

    @rule(back=back, by_owner=by_owner, verifier=by_owner, redirect_uri=by_owner, replica=replicas)
    def redeem(self, back: int, replica: int, *, by_owner: bool, verifier: bool, redirect_uri: bool) -> None:
        """Somebody presents a code, spent or not, with everything that belongs to it or without."""
        code = _counted_back(range(len(self._world.codes)), back)
        client = self._world.codes[code].basis.client
        self._play.ask(Redeem(client if by_owner else OTHER[client], code, verifier, redirect_uri), replica)

    @rule(user=users, client=clients, verifier=by_owner)
    def redeem_twice_at_once(self, user: str, client: str, *, verifier: bool) -> None:
        """A fresh code is presented to both replicas at once, perhaps once without what belongs to it."""
        if self._world.clients[client].scopes and self._world.acts(client) and self._world.users[user].enabled:
            code = self._play.approve(user, client, self._world.clients[client].scopes)
            self._play.ask_at_once(Redeem(client, code), Redeem(client, code, right_verifier=verifier))

    @rule(
        user=users,
        client=clients,
        change=st.sampled_from(("withdraw", "set_password", "revoke_all")),
        redeemed=st.booleans(),
    )
    def use_after_a_change(self, user: str, client: str, change: str, *, redeemed: bool) -> None:
        """What a fresh code, or a fresh grant, rests on is gone before it is used."""
        scopes = self._world.clients[client].scopes
        if not scopes or not self._world.acts(client) or not self._world.users[user].enabled:
            return
        code = self._play.approve(user, client, scopes)
        if redeemed:
            self._play.ask(Redeem(client, code))
        match change:
            case "withdraw":
                self.withdraw(user, client)
            case "set_password":
                self.operator_changes_user(user, change)
            case _:
                self.operator_changes_client(client, change)
        self._play.ask(Refresh(client, code, generation=0) if redeemed else Redeem(client, code))

    # Tokens.

    @rule(back=back, behind=behind, by_owner=by_owner, damage=damage, scopes=st.none() | scopes, replica=replicas)
    def refresh(
        self, back: int, behind: int, damage: str, scopes: Scopes | None, replica: int, *, by_owner: bool
    ) -> None:
        """Somebody presents a refresh token of any age, and asks for all or some."""
        code, client = self._grant(back)
        generation = self._generation(code, behind)
        self._play.ask(Refresh(client if by_owner else OTHER[client], code, generation, damage, scopes), replica)

    @rule(back=back, times=st.sampled_from((2, 9)), replica=replicas, reuse=st.booleans())
    def keep_refreshing(self, back: int, times: int, replica: int, *, reuse: bool) -> None:
        """A client uses its grant, and perhaps comes with the oldest refresh token of all then."""
        code, client = self._grant(back)
        for _ in range(times):
            self._play.ask(Refresh(client, code, self._generation(code, 0)), replica)
        if reuse:
            self._play.ask(Refresh(client, code, generation=0), replica)

    @rule(back=back, scopes=scopes)
    def refresh_for_scopes(self, back: int, scopes: Scopes) -> None:
        """A client asks for some of what was granted, or for more."""
        code, client = self._grant(back)
        self._play.ask(Refresh(client, code, self._generation(code, 0), scopes=scopes))

    @rule(back=back, seconds=st.sampled_from((SHORT, 2 * SHORT, 2 * LONG)), generations=st.sampled_from((0, 1, 2)))
    def refresh_late(self, back: int, seconds: int, generations: int) -> None:
        """Time passes between two refreshes, and somebody comes with the current token or one before."""
        code, client = self._grant(back)
        self._play.ask(Refresh(client, code, self._generation(code, 0)))
        self.time_passes(back, seconds)
        if generations == 2:
            self._play.ask(Refresh(client, code, self._generation(code, 0)))
        self._play.ask(Refresh(client, code, self._generation(code, generations)))

    @rule(back=back, behind=behind, other=behind)
    def refresh_twice_at_once(self, back: int, behind: int, other: int) -> None:
        """Two refresh tokens of a family, or the same twice, are presented to both replicas at once."""
        code, client = self._grant(back)
        one, two = (Refresh(client, code, self._generation(code, each)) for each in (behind, other))
        self._play.ask_at_once(one, two)

    @rule(back=back, behind=behind, token=st.sampled_from(("refresh", "access", "code")))
    def refresh_while_the_grant_ends(self, back: int, behind: int, token: str) -> None:
        """A refresh races with the end of its grant, at another replica."""
        code, client = self._grant(back)
        generation = self._generation(code, behind)
        own = [number for number, each in enumerate(self._world.access_tokens) if each.code == code]
        ending: dict[str, Request] = {
            "refresh": RevokeRefreshToken(client, code, generation),
            "access": RevokeAccessToken(client, own[-1]),
            "code": Redeem(client, code),
        }
        self._play.ask_at_once(Refresh(client, code, generation), ending[token])

    @rule(client=clients, right_secret=by_owner, replica=replicas)
    def client_credentials(self, client: str, replica: int, *, right_secret: bool) -> None:
        """A client asks for a token of its own."""
        self._play.ask(ClientCredentials(client, right_secret), replica)

    @rule(back=back, by_owner=by_owner, replica=replicas)
    def revoke_access_token(self, back: int, replica: int, *, by_owner: bool) -> None:
        """Somebody says that an access token is to be over."""
        number = _counted_back(range(len(self._world.access_tokens)), back)
        client = self._world.access_tokens[number].client
        self._play.ask(RevokeAccessToken(client if by_owner else OTHER[client], number), replica)

    @rule(back=back, behind=behind, by_owner=by_owner, damage=damage, replica=replicas)
    def revoke_refresh_token(self, back: int, behind: int, damage: str, replica: int, *, by_owner: bool) -> None:
        """Somebody says that a refresh token is to be over."""
        code, client = self._grant(back)
        generation = self._generation(code, behind)
        self._play.ask(RevokeRefreshToken(client if by_owner else OTHER[client], code, generation, damage), replica)

    @rule(back=back, caller=st.sampled_from(("limited", "stranger")))
    def introspect_access_token(self, back: int, caller: str) -> None:
        """Somebody else than the resource server asks about an access token."""
        number = _counted_back(range(len(self._world.access_tokens)), back)
        self._play.compare_access_token(number, caller)

    # People, operators, time.

    @rule(user=users, client=clients)
    def withdraw(self, user: str, client: str) -> None:
        """A user takes back what was said to a client."""
        if self._world.has_access(user, client) and self._world.users[user].enabled:
            self._play.browsing.withdraw(user, client)
            self._play.becomes(people.withdraw(self._world, user, client))

    @rule(client=clients, does=st.sampled_from(("disable", "enable", "enable", "revoke_all", "rotate", "delete")))
    def operator_changes_client(self, client: str, does: str) -> None:
        """An operator does something about a client."""
        if self._world.clients[client].deleted or (does == "rotate" and client == "public"):
            return
        match does:
            case "disable" | "enable":
                self._play.operating.enable_client(client, enabled=does == "enable")
                after = people.enable_client(self._world, client, enabled=does == "enable")
            case "revoke_all":
                self._play.operating.revoke_all(client)
                after = people.revoke_all(self._world, client)
            case "rotate":
                self._play.operating.rotate_secret(client)
                after = people.rotate_secret(self._world, client)
            case _:
                self._play.operating.delete_client(client)
                after = people.delete_client(self._world, client)
        self._play.becomes(after, may_revive=does == "enable")

    @rule(client=clients, scopes=st.sampled_from((BOTH, BOTH, BOTH, READ, WRITE, NONE)))
    def operator_changes_scopes(self, client: str, scopes: Scopes) -> None:
        """An operator takes scopes from a client, or gives them back."""
        if not self._world.clients[client].deleted:
            self._play.operating.allow_scopes(client, scopes)
            self._play.becomes(people.allow_scopes(self._world, client, scopes), may_revive=True)

    @rule(user=users, does=st.sampled_from(("disable", "enable", "enable", "set_password")))
    def operator_changes_user(self, user: str, does: str) -> None:
        """An operator does something about a user."""
        if does == "set_password":
            self._play.operating.set_password(user)
            self._play.browsing.forget(user)
            self._play.becomes(people.set_password(self._world, user))
        else:
            self._play.operating.enable_user(user, enabled=does == "enable")
            after = people.enable_user(self._world, user, enabled=does == "enable")
            self._play.becomes(after, may_revive=does == "enable")

    @rule(back=back)
    def operator_revokes_grant(self, back: int) -> None:
        """An operator ends a grant."""
        code, _ = self._grant(back)
        self._play.operating.revoke_grant(self._play.rows.grant_id(code))
        self._play.becomes(people.revoke_grant(self._world, code))

    @rule(back=back, seconds=st.sampled_from((SHORT, SHORT, 2 * SHORT, LONG)))
    def time_passes(self, back: int, seconds: int) -> None:
        """A grant gets older."""
        code, _ = self._grant(back)
        self._play.rows.pass_time(code, seconds)
        self._play.becomes(people.pass_time(self._world, code, seconds))

    @rule(back=back)
    def access_token_expires(self, back: int) -> None:
        """An access token reaches its end."""
        number = _counted_back(range(len(self._world.access_tokens)), back)
        if self._play.rows.expire(self._play.texts.access[number]):
            self._play.becomes(people.expire(self._world, number))

    @rule()
    def redis_loses_everything(self) -> None:
        """Codes that nobody has spent are gone, and everybody has to sign in again."""
        self._play.lose_redis()

    # What must be true whatever happened.

    @invariant()
    def one_grant_for_each_spent_code(self) -> None:
        """No grant is missing, and there is no other."""
        self._play.compare_grants()

    @invariant()
    def access_tokens_are_as_live_as_they_should_be(self) -> None:
        """The resource server is told the truth: of what a step has brought or changed, and now and then of all."""
        live, before = self._world.live(), self._live_before
        self._live_before, self._steps = live, self._steps + 1
        latest = len(self._world.access_tokens) - 1
        for number in range(latest + 1):
            changed = (("access", number) in live) != (("access", number) in before)
            if changed or number == latest or self._steps % EVERYTHING == 0:
                self._play.compare_access_token(number, "resource server")

    @invariant()
    def one_refresh_token_of_a_family_is_live(self) -> None:
        """A client that may ask is told that the current one is live, at the most, and the one before is not."""
        for code, grant in self._world.grants.items():
            if grant.basis.client == "limited" and self._world.acts("limited"):
                for generation in range(max(0, grant.generation - 1), grant.generation + 1):
                    self._play.compare_refresh_token(code, generation, "limited")

    def _grant(self, back: int) -> tuple[int, str]:
        """Return a grant and its client: those that can be refreshed come first, as the others soon are many."""
        live = self._world.live()
        code = _counted_back(sorted(self._world.grants, key=lambda code: (("family", code) in live, code)), back)
        return code, self._world.grants[code].basis.client

    def _generation(self, code: int, behind: int) -> int:
        return max(0, self._world.grants[code].generation - behind)


def _counted_back(items: Sequence[Item], back: int) -> Item:
    return items[-1 - back % len(items)]
