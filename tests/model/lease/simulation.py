"""Everything together, drawn from one seed: seconds of trouble, and then a calm in which all must be right."""

from collections.abc import Callable
from functools import partial
from random import Random

from tests.model.lease.database import Server
from tests.model.lease.history import History, Token, Violation
from tests.model.lease.network import Climate, Cluster, Connection, Network
from tests.model.lease.replica import Batching, Leasing, Replica
from tests.model.lease.resource_server import ResourceServer
from tests.model.lease.revoker import Revoker
from tests.model.lease.trouble import RESTORING_SECONDS, People, Trouble
from tests.model.lease.virtual_time import Host, Time

TROUBLED_SECONDS = 5.0
CALMING_SECONDS = 3.2
CALM_SECONDS = 0.5

CLIMATES = (Climate(0.0005, 0, 0), Climate(0.002, 0.02, 0.01), Climate(0.01, 0.1, 0.03))
CALM = Climate(0.0005, 0, 0)


def violation(seed: int) -> str | None:
    """Return what was said under a seed that may not be said, None if nothing was."""
    play = Simulation(seed)
    try:
        play.run()
    except Violation as violated:
        return f"seed {seed}: {violated}"
    finally:
        play.end()
    return None


class Simulation:
    """Three replicas, two resource servers, two revokers and an operator, and all that happens to them."""

    def __init__(self, seed: int) -> None:
        self._random = random = Random(seed)  # noqa: S311 - a play that can be repeated, not a secret
        self._time = time = Time()
        self._hosts: list[Host] = []
        self._stumbles = random.choice((0.0, 0.02, 0.1))
        self._history = history = History()
        self._network = network = Network(time, random, random.choice(CLIMATES))
        self._cluster = Cluster(random, lambda state: Server(time, random, history, state))
        self._replicas = [
            Replica(self._host(), (self._connection(), self._connection()), program)
            for program in (Batching, Batching, Leasing)
        ]
        revokers = [Revoker(self._host(), partial(self._connection, readable=False), time, history) for _ in range(3)]
        self._resource_servers = [
            ResourceServer(self._host(), self._replicas, network, time, history, random) for _ in range(2)
        ]
        self._people = People(random, history, revokers[:2], revokers[2], self._resource_servers)
        self._trouble = Trouble(time, random, history, self._cluster, self._replicas, self._people)

    def run(self) -> None:
        """Let it happen; raise `Violation`."""
        early, late = self._history.tokens[:-1], self._history.tokens[-1]
        for token in early:
            self._issue(token)
        for seconds, action in self._trouble.kinds():
            if self._random.random() < 0.4:
                self._often(seconds, action)
        self._often(0.03, self._people.use_a_token)
        self._often(self._random.choice((0.2, 0.6)), self._people.end_something)
        self._often(0.5, self._people.set_revocation_wait)
        self._time.run(TROUBLED_SECONDS)
        self._trouble.end()
        self._time.after(RESTORING_SECONDS, partial(self._issue, late))
        self._network.climate = CALM
        self._time.run(TROUBLED_SECONDS + CALMING_SECONDS)
        self._trouble.heal()
        for replica in range(len(self._replicas)):
            for token in self._history.tokens:
                self._random.choice(self._resource_servers).ask(token, replica)
        self._time.run(TROUBLED_SECONDS + CALMING_SECONDS + CALM_SECONDS)

    def end(self) -> None:
        """End every program."""
        for host in self._hosts:
            host.kill()

    def _often(self, seconds: float, action: Callable[[], None]) -> None:
        """Do something again and again, once in so many seconds, as long as there is trouble."""

        def again() -> None:
            if self._time.now < TROUBLED_SECONDS:
                self._time.after(self._random.expovariate(1 / seconds), again)
                action()

        self._time.after(self._random.expovariate(1 / seconds), again)

    def _issue(self, token: Token) -> None:
        self._cluster.primary.issue(token)

    def _host(self) -> Host:
        host = Host(self._time, self._random, stumbles=self._stumbles)
        self._hosts.append(host)
        return host

    def _connection(self, *, readable: bool = True) -> Connection:
        return Connection(self._cluster, self._network, self._time, readable=readable)
