"""A server with its log of invalidations, its synchronous standby, and one that was deposed and does not know it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from random import Random
from typing import Any, LiteralString, TypeVar

from tallystick.runtime.lease.log import CONFIRM, READ_LOG
from tallystick.runtime.lease.view import Change, Subject
from tests.model.lease.history import Death, History, Token
from tests.model.lease.virtual_time import Host, Lost, Promise, Time

EPOCH = datetime(2026, 1, 1, tzinfo=UTC)

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Facts:
    """The record of a token, as one statement has it; nothing in it is of a later moment than the rest."""

    token: Token
    alive: bool
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Rows:
    """What one statement said of several tokens, the time, and the timeline, None in recovery."""

    found: Mapping[str, Facts]
    now: datetime
    timeline: str | None


@dataclass(frozen=True, slots=True)
class Ended:
    """What is dead, and whether it was this statement that ended it."""

    death: Death
    first: bool


@dataclass(frozen=True, slots=True)
class State:
    """Everything that is committed. `taken` is where the sequence is, which may be ahead of what is visible."""

    timeline: int = 1
    log: tuple[Change, ...] = (Change(1, "policy", ""),)
    taken: int = 1
    deaths: tuple[Death, ...] = ()
    issued: frozenset[str] = frozenset()
    granted_ms: int = 600
    waited_ms: int = 600

    def death_of(self, subject: Subject) -> Death | None:
        """Return the end of something, if it is dead."""
        return next((death for death in self.deaths if death.subject == subject), None)


class Server:
    """A PostgreSQL server. Each of its methods is one statement, or one transaction in one round trip."""

    def __init__(self, time: Time, random: Random, history: History, state: State) -> None:
        self.state = state
        self.in_recovery = False
        self.deposed = False
        self.down = False
        self.standby: Server | None = None
        self._time = time
        self._random = random
        self._history = history
        self._host = Host(time, random)
        self._locked = False
        self._waiting: list[Promise[None]] = []
        self._replayed_at = 0.0

    def poll(self, values: Mapping[str, Any]) -> Promise[dict[str, Any]]:
        """Run `READ_LOG`."""
        state, after = self.state, values["after"]
        behind = [change for change in state.log if change.position > after >= 0][: values["limit"]]
        row = {
            "now": self._now(),
            "newest": self._newest(),
            "stands": any(change.position == after for change in state.log),
            "granted_ms": state.granted_ms,
            "positions": [change.position for change in behind],
            "kinds": [change.kind for change in behind],
            "keys": [change.key for change in behind],
            "timeline": self._timeline(),
        }
        return self._answered(row, confirmed=CONFIRM in READ_LOG)

    def read(self, names: Sequence[str], *, confirmed: bool) -> Promise[Rows]:
        """Read the records of tokens."""
        found = {name: self._facts(name) for name in names if name in self.state.issued}
        return self._answered(Rows(found, self._now(), self._timeline()), confirmed=confirmed)

    def one(self, statement: LiteralString) -> Promise[dict[str, Any]]:
        """Run `READ_WAIT`."""
        return self._answered({"waited_ms": self.state.waited_ms}, confirmed=CONFIRM in statement)

    def issue(self, token: Token) -> None:
        """Make a token known, of which the log says nothing."""
        if self._can_write():
            self._commit(self._with(issued=self.state.issued | {token.name}))
            self._history.issued(token, self._time.now)

    def end(self, subject: Subject, along: Sequence[Subject]) -> Promise[Ended]:
        """End something, and other things of which nobody wants to know."""
        present = self.state.death_of(subject)
        if present is not None:
            return self._answered(Ended(present, first=False), confirmed=False)
        return self._written([*along, subject], partial(self._end, subject))

    def enable(self, subject: Subject) -> Promise[None]:
        """Let something live again."""
        return self._written([subject], partial(self._enable, subject))

    def set_terms(self, **terms: int) -> Promise[None]:
        """Set *R*, for leases (`granted_ms`) or for waits (`waited_ms`)."""

        def change() -> tuple[State, None]:
            state = self._with(**terms)
            if state.granted_ms > state.waited_ms:
                raise Lost
            return state, None

        return self._written([], change)

    def prune(self, kept: int) -> None:
        """Forget old rows of the log; the newest stays."""
        if self._can_write():
            self._commit(self._with(log=self.state.log[-kept:]))

    def promote(self, received: State, *, timeline: int) -> None:
        """Become the primary, with all that was ever acknowledged; some numbers of the sequence are lost."""
        self.in_recovery = False
        self.state = replace(received, timeline=timeline, taken=received.taken + self._random.choice((0, 32)))

    def _end(self, subject: Subject) -> tuple[State, Ended]:
        present = self.state.death_of(subject)
        if present is not None:
            return self.state, Ended(present, first=False)
        death = Death(subject)
        if not self.deposed:
            self._history.ended(death, self._time.now)
        return self._with(deaths=(*self.state.deaths, death)), Ended(death, first=True)

    def _enable(self, subject: Subject) -> tuple[State, None]:
        # An enabling that only a deposed server knows may be gone by until the last lease ends (docs/decisions/0008).
        if self.deposed:
            raise Lost
        self._history.enabled(subject, self._time.now)
        return self._with(deaths=tuple(death for death in self.state.deaths if death.subject != subject)), None

    def _written(self, subjects: Sequence[Subject], change: Callable[[], tuple[State, Result]]) -> Promise[Result]:
        done: Promise[Result] = Promise()
        if not self.in_recovery:
            self._host.run(self._transact(subjects, change, done))
        return done

    async def _transact(
        self, subjects: Sequence[Subject], change: Callable[[], tuple[State, Result]], done: Promise[Result]
    ) -> None:
        """Draw positions and commit: under the log's lock, so that they become visible in the order of positions."""
        await self._lock()
        rows = [Change(self._next_position(), kind, key) for kind, key in subjects]
        await self._host.sleep(self._random.choice((0.001, 0.03, 0.15)))
        if self.down or self._random.random() < 0.1:
            # Rolled back: its positions are never seen.
            self._unlock()
            done.settle(Lost())
            return
        if self.deposed and self._random.random() < 0.5:
            # It waits for its standby, and nobody sees it.
            self._unlock()
            return
        # A wait for the standby that is cancelled leaves a commit that only this server knows.
        try:
            state, result = change()
        except Lost as lost:
            self._unlock()
            done.settle(lost)
            return
        self._commit(replace(state, log=tuple(sorted((*state.log, *rows), key=lambda row: row.position))))
        self._unlock()
        if self.deposed:
            self._history.committed_alone(self._time.now)
        done.settle(Lost() if self.deposed else result)

    def _commit(self, state: State) -> None:
        self.state = state
        if self.standby is not None and not self.deposed:
            lag = self._random.choice((0.0, 0.01, 1.0))
            self._replayed_at = max(self._replayed_at, self._time.now + lag)
            self._time.at(self._replayed_at, partial(self.standby.replay, state))

    def replay(self, state: State) -> None:
        """Show what the primary committed a while ago."""
        if self.in_recovery:
            self.state = state

    async def _lock(self) -> None:
        while self._locked:
            turn: Promise[None] = Promise()
            self._waiting.append(turn)
            await turn
        self._locked = True

    def _unlock(self) -> None:
        self._locked = False
        if self._waiting:
            self._waiting.pop(0).settle(None)

    def _answered(self, row: Result, *, confirmed: bool) -> Promise[Result]:
        answered: Promise[Result] = Promise()
        if self.down:
            return answered
        if not confirmed or self.in_recovery:
            answered.settle(row)
            return answered
        # The standby acknowledges what a primary writes, as long as it follows it.
        if not self.deposed:
            delay = self._random.choice((0.0001, 0.001, 0.05))
            self._time.after(delay, lambda: None if self.deposed else answered.settle(row))
        return answered

    def _next_position(self) -> int:
        self.state = self._with(taken=self.state.taken + 1)
        return self.state.taken

    def _newest(self) -> int:
        return self.state.log[-1].position

    def _timeline(self) -> str | None:
        return None if self.in_recovery else f"{self.state.timeline:08X}"

    def _can_write(self) -> bool:
        return not (self.in_recovery or self.deposed or self.down)

    def _facts(self, name: str) -> Facts:
        token = next(token for token in self._history.tokens if token.name == name)
        alive = not any(self.state.death_of(subject) for subject in token.rests_on)
        return Facts(token, alive, EPOCH + timedelta(seconds=token.expires_at))

    def _now(self) -> datetime:
        return EPOCH + timedelta(seconds=self._time.now)

    def _with(self, **changed: Any) -> State:
        return replace(self.state, **changed)
