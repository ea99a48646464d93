"""The guard of streams, and what one caller leaves to the others: over gRPC, with records that can be made to wait."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from queue import SimpleQueue
from typing import Any

import grpc
import pytest
from structlog.testing import capture_logs

from services.introspect.access import CheckAccess
from services.introspect.explanation import ExplainAccess
from services.introspect.introspection import Introspect
from services.introspect.rpc import IntrospectionService
from tallystick.introspect.v1 import introspection_pb2 as pb
from tallystick.introspect.v1.introspection_pb2_grpc import (
    IntrospectionServiceStub,
    add_IntrospectionServiceServicer_to_server,
)
from tallystick.runtime.bulkhead import Bulkhead
from tallystick.runtime.callers import Caller, CallerKind, bearer_credential
from tallystick.runtime.failures import Unauthenticated, Unavailable
from tallystick.runtime.grpc_server import sync_server
from tallystick.runtime.grpc_status import failure_of
from tallystick.runtime.grpc_streams import Streams
from tallystick.runtime.randomness import SystemRandomness
from tests.fakes.token_records import SLOW_TOKEN, TOKEN, UnknownTokens

ISSUER = "https://issuer.example"
SECONDS = 30.0
THREADS, CALLS_OF_ONE = 8, 4
STREAMS, STREAMS_OF_ONE = 3, 2
STREAM = "/tallystick.introspect.v1.IntrospectionService/IntrospectStream"
"""The method of streams."""

INACTIVE = pb.IntrospectItem(response=pb.IntrospectResponse())


@dataclass
class KnownCallers:
    """Knows whoever says a name, as a resource server, until it is `disabled`."""

    disabled: set[str] = field(default_factory=set)

    def identify(self, authorization: str | None) -> Caller:
        name = bearer_credential(authorization)
        if name in self.disabled:
            raise Unauthenticated("this caller is disabled")
        return Caller(CallerKind.VIEWER if name == "viewer" else CallerKind.RESOURCE_SERVER, name)


@dataclass
class Serving:
    """A server in this process, and a channel to it."""

    callers: KnownCallers
    records: UnknownTokens
    streams: Streams
    channel: grpc.Channel
    stub: IntrospectionServiceStub

    def open(self, name: str | None, questions: Iterator[pb.IntrospectStreamRequest]) -> Any:
        """Open a stream as a caller."""
        metadata = () if name is None else (("authorization", f"Bearer {name}"),)
        return self.stub.IntrospectStream(questions, metadata=metadata, timeout=SECONDS)

    def call(self, name: str, token: str) -> Any:
        """Ask in a call of its own, and return its future."""
        request = pb.IntrospectRequest(token=token.encode())
        metadata = (("authorization", f"Bearer {name}"),)
        return self.stub.Introspect.future(request, metadata=metadata, timeout=SECONDS)


@pytest.fixture
def serve() -> Iterator[Callable[..., Serving]]:
    """Start servers: `serve(seconds=…, patience=…)` says how long their streams last, and their callers may take."""
    running: list[tuple[grpc.Server, Serving]] = []

    def start(seconds: float = SECONDS, patience: float = SECONDS) -> Serving:
        callers, records = KnownCallers(), UnknownTokens("api")
        streams = Streams(most=STREAMS, per_caller=STREAMS_OF_ONE, seconds=seconds, patience_seconds=patience)
        server = sync_server(
            callers, SystemRandomness(), threads=THREADS, calls=Bulkhead(CALLS_OF_ONE, what="calls"), streams=streams
        )
        service = IntrospectionService(
            Introspect(records, ISSUER), CheckAccess(records, records, ISSUER), ExplainAccess(records, ISSUER)
        )
        add_IntrospectionServiceServicer_to_server(service, server)
        channel = grpc.insecure_channel(f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}")
        server.start()
        serving = Serving(callers, records, streams, channel, IntrospectionServiceStub(channel))
        running.append((server, serving))
        return serving

    yield start
    for server, serving in running:
        serving.records.go_on.set()
        serving.channel.close()
        server.stop(None).wait()
        serving.streams.close()


@pytest.fixture
def serving(serve: Callable[..., Serving]) -> Serving:
    """A server whose streams last longer than any test."""
    return serve()


class Conversation:
    """A stream that is asked one question after the other."""

    def __init__(self, serving: Serving, name: str | None = "api") -> None:
        self._questions: SimpleQueue[pb.IntrospectStreamRequest | None] = SimpleQueue()
        self._number = 0
        self.call = serving.open(name, iter(self._questions.get, None))

    def ask(self, token: str = TOKEN) -> pb.IntrospectItem:
        """Ask a question, wait for the answer, and return it."""
        self.send(token)
        answer = next(self.call)
        assert answer.id == self._number
        item: pb.IntrospectItem = answer.item
        return item

    def send(self, token: str) -> None:
        """Ask a question."""
        self._number += 1
        self._questions.put(question(self._number, token.encode()))

    def end(self) -> None:
        """Ask no more, and see the stream end well."""
        self._questions.put(None)
        assert list(self.call) == []
        assert self.call.code() is grpc.StatusCode.OK

    def refusal(self) -> tuple[grpc.StatusCode, str]:
        """Return the status and the reason with which the stream ends."""
        with pytest.raises(grpc.RpcError) as refused:
            next(self.call)
        self._questions.put(None)
        error: Any = refused.value
        return error.code(), failure_of(error).reason


def question(number: int, token: bytes) -> pb.IntrospectStreamRequest:
    return pb.IntrospectStreamRequest(id=number, request=pb.IntrospectRequest(token=token))


def test_all_answers_in_the_order_of_the_questions(serving: Serving) -> None:
    """However many questions are asked at once, each is answered once and in its turn (GRPC-03)."""
    answers = list(serving.open("api", iter([question(number, TOKEN.encode()) for number in range(2000)])))
    assert [answer.id for answer in answers] == list(range(2000))
    assert all(answer.item == INACTIVE for answer in answers)
    assert serving.records.looked_up == 2000


def test_a_stream_without_questions(serving: Serving) -> None:
    """A stream on which nothing is asked ends well."""
    assert list(serving.open("api", iter([]))) == []


@pytest.mark.parametrize("which", ["failure", "refusal"])
def test_what_has_no_answer_is_an_error_and_the_stream_goes_on(serving: Serving, which: str) -> None:
    """A store that fails is never a verdict, and no reason to end a stream (GRPC-03)."""
    stream = Conversation(serving)
    setattr(serving.records, which, Unavailable("the database cannot be asked now"))
    item = stream.ask()
    assert item.error.code == grpc.StatusCode.UNAVAILABLE.value[0]
    assert not item.HasField("response")
    setattr(serving.records, which, None)
    assert stream.ask() == INACTIVE
    stream.end()


@pytest.mark.parametrize(
    ("name", "code"),
    [
        (None, grpc.StatusCode.UNAUTHENTICATED),
        ("disabled", grpc.StatusCode.UNAUTHENTICATED),
        ("viewer", grpc.StatusCode.PERMISSION_DENIED),
    ],
)
def test_who_may_not_ask_gets_no_stream(serving: Serving, name: str | None, code: grpc.StatusCode) -> None:
    """Nobody unknown, and nobody whom the list does not name, is answered; nor takes a place for good (GRPC-01)."""
    serving.callers.disabled.add("disabled")
    for _ in range(2 * STREAMS):
        assert Conversation(serving, name).refusal()[0] is code
    assert serving.records.looked_up == 0
    assert Conversation(serving).ask() == INACTIVE


def test_who_may_no_longer_ask_is_cut_off(serving: Serving) -> None:
    """A caller that is disabled while its stream is open gets no further answer (INTR-07)."""
    stream, other = Conversation(serving), Conversation(serving, "other")
    assert stream.ask() == INACTIVE
    serving.callers.disabled.add("api")
    stream.send(TOKEN)
    assert stream.refusal() == (grpc.StatusCode.UNAUTHENTICATED, "UNAUTHENTICATED")
    assert other.ask() == INACTIVE


def test_bytes_that_are_no_message(serving: Serving) -> None:
    """What came before them is answered, they are the caller's fault, and what comes after is not read (GRPC-07)."""
    good = question(1, TOKEN.encode()).SerializeToString()
    call: Any = serving.channel.stream_stream(STREAM)
    answers = call(iter([good, b"\xff", good]), metadata=(("authorization", "Bearer api"),), timeout=SECONDS)
    assert pb.IntrospectStreamResponse.FromString(next(answers)).id == 1
    with pytest.raises(grpc.RpcError) as blamed:
        next(answers)
    assert blamed.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert "Error" not in str(blamed.value.details())
    assert serving.records.looked_up == 1


@pytest.mark.parametrize("kind", ["unary_stream", "stream_unary"])
def test_no_other_stream_is_served(serving: Serving, kind: str) -> None:
    """However a caller takes a method for a stream of another kind: the guard is where it is."""
    call: Any = getattr(serving.channel, kind)(STREAM)
    argument = b"" if kind == "unary_stream" else iter([b"", b""])
    with pytest.raises(grpc.RpcError) as refused:
        list(call(argument, timeout=SECONDS))
    assert refused.value.code() is grpc.StatusCode.UNAUTHENTICATED


def test_more_streams_than_there_are_places(serving: Serving) -> None:
    """The stream beyond the bound is refused at once, calls go on, and a stream that ends gives its place back."""
    streams = [Conversation(serving, f"api-{number}") for number in range(STREAMS)]
    assert all(stream.ask() == INACTIVE for stream in streams)
    for _ in range(20):
        refused = Conversation(serving, "another").refusal()
        assert refused == (grpc.StatusCode.RESOURCE_EXHAUSTED, "TOO_MANY_STREAMS")
    assert [call.result() for call in [serving.call("another", TOKEN) for _ in range(20)]]
    streams.pop().end()
    assert Conversation(serving, "another").ask() == INACTIVE
    assert all(stream.ask() == INACTIVE for stream in streams)


def test_one_caller_cannot_have_all_streams(serving: Serving) -> None:
    """Beyond its own share a caller is refused, and others are not (INTR-08)."""
    streams = [Conversation(serving, "noisy") for _ in range(STREAMS_OF_ONE)]
    assert all(stream.ask() == INACTIVE for stream in streams)
    refused = Conversation(serving, "noisy").refusal()
    assert refused == (grpc.StatusCode.RESOURCE_EXHAUSTED, "TOO_MANY_STREAMS")
    assert Conversation(serving, "quiet").ask() == INACTIVE


def test_a_caller_that_goes_away_gives_its_place_back(serving: Serving) -> None:
    """Streams that are cancelled, idle or in the middle of an answer, hold nothing up for good."""
    for token in (TOKEN, SLOW_TOKEN):
        streams = [Conversation(serving, f"api-{number}") for number in range(STREAMS)]
        for stream in streams:
            assert stream.ask() == INACTIVE
            stream.send(token)
            stream.call.cancel()
        serving.records.go_on.set()
        assert any(is_answered(serving) for _ in range(10_000))


def is_answered(serving: Serving) -> bool:
    """Tell whether there was a place for a stream, of which there are none until the server knows who is gone."""
    stream = Conversation(serving)
    try:
        stream.ask()
    except grpc.RpcError as error:
        if error.code() is not grpc.StatusCode.RESOURCE_EXHAUSTED:
            raise
        return False
    stream.end()
    return True


def test_streams_end_after_a_while(serve: Callable[..., Serving]) -> None:
    """Idle or in use, a stream ends well after its time; another one can be opened."""
    serving = serve(seconds=0.3)
    idle = Conversation(serving)
    assert list(idle.call) == []
    assert idle.call.code() is grpc.StatusCode.OK
    answers = list(serving.open("api", iter(lambda: question(1, TOKEN.encode()), None)))
    assert answers
    assert all(answer.item == INACTIVE for answer in answers)
    assert Conversation(serving).ask() == INACTIVE


def test_a_caller_that_reads_nothing_is_cut_off(serve: Callable[..., Serving]) -> None:
    """Answers that nobody reads hold their stream's place only until another stream wants it (GRPC-06)."""
    serving = serve(seconds=0.2, patience=0.1)
    serving.records.failure = Unavailable("x" * 300_000)
    slow = [serving.open(f"slow-{number}", iter([question(1, TOKEN.encode())] * 1000)) for number in range(STREAMS)]
    assert all(next(stream).item.error.code for stream in slow)
    assert any(is_answered(serving) for _ in range(10_000))
    # Those that are left are read from now on.
    assert grpc.StatusCode.CANCELLED in {read_to_its_end(stream) for stream in slow}


def read_to_its_end(stream: Any) -> grpc.StatusCode:
    """Read what there is on a stream, and return how it ends."""
    with suppress(grpc.RpcError):
        list(stream)
    code: grpc.StatusCode = stream.code()
    return code


def test_a_server_that_drains_ends_its_streams(serving: Serving) -> None:
    """What was asked is answered, then the stream ends well, and no other is opened."""
    streams = [Conversation(serving, name) for name in ("a", "b", "c")]
    assert all(stream.ask() == INACTIVE for stream in streams)
    streams[0].send(SLOW_TOKEN)
    assert serving.records.is_waiting.wait(SECONDS)
    serving.streams.end()
    serving.records.go_on.set()
    assert [len(list(stream.call)) for stream in streams] == [1, 0, 0]
    assert [stream.call.code() for stream in streams] == [grpc.StatusCode.OK] * 3
    assert Conversation(serving).refusal()[0] is grpc.StatusCode.UNAVAILABLE


def test_one_line_tells_of_a_stream(serving: Serving) -> None:
    """The log has a line for each stream, with the number of its messages and how it ended, and none of them."""
    with capture_logs() as logs:
        stream = Conversation(serving)
        for _ in range(3):
            stream.ask()
        stream.end()
        Conversation(serving, "viewer").refusal()
    lines = [(line["method"], line["outcome"], line["messages"]) for line in logs if line["event"] == "rpc"]
    assert lines == [(STREAM, "OK", 3), (STREAM, "PERMISSION_DENIED", 0)]
    assert TOKEN not in str(logs)


def test_a_noisy_caller_leaves_threads_to_a_quiet_one(serving: Serving) -> None:
    """Hundreds of calls that wait for the database hold one caller's share, and keep nobody else waiting (INTR-08)."""
    noisy = [serving.call("noisy", SLOW_TOKEN) for _ in range(300)]
    ended = as_completed_calls(noisy)
    refused = [next(ended) for _ in range(len(noisy) - CALLS_OF_ONE)]
    assert {failure_of(call.exception()).reason for call in refused} == {"TOO_MANY_CALLS"}
    assert {call.code() for call in refused} == {grpc.StatusCode.RESOURCE_EXHAUSTED}
    assert [serving.call("quiet", TOKEN).result() for _ in range(20)] == [pb.IntrospectResponse()] * 20
    stream = Conversation(serving, "quiet")
    assert stream.ask() == INACTIVE
    serving.records.go_on.set()
    assert [next(ended).result() for _ in range(CALLS_OF_ONE)] == [pb.IntrospectResponse()] * CALLS_OF_ONE
    assert serving.call("noisy", TOKEN).result() == pb.IntrospectResponse()


def as_completed_calls(calls: Sequence[Any]) -> Iterator[Any]:
    """Give calls in the order in which they end."""
    ended: SimpleQueue[Any] = SimpleQueue()
    for call in calls:
        call.add_done_callback(ended.put)
    for _ in calls:
        yield ended.get(timeout=SECONDS)
