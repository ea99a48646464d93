"""Questions as messages: what each may wish for."""

from collections.abc import Sequence

import pytest
from google.protobuf.duration_pb2 import Duration

from services.introspect import messages
from services.introspect.model import LEASED, Freshness, Introspection, Question
from tallystick.introspect.v1 import introspection_pb2
from tallystick.runtime.callers import Caller, CallerKind
from tallystick.runtime.failures import Failure, Invalid, Unavailable

CALLER = Caller(CallerKind.RESOURCE_SERVER, "api")


def staleness(seconds: int, nanos: int = 0) -> introspection_pb2.Freshness:
    return introspection_pb2.Freshness(accept_staleness=Duration(seconds=seconds, nanos=nanos))


@pytest.mark.parametrize(
    ("message", "wished"),
    [
        pytest.param(introspection_pb2.Freshness(), LEASED, id="nothing"),
        pytest.param(introspection_pb2.Freshness(read_again=True), Freshness(read_again=True), id="read again"),
        pytest.param(staleness(0, 500_000_000), Freshness(staleness=0.5), id="half a second"),
        pytest.param(staleness(60), Freshness(staleness=60.0), id="a minute"),
    ],
)
def test_wishes(message: introspection_pb2.Freshness, wished: Freshness) -> None:
    """A caller chooses how recent an answer must be (INTR-07)."""
    assert messages.freshness(message, CALLER) == wished


@pytest.mark.parametrize(
    "message",
    [
        pytest.param(introspection_pb2.Freshness(read_again=False), id="read again, but not"),
        pytest.param(staleness(0), id="none"),
        pytest.param(staleness(-1), id="negative"),
        pytest.param(staleness(60, 1), id="more than a minute"),
        pytest.param(staleness(2**62), id="for ever"),
    ],
)
def test_wishes_that_make_no_sense(message: introspection_pb2.Freshness) -> None:
    """A wish that cannot be meant is refused rather than guessed at (GRPC-04)."""
    with pytest.raises(Invalid):
        messages.freshness(message, CALLER)


@pytest.mark.parametrize(
    ("message", "may"),
    [
        pytest.param(introspection_pb2.Freshness(), False, id="leased"),
        pytest.param(introspection_pb2.Freshness(read_again=True), False, id="read again"),
        pytest.param(staleness(4), False, id="less stale than the caller"),
        pytest.param(staleness(5), True, id="as stale as the caller"),
    ],
)
def test_a_caller_of_a_while_ago_gets_answers_of_a_while_ago(
    message: introspection_pb2.Freshness, *, may: bool
) -> None:
    """Who cannot be authenticated now may only have what is accepted to be as old (INTR-02)."""
    stale = Caller(CallerKind.RESOURCE_SERVER, "api", stale_by=5.0)
    if may:
        assert messages.freshness(message, stale).staleness == 5.0
    else:
        with pytest.raises(Unavailable):
            messages.freshness(message, stale)


@pytest.mark.parametrize(
    ("seconds", "milliseconds"), [(0.0, None), (0.0004, None), (0.0019, 1), (0.7999, 799)], ids=str
)
def test_durations_are_rounded_down(seconds: float, milliseconds: int | None) -> None:
    """An answer is never said to hold for longer than it does, and one that does not hold says nothing (INTR-07)."""
    found = messages.duration(seconds)
    assert (None if found is None else found.ToMilliseconds()) == milliseconds


class Echo:
    """Calls everything active, in the name of its text."""

    def many(self, questions: Sequence[Question], caller: str) -> Sequence[Introspection | Failure]:
        assert caller == "api"
        return [Introspection(active=True, sub=each.token) for each in questions]


def test_what_is_no_question_harms_no_other() -> None:
    """An item without a token, or with an impossible wish, fails alone and in its place (GRPC-06)."""
    requests = [
        introspection_pb2.IntrospectRequest(token=b"one"),
        introspection_pb2.IntrospectRequest(),
        introspection_pb2.IntrospectRequest(token=b"two"),
        introspection_pb2.IntrospectRequest(token=b"three", freshness=staleness(-1)),
    ]
    items = [messages.item(each) for each in messages.answered(Echo(), requests, CALLER)]
    assert [each.response.sub for each in items] == ["one", "", "two", ""]
    assert [each.error.code for each in items] == [0, 3, 0, 3]
    assert [each.WhichOneof("outcome") for each in items] == ["response", "error", "response", "error"]
