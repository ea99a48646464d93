"""A replica: it follows the log and answers, from memory or by reading, as the services do.

What is a rule is the services' own code. Between any two lines that a thread may be stopped at, it stumbles.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from tallystick.runtime.failures import Unavailable
from tallystick.runtime.lease.answering import memory_holds_for, needs_confirmation, read_counts
from tallystick.runtime.lease.leased_reads import LeasedReads, Log
from tallystick.runtime.lease.leased_reads import Read as LeasedRead
from tallystick.runtime.lease.log import POLL_SECONDS, poll_of, poll_values
from tallystick.runtime.lease.records import Record, Records, Sending
from tallystick.runtime.lease.view import Moment, View, after_poll
from tests.model.lease.database import Facts, Rows
from tests.model.lease.history import Token
from tests.model.lease.network import Connection
from tests.model.lease.virtual_time import Host, Lost, Promise

ROOM = 5
POLL_PATIENCE = 0.8
READ_PATIENCE = 1.5


@dataclass(frozen=True, slots=True)
class Question:
    """A token, and how recent the answer must be."""

    token: Token
    staleness: float = 0.0
    read_again: bool = False


@dataclass(frozen=True, slots=True)
class Answer:
    """Whether a token is active, and for how long that may be gone by."""

    active: bool
    valid_for: float = 0.0


@dataclass(frozen=True, slots=True)
class Remembered:
    """The facts of a token, and the moment of Postgres's time at which they were read."""

    facts: Facts
    moment: Moment


@dataclass(frozen=True, slots=True)
class Read:
    """What a read found of one token, and the state in which it was sent."""

    facts: Facts | None
    sent: Sending
    moment: Moment
    timeline: str


@dataclass(slots=True)
class Waiting:
    """One who waits for a read."""

    key: str
    confirmed: bool
    answer: Promise[Read] = field(default_factory=Promise)


class Follower:
    """Keeps a view of the log."""

    def __init__(self, host: Host, connection: Connection) -> None:
        self.view = View()
        self._host = host
        self._connection = connection

    async def follow(self) -> None:
        """Poll for ever."""
        while True:
            try:
                limited = await self._poll()
            except Lost:
                await self._host.sleep(2 * POLL_SECONDS)
            else:
                if not limited:
                    await self._host.sleep(POLL_SECONDS)

    async def _poll(self) -> bool:
        view, sent_at = self.view, self._host.clock()
        await self._host.stumble()
        row = await self._connection.call(lambda server: server.poll(poll_values(view)), patience=POLL_PATIENCE)
        await self._host.stumble()
        poll = poll_of(view, row, sent_at=sent_at)
        self.view = after_poll(view, poll)
        return not poll.reached_end


class BatchedReads:
    """Sends together what waits together."""

    def __init__(self, host: Host, connection: Connection, follower: Follower) -> None:
        self._host = host
        self._connection = connection
        self._follower = follower
        self._queue: list[Waiting] = []
        self._arrived: Promise[None] = Promise()

    def find(self, key: str, *, confirmed: bool) -> Promise[Read]:
        """Read a key."""
        waiting = Waiting(key, confirmed)
        self._queue.append(waiting)
        self._arrived.settle(None)
        return waiting.answer

    async def serve(self) -> None:
        """Read for ever."""
        while True:
            while not self._queue:
                if self._arrived.settled:
                    self._arrived = Promise()
                await self._arrived
            batch, self._queue = self._queue, []
            await self._host.stumble()
            try:
                await self._answer(batch)
            except Lost as lost:
                for each in batch:
                    each.answer.settle(lost)

    async def _answer(self, batch: Sequence[Waiting]) -> None:
        view = self._follower.view
        await self._host.stumble()
        at = self._host.clock()
        confirmed = needs_confirmation(view, at) or any(each.confirmed for each in batch)
        await self._host.stumble()
        rows = await self._read(batch, confirmed=confirmed)
        if not read_counts(rows.timeline, view, confirmed=confirmed):
            self._connection.connect()
            view, at, confirmed = self._follower.view, self._host.clock(), True
            rows = await self._read(batch, confirmed=True)
        if rows.timeline is None or not read_counts(rows.timeline, view, confirmed=confirmed):
            raise Lost
        sent = Sending.now(view, at)
        moment = Moment(rows.now, at)
        for each in batch:
            each.answer.settle(Read(rows.found.get(each.key), sent, moment, rows.timeline))

    async def _read(self, batch: Sequence[Waiting], *, confirmed: bool) -> Rows:
        keys = list(dict.fromkeys(each.key for each in batch))
        return await self._connection.call(
            lambda server: server.read(keys, confirmed=confirmed), patience=READ_PATIENCE
        )


class Batching:
    """Answers as introspect does."""

    def __init__(self, host: Host, connections: Sequence[Connection]) -> None:
        self.host = host
        self._follower = Follower(host, connections[0])
        self._reads = BatchedReads(host, connections[1], self._follower)
        self._records = Records[str, Remembered](ROOM)
        host.run(self._follower.follow())
        for _ in range(2):
            host.run(self._reads.serve())

    async def answer(self, question: Question) -> Answer:
        """Answer a question; raise `Lost`."""
        view = self._follower.view
        await self.host.stumble()
        at = self.host.clock()
        await self.host.stumble()
        remembered = self._remembered(question, view, at)
        if remembered is not None:
            return remembered
        read = await self._reads.find(question.token.name, confirmed=question.read_again)
        await self.host.stumble()
        view = self._follower.view
        await self.host.stumble()
        at = self.host.clock()
        if read.facts is None:
            return Answer(active=False)
        record = Record(Remembered(read.facts, read.moment), read.sent, read.facts.token.subjects, read.timeline)
        self._records.put(question.token.name, record)
        return _judged(read.facts, read.moment, at, memory_holds_for(record, view, at))

    def _remembered(self, question: Question, view: View, at: float) -> Answer | None:
        if question.read_again:
            return None
        record = self._records.get(question.token.name)
        if record is None:
            return None
        left = memory_holds_for(record, view, at)
        if left > 0 and view.moment is not None:
            return _judged(record.value.facts, view.moment, at, left)
        if question.staleness > 0 and at - record.sent.at <= question.staleness:
            return _judged(record.value.facts, record.value.moment, at, 0)
        return None


class Leasing:
    """Answers by the reads that token and authorize lease."""

    def __init__(self, host: Host, connections: Sequence[Connection]) -> None:
        self.host = host
        self._connection = connections[1]
        follower = Follower(host, connections[0])
        self._leased = LeasedReads[str, Facts](
            self._read,
            Log(view=lambda: follower.view, clock=host.clock, deposed=self._deposed),
            subjects=self._subjects,
            is_passing=lambda _key, _facts: False,
            room=ROOM,
        )
        self._facts: dict[str, frozenset[tuple[str, str]]] = {}
        host.run(follower.follow())

    async def answer(self, question: Question) -> Answer:
        """Answer a question; raise `Lost`."""
        self._facts[question.token.name] = question.token.subjects
        await self.host.stumble()
        try:
            answer = await self._leased.find(question.token.name)
        except Unavailable:
            raise Lost from None
        await self.host.stumble()
        found = answer.found
        return Answer(active=found is not None and found.alive and answer.now < found.expires_at)

    async def _read(self, key: str, *, confirmed: bool) -> LeasedRead[Facts]:
        await self.host.stumble()
        rows = await self._connection.call(
            lambda server: server.read([key], confirmed=confirmed), patience=READ_PATIENCE
        )
        await self.host.stumble()
        return LeasedRead(rows.found.get(key), rows.now, rows.timeline)

    async def _deposed(self) -> None:
        self._connection.connect()

    def _subjects(self, key: str) -> frozenset[tuple[str, str]]:
        return self._facts[key]


class Replica:
    """A program that is started again when it ends."""

    def __init__(
        self,
        host: Host,
        connections: Sequence[Connection],
        program: Callable[[Host, Sequence[Connection]], Batching | Leasing],
    ) -> None:
        self.host = host
        self.connections = connections
        self._program = program
        self._running = program(host, connections)

    def restart(self) -> None:
        """End the program and start it again, with nothing that it knew."""
        self.host.kill()
        for connection in self.connections:
            connection.connect()
        self._running = self._program(self.host, self.connections)

    def ask(self, question: Question) -> Promise[Answer]:
        """Ask; there may never be an answer."""
        answered: Promise[Answer] = Promise()
        self.host.run(self._answer(question, answered))
        return answered

    async def _answer(self, question: Question, answered: Promise[Answer]) -> None:
        try:
            answer = await self._running.answer(question)
        except Lost as lost:
            answered.settle(lost)
        else:
            answered.settle(answer)


def _judged(facts: Facts, moment: Moment, at: float, left: float) -> Answer:
    now = moment.at(at)
    if not facts.alive or now >= facts.expires_at:
        return Answer(active=False)
    return Answer(active=True, valid_for=max(0.0, min(left, (facts.expires_at - now).total_seconds())))
