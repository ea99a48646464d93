"""A play: the same done to the server and to the model, and every answer and every token compared."""

from contextlib import ExitStack
from types import TracebackType
from typing import Self

import redis

from tests.model import people
from tests.model.browsing import Browsing
from tests.model.cast import Cast
from tests.model.operating import Operating
from tests.model.replicas import Replicas, parsed
from tests.model.requests import INVALID_CLIENT, WAIT, Request
from tests.model.rows import Kept, Rows
from tests.model.stage import Stage
from tests.model.texts import Difference, Texts
from tests.model.world import Client, Scopes, User, World


class Play:
    """The server with clients of this play, and the world that it should be. Raises `Difference`."""

    def __init__(self, stage: Stage, clients: dict[str, Client]) -> None:
        self._cast = Cast(stage)
        self._replicas = Replicas(self._cast)
        self._open = ExitStack()
        self.browsing = Browsing(self._cast)
        self.operating = Operating(self._cast)
        self.rows = Rows(self._cast, self._open.enter_context(stage.cluster.database.connect()))
        self.texts = Texts()
        self.world = World(clients=clients, users=dict.fromkeys(sorted(stage.users), User()), consents={})
        for name, client in clients.items():
            self._cast.register(name, client)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Leave the people, who are the stage's, as the next play wants to find them."""
        for name, user in self.world.users.items():
            if not user.enabled:
                self.operating.enable_user(name, enabled=True)
        self.browsing.close()
        self._open.close()

    def approve(self, user: str, client: str, scopes: Scopes) -> int:
        """Let a user approve scopes, and return the number of the code."""
        self.browsing.approve(user, client, scopes)
        self.becomes(people.approve(self.world, user, client, scopes))
        return len(self.world.codes) - 1

    def ask(self, request: Request, replica: int = 0) -> None:
        """Send a request, and compare the answer."""
        after, expected = request.apply(self.world)
        seen = self._replicas.send(request, self.texts, replica)
        try:
            self.texts = self.texts.after(expected, seen)
        except Difference as difference:
            raise Difference(f"{request}: {difference}") from None
        self._asked(request.client, after)

    def ask_at_once(self, first: Request, second: Request) -> None:
        """Send two requests at once; they are answered as if one had come before the other, whichever that was."""
        one, two = self._replicas.send_at_once(first, second, self.texts)
        differences = []
        for order in (((first, one), (second, two)), ((second, two), (first, one))):
            world, texts = self.world, self.texts
            try:
                for request, seen in order:
                    world, expected = request.apply(world)
                    texts = texts.after(expected, seen)
            except Difference as difference:
                differences.append(str(difference))
            else:
                self.texts = texts
                self._asked(first.client, world)
                return
        raise Difference(f"{first} beside {second}, in neither order: {' | '.join(differences)}")

    def lose_redis(self) -> None:
        """Let Redis forget everything."""
        with redis.Redis.from_url(self._cast.stage.cluster.redis_url, socket_timeout=5) as client:
            client.flushdb()
        self.becomes(people.lose_redis(self.world))

    def becomes(self, after: World, *, may_revive: bool = False) -> None:
        """Go on to another world. What is dead stays dead, unless somebody enabled or allowed something."""
        dead = self.world.tokens() - self.world.live()
        if not may_revive and dead & after.live():
            raise Difference(f"the model itself lets {dead & after.live()} live again")
        self.world = after

    def compare_grants(self) -> None:
        """The database has the model's grants and no others, each with its one live refresh token."""
        expected = {
            code: Kept(
                grant.generation,
                grant.limit_left,
                grant.ended,
                parsed(self.texts.refresh[code, grant.generation]).digest,
            )
            for code, grant in self.world.grants.items()
        }
        kept = self.rows.grants()
        if kept != expected:
            raise Difference(f"expected the grants {expected}, but there are {kept}")

    def compare_access_token(self, number: int, caller: str) -> None:
        """A caller is told of an access token what the model says: nothing, unless it serves or holds it."""
        token = self.world.access_tokens[number]
        concerned = caller in {"resource server", token.client}
        live = self.world.live_scopes(number) if concerned else frozenset[str]()
        user = None if token.code is None else self.world.grants[token.code].basis.user
        expected = self._facts(live, token.client, user, self._cast.stage.audience)
        self._compare(f"access token {number}", self.texts.access[number], caller, expected)

    def compare_refresh_token(self, code: int, generation: int, caller: str) -> None:
        """A caller is told of a refresh token what the model says: nothing, unless it holds it."""
        basis = self.world.grants[code].basis
        live = self.world.refreshable_scopes(code, generation) if caller == basis.client else frozenset[str]()
        expected = self._facts(live, basis.client, basis.user, self._cast.stage.cluster.issuer)
        self._compare(f"refresh token {code, generation}", self.texts.refresh[code, generation], caller, expected)

    def _asked(self, client: str, after: World) -> None:
        """Go on after a client has asked for something. Nothing of anybody else's has changed."""
        if _others(self.world, client) != _others(after, client):
            raise Difference(f"the model itself lets {client} change what is not its own")
        self.becomes(after)

    def _facts(self, scopes: Scopes, client: str, user: str | None, audience: str) -> dict[str, object]:
        """Return what a live token must say of itself."""
        if not scopes:
            return {"active": False}
        client_id = self._cast.client_id(client)
        facts: dict[str, object] = {"active": True, "scope": scopes, "client_id": client_id, "aud": audience}
        if user is None:
            return facts | {"sub": f"client:{client_id}"}
        owner = self._cast.stage.users[user]
        return facts | {"sub": f"user:{owner.user_id}", "username": owner.username}

    def _compare(self, name: str, token: str, caller: str, expected: dict[str, object]) -> None:
        told = self._replicas.introspect(token, caller)
        if caller in self.world.clients and not self.world.acts(caller):
            if told.get("error") not in {INVALID_CLIENT.error, WAIT.error}:
                raise Difference(f"{caller} may not ask any more, but told was {told}")
            return
        if "scope" in told:
            told["scope"] = self._cast.scopes_named(str(told["scope"]))
        relevant = {member: told.get(member) for member in expected}
        if relevant != expected or (expected == {"active": False} and told != expected):
            raise Difference(f"expected of {name} for {caller}: {expected}, but told was {told}")


def _others(world: World, client: str) -> list[object]:
    tokens = [(number, token) for number, token in enumerate(world.access_tokens) if token.client != client]
    return [*tokens, *(item for item in world.grants.items() if item[1].basis.client != client)]
