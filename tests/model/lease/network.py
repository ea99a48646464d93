"""What lies between machines: delays, losses, and connections that may lead to a server that was deposed."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from random import Random
from typing import TypeVar

from tests.model.lease.database import Server, State
from tests.model.lease.history import Death
from tests.model.lease.virtual_time import Lost, Promise, Time

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Climate:
    """How bad a network is: how long a message takes at the least, and how many take much longer or are lost."""

    delay: float
    slow: float
    lost: float


class Network:
    """Carries questions and answers. Each takes as long as it takes, and may overtake others."""

    def __init__(self, time: Time, random: Random, climate: Climate) -> None:
        self.climate = climate
        self._time = time
        self._random = random

    def call(self, serve: Callable[[], Promise[Result]], *, patience: float, slowness: float = 0.0) -> Promise[Result]:
        """Ask; whoever asked gives up after so many seconds. Each way may take so many seconds longer."""
        asked: Promise[Result] = Promise()
        self._time.after(patience, partial(asked.settle, Lost()))
        if not self._is_lost():
            self._time.after(self._delay(slowness), partial(self._serve, serve, asked, slowness))
        return asked

    def _serve(self, serve: Callable[[], Promise[Result]], asked: Promise[Result], slowness: float) -> None:
        served = serve()
        served.then(partial(self._answer, served, asked, slowness))

    def _answer(self, served: Promise[Result], asked: Promise[Result], slowness: float) -> None:
        if not self._is_lost():
            self._time.after(self._delay(slowness), partial(served.pass_on, asked))

    def _delay(self, slowness: float) -> float:
        delay = self.climate.delay * self._random.uniform(0.5, 2)
        if self._random.random() < self.climate.slow:
            slowness += 0.5
        return delay + (self._random.random() * slowness if slowness else 0)

    def _is_lost(self) -> bool:
        return self._random.random() < self.climate.lost


class Cluster:
    """The servers of the database, of which one is the primary; `deposed` does not know that it is not."""

    def __init__(self, random: Random, server: Callable[[State], Server]) -> None:
        self._random = random
        self._server = server
        self._timeline = 1
        self._settled = False
        self._primary = server(State())
        self._deposed = server(State())
        self._deposed.down = True
        self._follow()
        self._backup = self._primary.state

    @property
    def primary(self) -> Server:
        """The one that may be written to."""
        return self._primary

    def lead(self, *, readable: bool) -> Server:
        """Return where a new connection leads: to whatever a name stands for where it is asked."""
        if not self._deposed.down and self._random.random() < 0.3:
            return self._deposed
        if readable and not self._settled and self._primary.standby is not None and self._random.random() < 0.05:
            return self._primary.standby
        return self._primary

    def fail_over(self) -> None:
        """Promote the standby; the old primary can be reached for some time yet."""
        old = self._primary
        if old.down or old.standby is None or not self._deposed.down:
            return
        old.deposed = True
        self._deposed = old
        self._timeline += 1
        self._primary = old.standby
        self._primary.promote(old.state, timeline=self._timeline)
        self._follow()

    def fence(self) -> None:
        """Shut the deposed primary down."""
        self._deposed.down = True

    def settle(self) -> None:
        """Let every name stand for the primary."""
        self.fence()
        self._settled = True

    def back_up(self) -> None:
        """Keep what there is."""
        self._backup = self._primary.state

    def shut_down(self) -> None:
        """Shut everything down."""
        for server in (self._primary, self._primary.standby, self._deposed):
            if server is not None:
                server.down = True

    def restore(self) -> State:
        """Start again, with what was kept."""
        deaths = tuple(Death(death.subject) for death in self._backup.deaths)
        self._timeline += 1
        taken = self._backup.taken + self._random.choice((0, 0, 32))
        self._backup = replace(self._backup, timeline=self._timeline, deaths=deaths, taken=taken)
        self._primary = self._server(self._backup)
        self._follow()
        return self._backup

    def _follow(self) -> None:
        standby = self._server(self._primary.state)
        standby.in_recovery = True
        self._primary.standby = standby


class Connection:
    """A connection of a program's to the database, made anew when it fails."""

    def __init__(self, cluster: Cluster, network: Network, time: Time, *, readable: bool) -> None:
        self._cluster = cluster
        self._network = network
        self._time = time
        self._readable = readable
        self._cut_until = 0.0
        self._slow_until = 0.0
        self.connect()

    def cut(self, seconds: float) -> None:
        """Let nothing through for a while."""
        self._cut_until = max(self._cut_until, self._time.now + seconds)

    def slow(self, seconds: float) -> None:
        """Let everything take longer for a while."""
        self._slow_until = max(self._slow_until, self._time.now + seconds)

    def connect(self) -> None:
        """Connect anew."""
        self._server = self._cluster.lead(readable=self._readable)

    async def call(self, serve: Callable[[Server], Promise[Result]], *, patience: float) -> Result:
        """Run a statement; raise `Lost`, and connect anew."""
        server = self._server
        if self._time.now < self._cut_until or server.down:
            patience, serve = 0.05, _never
        slowness = 1.2 if self._time.now < self._slow_until else 0.0
        try:
            result = await self._network.call(lambda: serve(server), patience=patience, slowness=slowness)
        except Lost:
            self.connect()
            raise
        if self._time.now < self._cut_until:
            raise Lost
        return result


def _never(_: Server) -> Promise[Result]:
    return Promise()
