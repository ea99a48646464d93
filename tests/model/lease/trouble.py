"""What happens: things are ended, enabled and asked about, and everything that can go wrong does."""

from collections.abc import Callable
from random import Random

from tallystick.runtime.lease.view import Subject
from tests.model.lease.history import History
from tests.model.lease.network import Cluster
from tests.model.lease.replica import Replica
from tests.model.lease.resource_server import ResourceServer
from tests.model.lease.revoker import Revoker
from tests.model.lease.virtual_time import Time

ELSEWHERE: tuple[Subject, ...] = tuple(("token", f"of somebody else {number}") for number in range(20))

REPLICAS = 3

RESTORING_SECONDS = 1.5
"""How long a restored database is away: longer than any lease."""

WAITS_MS = (300, 300, 900)


class People:
    """Whoever uses tokens, ends and enables things."""

    def __init__(
        self,
        random: Random,
        history: History,
        revokers: list[Revoker],
        operator: Revoker,
        resource_servers: list[ResourceServer],
    ) -> None:
        self._random = random
        self._history = history
        self._revokers = revokers
        self._operator = operator
        self._resource_servers = resource_servers
        self._wait_ms = 600

    def use_a_token(self) -> None:
        """Present one somewhere."""
        token = self._random.choice(self._history.tokens)
        self._random.choice(self._resource_servers).use(token, self._random.randrange(REPLICAS))

    def end_something(self) -> None:
        """End something, again if it is dead, and enable it a while after that was reported."""
        subject = self._random.choice(
            self._random.choice(self._history.tokens).rests_on[: self._random.choice((1, 1, 99))]
        )
        for revoker in self._revokers[: self._random.choice((1, 1, 2))]:
            revoker.host.run(self._end(revoker, subject))

    def set_revocation_wait(self) -> None:
        """Lower or raise *R*, if that is not being done."""
        wait_ms, self._wait_ms = self._wait_ms, 0
        if wait_ms:
            self._operator.host.run(self._set_revocation_wait(wait_ms, self._random.choice(WAITS_MS)))

    async def _set_revocation_wait(self, old_ms: int, new_ms: int) -> None:
        done = await self._operator.set_revocation_wait(old_ms, new_ms)
        self._wait_ms = new_ms if done else max(old_ms, new_ms)

    async def _end(self, revoker: Revoker, subject: Subject) -> None:
        revoker.host.run(self._go_on_using(revoker, subject))
        width = self._random.choice((1, 20))
        along = [ELSEWHERE[number % width] for number in range(self._random.choice((0, 0, 3, 20)))]
        if await revoker.end(subject, along):
            # Whoever was told looks whether it is so.
            self._use_all_on(subject)
        await revoker.host.sleep(self._random.choice((0.05, 0.3)))
        self._use_all_on(subject)
        if self._random.random() < 0.9:
            await revoker.enable(subject)

    async def _go_on_using(self, revoker: Revoker, subject: Subject) -> None:
        for seconds in (0.0, 0.03, 0.1):
            await revoker.host.sleep(seconds)
            self._use_all_on(subject)

    def _use_all_on(self, subject: Subject) -> None:
        for token in self._history.tokens:
            if subject in token.rests_on:
                for replica in range(REPLICAS):
                    self._random.choice(self._resource_servers).use(token, replica)


class Trouble:
    """Everything that goes wrong."""

    def __init__(
        self,
        time: Time,
        random: Random,
        history: History,
        cluster: Cluster,
        replicas: list[Replica],
        people: People,
    ) -> None:
        self._people = people
        self._time = time
        self._random = random
        self._history = history
        self._cluster = cluster
        self._replicas = replicas

    def kinds(self) -> tuple[tuple[float, Callable[[], None]], ...]:
        """Return what goes wrong, and once in how many seconds."""
        return (
            (0.5, lambda: self._replica().host.stop(self._random.choice((0.1, 0.4, 1.0)))),
            (0.8, lambda: self._replica().restart()),
            (0.4, self._start_while_something_ends),
            (0.4, lambda: self._cut(self._replica())),
            (0.4, self._slow_down_while_something_ends),
            (0.5, lambda: self._random.choice(self._replica().connections).connect()),
            (0.4, lambda: self._cluster.primary.prune(self._random.choice((1, 1, 4)))),
            (0.5, lambda: self._replica().host.set_back_wall_clock(self._random.choice((0.2, 1.0)))),
            (0.8, self._fail_over),
            (0.5, self._cluster.back_up),
            (6.0, self._restore),
        )

    def end(self) -> None:
        """Let nothing go wrong any more."""
        self._cluster.settle()
        for replica in self._replicas:
            replica.host.steady()

    def heal(self) -> None:
        """Let everybody find the primary."""
        for replica in self._replicas:
            for connection in replica.connections:
                connection.connect()

    def _replica(self) -> Replica:
        return self._random.choice(self._replicas)

    def _start_while_something_ends(self) -> None:
        self._people.end_something()
        self._time.after(self._random.choice((0.003, 0.03)), self._replica().restart)

    def _slow_down_while_something_ends(self) -> None:
        self._random.choice(self._replica().connections).slow(self._random.choice((0.2, 0.8)))
        self._people.end_something()

    def _cut(self, replica: Replica) -> None:
        seconds = self._random.choice((0.3, 0.9))
        for connection in replica.connections[: self._random.choice((1, 1, 2))]:
            connection.cut(seconds)

    def _fail_over(self) -> None:
        self._cluster.fail_over()
        for replica in self._replicas:
            self._random.choice(replica.connections).connect()
        for _ in range(3):
            self._people.end_something()
        self._time.after(self._random.choice((0.3, 1.0, 2.0)), self._cluster.fence)

    def _restore(self) -> None:
        if not self._cluster.primary.down:
            self._cluster.shut_down()
            self._time.after(RESTORING_SECONDS, self._restored)

    def _restored(self) -> None:
        state = self._cluster.restore()
        self._history.restored(state.deaths, state.issued, self._time.now)
