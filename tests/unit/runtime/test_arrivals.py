"""What arrives on a stream and waits to be taken: together, in order, and never more than there is room for."""

from collections.abc import Iterator
from queue import SimpleQueue
from threading import Event

import grpc

from tallystick.runtime.grpc_streams import MOST_TOGETHER, Arrivals

SECONDS = 30.0


class Sender:
    """Messages as gRPC gives them: whoever asks for one waits for it. `asked[n]` is set once the nth was asked for."""

    def __init__(self, most: int = 1000) -> None:
        self.messages: SimpleQueue[bytes | Exception | None] = SimpleQueue()
        self.asked = [Event() for _ in range(most)]

    def __iter__(self) -> Iterator[bytes]:
        for asked in self.asked:
            asked.set()
            message = self.messages.get()
            if isinstance(message, Exception):
                raise message
            if message is None:
                return
            yield message

    def send(self, *messages: bytes) -> None:
        """Send."""
        for message in messages:
            self.messages.put(message)


def taken_until_over(arrivals: Arrivals) -> list[bytes]:
    """Take everything until the stream is over."""
    taken: list[bytes] = []
    while messages := arrivals.take():
        assert len(messages) <= MOST_TOGETHER
        taken.extend(messages)
    return taken


def test_what_waits_is_taken_together() -> None:
    """What arrived while something else was done comes at once and in its order."""
    sender, arrivals = Sender(), Arrivals(SECONDS)
    arrivals.read(iter(sender))
    sender.send(b"1", b"2", b"3")
    assert sender.asked[3].wait(SECONDS)
    assert arrivals.take() == [b"1", b"2", b"3"]
    sender.send(b"4")
    assert arrivals.take() == [b"4"]
    assert arrivals.taken == 4
    sender.messages.put(None)
    assert arrivals.take() == []


def test_no_more_is_read_than_there_is_room_for() -> None:
    """Beyond so many messages the sender is held up; none is lost, and all keep their order (GRPC-06)."""
    sender, arrivals = Sender(), Arrivals(SECONDS)
    everything = [str(number).encode() for number in range(3 * MOST_TOGETHER)]
    sender.send(*everything)
    sender.messages.put(None)
    arrivals.read(iter(sender))
    # One more than there is room for is asked for, as gRPC does not say whether there is one.
    assert sender.asked[MOST_TOGETHER].wait(SECONDS)
    assert not sender.asked[MOST_TOGETHER + 1].wait(0.05)
    assert taken_until_over(arrivals) == everything


def test_long_messages_fill_the_room_sooner() -> None:
    """A message of full size is as much as is kept."""
    sender, arrivals = Sender(), Arrivals(SECONDS)
    sender.send(*[b"x" * 256 * 1024] * 4)
    sender.messages.put(None)
    arrivals.read(iter(sender))
    assert sender.asked[1].wait(SECONDS)
    assert not sender.asked[2].wait(0.05)
    assert len(arrivals.take()) == 1
    assert len(taken_until_over(arrivals)) == 3


def test_whoever_waits_is_told_of_the_end() -> None:
    """Ending a stream from another thread ends the wait; what had arrived can still be taken, and nothing else is."""
    sender, arrivals = Sender(), Arrivals(SECONDS)
    arrivals.read(iter(sender))
    sender.send(b"1")
    assert sender.asked[1].wait(SECONDS)
    arrivals.end()
    sender.send(b"2")
    assert not sender.asked[2].wait(0.05)
    assert arrivals.take() == [b"1"]
    assert arrivals.take() == []


def test_a_caller_that_goes_away_is_the_end() -> None:
    """When gRPC says that the caller is gone, the stream is over."""
    sender, arrivals = Sender(), Arrivals(SECONDS)
    arrivals.read(iter(sender))
    sender.messages.put(grpc.RpcError())
    assert arrivals.take() == []


def test_time_is_up_for_the_idle_and_for_the_busy() -> None:
    """After so long a stream is over, whether or not anything arrives."""
    idle = Arrivals(0.05)
    assert idle.take() == []
    sender, busy = Sender(), Arrivals(0.05)
    busy.read(iter(sender))
    taken = 0
    while messages := busy.take():
        taken += len(messages)
        sender.send(b"more")
        assert taken < len(sender.asked)
    assert busy.taken == taken
