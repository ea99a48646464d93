"""Time that passes from one event to the next, and machines whose programs stop anywhere and whose clocks differ."""

import heapq
from collections.abc import Callable, Coroutine, Generator
from functools import partial
from itertools import count
from random import Random
from typing import Any, Generic, TypeVar, cast

Result = TypeVar("Result")

Process = Coroutine[Any, Any, None]


class Lost(Exception):
    """Whoever waited has given up."""


class Time:
    """Runs what is due, in order."""

    def __init__(self) -> None:
        self.now = 0.0
        self._due: list[tuple[float, int, Callable[[], None]]] = []
        self._order = count()

    def at(self, moment: float, action: Callable[[], None]) -> None:
        """Run an action at a moment."""
        heapq.heappush(self._due, (moment, next(self._order), action))

    def after(self, seconds: float, action: Callable[[], None]) -> None:
        """Run an action in so many seconds."""
        self.at(self.now + seconds, action)

    def run(self, until: float) -> None:
        """Let time pass."""
        while self._due and self._due[0][0] <= until:
            self.now, _, action = heapq.heappop(self._due)
            action()
        self.now = until


class Promise(Generic[Result]):
    """What will be there once, or never."""

    def __init__(self) -> None:
        self.settled = False
        self._outcome: Result | Lost | None = None
        self._wakes: list[Callable[[], None]] = []

    def settle(self, outcome: "Result | Lost") -> None:
        """Give the outcome; only the first one counts."""
        if self.settled:
            return
        self.settled, self._outcome = True, outcome
        for wake in self._wakes:
            wake()
        self._wakes.clear()

    def then(self, wake: Callable[[], None]) -> None:
        """Run something once there is an outcome."""
        if self.settled:
            wake()
        else:
            self._wakes.append(wake)

    def pass_on(self, other: "Promise[Result]") -> None:
        """Give another promise the outcome that this one has."""
        other.settle(cast("Result | Lost", self._outcome))

    def outcome(self) -> Result:
        """Return what there is; raise `Lost`."""
        if isinstance(self._outcome, Lost):
            raise self._outcome
        return cast("Result", self._outcome)

    def __await__(self) -> Generator["Promise[Result]", None, Result]:
        if not self.settled:
            yield self
        return self.outcome()


class Host:
    """A machine with a clock of its own, and one program on it."""

    def __init__(self, time: Time, random: Random, *, stumbles: float = 0.0) -> None:
        self._time = time
        self._random = random
        self._stumbles = stumbles
        self._rate = random.uniform(0.96, 1.04)
        self._booted = random.uniform(-1000, 0)
        self._set_back = 0.0
        self._stopped_until = 0.0
        self._running: set[Process] = set()

    def clock(self) -> float:
        """Return the boot seconds."""
        return self._boot_seconds()

    def run(self, process: Process) -> None:
        """Start a part of the program."""
        self._running.add(process)
        self._go_on(process)

    def sleep(self, seconds: float) -> Promise[None]:
        """Return what is there after so many seconds of this clock."""
        slept: Promise[None] = Promise()
        self._time.after(max(seconds, 0.0) / self._rate + 1e-9, partial(slept.settle, None))
        return slept

    async def stumble(self) -> None:
        """Stop, sometimes, as a thread may between any two lines."""
        if self._random.random() < self._stumbles:
            await self.sleep(self._random.choice((0.005, 0.05, 0.2, 0.5)))

    def stop(self, seconds: float) -> None:
        """Stop the program (SIGSTOP); the clock goes on."""
        self._stopped_until = max(self._stopped_until, self._time.now + seconds)

    def kill(self) -> None:
        """End the program, with whatever it was at."""
        ended, self._running = self._running, set()
        for process in ended:
            process.close()
        self._stopped_until = 0.0

    def steady(self) -> None:
        """Stumble no more."""
        self._stumbles = 0.0

    def set_back_wall_clock(self, seconds: float) -> None:
        """Set the clock back that tells the time of day."""
        self._set_back += seconds

    def _boot_seconds(self) -> float:
        return (self._time.now - self._booted) * self._rate

    def _wall_clock(self) -> float:
        return self._boot_seconds() - self._set_back

    def _go_on(self, process: Process) -> None:
        if process not in self._running:
            return
        if self._time.now < self._stopped_until:
            self._time.at(self._stopped_until, partial(self._go_on, process))
            return
        try:
            awaited: Promise[Any] = process.send(None)
        except StopIteration:
            self._running.discard(process)
        else:
            awaited.then(partial(self._go_on, process))
