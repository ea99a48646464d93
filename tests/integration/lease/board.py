"""What everybody asks about: all tokens, and above all those that are about to end or have just ended."""

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from threading import Lock

from tests.integration.lease.cast import Holding
from tests.integration.lease.history import Thing
from tests.support.operator_client import Resource

_HOT_SHARE = 0.75


@dataclass(frozen=True, slots=True)
class Held:
    """One token of a holding: what it rests on, and what its use at a resource rests on, if that may end by itself."""

    name: str
    text: str = field(repr=False)
    resource: Resource
    behind: frozenset[Thing]
    behind_access: frozenset[Thing]


class Board:
    """All tokens, and which of them are hot."""

    def __init__(self, holdings: Sequence[Holding]) -> None:
        self._tokens = {each.thing: _tokens(each) for each in holdings}
        self._all = [token for tokens in self._tokens.values() for token in tokens]
        self._hot: tuple[Held, ...] = ()
        self._lock = Lock()

    def heat(self, holding: Holding) -> None:
        """Let a holding's tokens be asked about often."""
        with self._lock:
            self._hot += self._tokens[holding.thing]

    def cool(self, holding: Holding) -> None:
        """Let them be asked about as any others."""
        with self._lock:
            self._hot = tuple(each for each in self._hot if each not in self._tokens[holding.thing])

    def pick(self, chance: random.Random) -> Held:
        """Return a token."""
        hot = self._hot
        return chance.choice(hot) if hot and chance.random() < _HOT_SHARE else chance.choice(self._all)


def _tokens(holding: Holding) -> tuple[Held, ...]:
    kind, number = holding.thing
    thing, nothing = frozenset({holding.thing}), frozenset[Thing]()
    behind, behind_access = (nothing, thing) if holding.way.ends_access else (thing, nothing)
    return tuple(
        Held(f"{kind} {number}, token {n}", text, holding.offer.resource, behind, behind_access)
        for n, text in enumerate(holding.access_tokens)
    )
