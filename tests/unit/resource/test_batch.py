"""Many tokens in one call, from a real gRPC server."""

import grpc
import pytest

from tallystick.resource import READ_AGAIN, Introspection, IntrospectionUnavailable, NotAllowedToIntrospect
from tests.unit.resource.conftest import Asking
from tests.unit.resource.conftest import Introspection as Server


async def test_each_token_has_its_answer(asking: Asking, introspection: Server) -> None:
    """Answers come in the order of the tokens, and each token is asked about once."""
    introspection.add("bobs", username="bob")
    introspection.add("alices", username="alice")
    answers = await asking("introspect_batch", ["alices", "unknown", "bobs", "", "alices", "\udcff"])
    assert [each.username for each in answers] == ["alice", "", "bob", "", "alice", ""]
    assert [each.active for each in answers] == [True, False, True, False, True, False]
    assert introspection.batches == [4]


async def test_no_tokens_are_no_question(asking: Asking, introspection: Server) -> None:
    """Where nothing has to be asked nobody is."""
    assert await asking("introspect_batch", []) == []
    assert await asking("introspect_batch", [""]) == [Introspection(active=False)]
    assert introspection.batches == []


async def test_a_thousand_go_into_one_call(asking: Asking, introspection: Server) -> None:
    """More than a thousand tokens take several calls."""
    introspection.add("1999")
    answers = await asking("introspect_batch", map(str, range(2001)))
    assert [number for number, each in enumerate(answers) if each.active] == [1999]
    assert introspection.batches == [1000, 1000, 1]


async def test_long_tokens_do_not_harm_others(asking: Asking, introspection: Server) -> None:
    """Tokens that would make a call too large for a server are asked about in several."""
    introspection.add("good")
    long_ones = [f"{number}{'x' * 4_000}" for number in range(100)]
    answers = await asking("introspect_batch", [*long_ones, "x" * 400_000, "good"])
    assert [each.active for each in answers] == [False] * 101 + [True]
    assert len(introspection.batches) == 4


async def test_what_is_wrong_with_one_harms_no_other(asking: Asking, introspection: Server) -> None:
    """An item without an answer is an error in its place, told apart as a call of its own would be (GRPC-06)."""
    introspection.add("good")
    introspection.item_failures = {
        b"lost": grpc.StatusCode.UNAVAILABLE,
        b"refused": grpc.StatusCode.PERMISSION_DENIED,
        b"odd": grpc.StatusCode.INVALID_ARGUMENT,
    }
    answers = await asking("introspect_batch", ["lost", "good", "refused", "odd"])
    assert answers[1].active
    assert [type(each) for each in answers if not isinstance(each, Introspection)] == [
        IntrospectionUnavailable,
        NotAllowedToIntrospect,
        IntrospectionUnavailable,
    ]


async def test_a_call_that_fails_is_an_error_for_its_tokens(asking: Asking, introspection: Server) -> None:
    """When one of several calls fails, only the tokens in it have no answer."""
    introspection.add("1500")
    introspection.failures = [grpc.StatusCode.INTERNAL]
    answers = await asking("introspect_batch", map(str, range(1501)))
    assert all(isinstance(each, IntrospectionUnavailable) for each in answers[:1000])
    assert [each.active for each in answers[1000:]] == [False] * 500 + [True]


@pytest.mark.parametrize("kept", ["too few", "empty"])
async def test_an_answer_that_makes_no_sense_is_none(asking: Asking, introspection: Server, kept: str) -> None:
    """Answers are never given to the wrong question."""
    introspection.add("good")
    introspection.leaves_out = kept
    answers = await asking("introspect_batch", ["good", "bad"])
    assert all(isinstance(each, IntrospectionUnavailable) for each in answers)


async def test_answers_are_shared_with_single_questions(asking: Asking, introspection: Server) -> None:
    """What a batch brought is reused by `introspect`, and the other way round, for as long as it holds."""
    introspection.add("one", valid_for=1)
    introspection.add("two", valid_for=1)
    await asking("introspect", "one")
    introspection.on_the_way = lambda: asking.clock.advance(0.25)
    answers = await asking("introspect_batch", ["one", "two"])
    assert introspection.asked == [b"one", b"two"]
    assert [each.valid_for for each in answers] == [1.0, 1.0]
    assert (await asking("introspect", "two")).valid_for == 0.75
    await asking("introspect_batch", ["one", "two"], freshness=READ_AGAIN)
    assert introspection.asked[2:] == [b"one", b"two"]
    assert [wish.read_again for wish in introspection.wishes[2:]] == [True, True]
