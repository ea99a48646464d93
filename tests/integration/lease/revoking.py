"""Ending one holding after another: by several at once, at several replicas, and again a little later."""

import math
import random
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from threading import Event

from tests.integration.lease.board import Board
from tests.integration.lease.cast import Holding
from tests.integration.lease.hands import Hands, NotReported
from tests.integration.lease.history import History, Restoration, Revocation
from tests.integration.lease.ways import Way

# A refresh token that was replaced so long ago is reused by a thief: longer than the grace in these runs.
_OLD_SECONDS = 1.5

# Who refreshes is told in these ways that the grant is over, and nothing else happens by it.
_TOLD_TO_WHO_REFRESHES = {Way.ACCESS_TOKEN, Way.GRANT, Way.REPLAY, Way.CONSENT, Way.ALL_OF_CLIENT, Way.PASSWORD}


class Stock:
    """Holdings that can yet be ended, one of each way before the second of any, and last those that were restored."""

    def __init__(self, holdings: Sequence[Holding], chance: random.Random) -> None:
        self._holdings = deque(sorted(holdings, key=lambda each: (each.number, chance.random())))

    def take(self) -> Holding | None:
        """Return a holding for nobody else to end meanwhile, if there is one."""
        try:
            return self._holdings.popleft()
        except IndexError:
            return None

    def give_back(self, holding: Holding) -> None:
        """Let a holding that was restored be ended again."""
        self._holdings.append(holding)


@dataclass(frozen=True, slots=True)
class Revoker:
    """Ends holdings. `hands` are at different replicas; nothing befalls the authorize of the first."""

    stock: Stock
    board: Board
    hands: Sequence[Hands]
    threads: Executor
    history: History
    lease_seconds: float

    def revoke(self, stories: int, over: Event, chance: random.Random) -> None:
        """End so many, one after another."""
        for _ in range(stories):
            if over.wait(chance.uniform(0, self.lease_seconds)):
                return
            holding = self.stock.take()
            if holding is None:
                continue
            self.board.heat(holding)
            if holding.way is Way.REUSE:
                over.wait(max(0.0, holding.made_at + _OLD_SECONDS - time.monotonic()))
            over.wait(chance.uniform(0.2, 0.5) * self.lease_seconds)
            self._end(holding, over, chance)
            over.wait(self.lease_seconds)
            if not holding.way.is_for_good:
                self._restore(holding)
                over.wait(self.lease_seconds)
                self.stock.give_back(holding)
            self.board.cool(holding)

    def _end(self, holding: Holding, over: Event, chance: random.Random) -> None:
        """Let two end it at once, one more a little later, and somebody learn of it by refreshing, at any replicas."""
        first, second = chance.sample(self.hands, 2)
        repeat, learner = chance.choice(self.hands), chance.choice(self.hands)
        attempts = [
            (first.end, first.place_of(holding.way), 0.0),
            (second.end, second.place_of(holding.way), 0.0),
            (repeat.end, repeat.place_of(holding.way), chance.random()),
        ]
        if holding.way in _TOLD_TO_WHO_REFRESHES:
            attempts.append((learner.learn, f"{learner.place_of(Way.REUSE)}, by a refresh", chance.random()))
        running = [
            self.threads.submit(self._attempt, holding, does, at, over, late * self.lease_seconds)
            for does, at, late in attempts
        ]
        for each in running:
            each.result()

    def _attempt(self, holding: Holding, does: Callable[[Holding], None], at: str, over: Event, late: float) -> None:
        over.wait(late)
        begun = time.monotonic()
        try:
            does(holding)
        except NotReported:
            reported = math.inf
        else:
            reported = time.monotonic()
        self.history.revocations.append(Revocation(holding.thing, holding.way.value, at, begun, reported))

    def _restore(self, holding: Holding) -> None:
        begun = time.monotonic()
        try:
            self.hands[0].restore(holding)
        except NotReported:
            ended = math.inf
        else:
            ended = time.monotonic()
        self.history.restorations.append(Restoration(holding.thing, self.hands[0].place_of(holding.way), begun, ended))
