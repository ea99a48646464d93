"""A resource server: it asks one of the replicas, and goes by an answer for as long as it may."""

from collections.abc import Sequence
from random import Random

from tests.model.lease.history import History, Token
from tests.model.lease.network import Network
from tests.model.lease.replica import Question, Replica
from tests.model.lease.virtual_time import Host, Lost, Time

PATIENCE = 1.5


class ResourceServer:
    """Is told what is said of tokens, and tells the history."""

    def __init__(
        self,
        host: Host,
        replicas: Sequence[Replica],
        network: Network,
        time: Time,
        history: History,
        random: Random,
    ) -> None:
        self.host = host
        self._random = random
        self._replicas = replicas
        self._network = network
        self._time = time
        self._history = history
        self._good_until: dict[str, float] = {}

    def use(self, token: Token, replica: int) -> None:
        """Judge a token that somebody presents now, by what is known of it or by asking a replica."""
        staleness = self._random.choice((0.0, 0.0, 0.0, 0.5))
        question = Question(token, staleness=staleness, read_again=not staleness and self._random.random() < 0.05)
        self.host.run(self._judge(question, replica))

    def ask(self, token: Token, replica: int) -> None:
        """Ask a replica now, which must have an answer."""
        self._good_until.clear()
        self.host.run(self._judge(Question(token), replica, must=True))

    async def _judge(self, question: Question, number: int, *, must: bool = False) -> None:
        token, asked_at = question.token, self._time.now
        remembers = self.host.clock() < self._good_until.get(token.name, 0) and not question.read_again
        if remembers and self._random.random() < 0.5:
            await self.host.stumble()
            self._history.said_active(token, asked_at=asked_at, staleness=0, how="a resource server that remembers")
            return
        await self.host.stumble()
        sent_at = self.host.clock()
        how = f"replica {number}"
        try:
            answer = await self._network.call(lambda: self._replicas[number].ask(question), patience=PATIENCE)
        except Lost:
            if must:
                self._history.said_nothing(how)
            return
        if not answer.active:
            self._history.said_inactive(token, asked_at=asked_at, how=how)
            return
        if answer.valid_for > 0:
            self._good_until[token.name] = max(self._good_until.get(token.name, 0), sent_at + answer.valid_for)
        self._history.said_active(token, asked_at=asked_at, staleness=question.staleness, how=how)
