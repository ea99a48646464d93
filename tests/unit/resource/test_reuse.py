"""Answers that clients reuse, by a clock that stands until it is moved, from a real gRPC server."""

import grpc
import pytest

from tallystick.resource import (
    READ_AGAIN,
    AsyncIntrospectionClient,
    IntrospectionClient,
    IntrospectionUnavailable,
    accept_staleness,
)
from tallystick.resource.interceptor import RequireToken
from tests.unit.resource.conftest import RESOURCE, Asking, Introspection
from tests.unit.resource.echo import Answer, bearer, call

READ, PRINT = "POST /photos.v1.Albums/Get", "POST /photos.v1.Albums/Print"


async def test_an_answer_is_reused(asking: Asking, introspection: Introspection) -> None:
    """Within its time one answer serves every question about the token, and says how much of the time is left."""
    introspection.add("good", valid_for=1, username="bob")
    first = await asking("introspect", "good")
    asking.clock.advance(0.25)
    second = await asking("introspect", "good")
    assert (first.valid_for, second.valid_for) == (1.0, 0.75)
    assert (second.active, second.username) == (True, "bob")
    assert introspection.asked == [b"good"]


async def test_at_its_end_it_is_asked_anew(asking: Asking, introspection: Introspection) -> None:
    """The clock is read again at each use: at the very end of its time an answer is over."""
    introspection.add("good", valid_for=1)
    await asking("introspect", "good")
    introspection.tokens.clear()
    asking.clock.advance(1.0)
    assert not (await asking("introspect", "good")).active
    assert len(introspection.asked) == 2


async def test_time_on_the_way_counts(asking: Asking, introspection: Introspection) -> None:
    """An answer's time runs from when the question was sent, not from when the answer came."""
    introspection.add("good", valid_for=1)
    introspection.on_the_way = lambda: asking.clock.advance(0.75)
    await asking("introspect", "good")
    introspection.on_the_way = lambda: None
    asking.clock.advance(0.25)
    await asking("introspect", "good")
    assert len(introspection.asked) == 2


async def test_time_of_retries_counts(asking: Asking, introspection: Introspection) -> None:
    """When gRPC repeats a call the answer's time runs from before the first attempt."""
    introspection.add("good", valid_for=1)
    introspection.failures = [grpc.StatusCode.UNAVAILABLE]
    introspection.on_the_way = lambda: asking.clock.advance(0.5)
    assert (await asking("introspect", "good")).active
    assert len(introspection.asked) == 2
    introspection.on_the_way = lambda: None
    await asking("introspect", "good")
    assert len(introspection.asked) == 3


@pytest.mark.parametrize("method", ["introspect", "check_access"])
async def test_bad_news_is_not_kept(asking: Asking, introspection: Introspection, method: str) -> None:
    """What is inactive or denied is asked about each time, so that being let in again takes no waiting."""
    question = ("good",) if method == "introspect" else ("good", RESOURCE, READ)
    await asking(method, *question)
    introspection.add("good", valid_for=1)
    introspection.allow("good", READ, valid_for=1)
    answer = await asking(method, *question)
    assert getattr(answer, "active" if method == "introspect" else "allowed")


async def test_a_denial_does_not_hold(asking: Asking, introspection: Introspection) -> None:
    """Whatever introspection says of how long a denial holds, it is not reused."""
    introspection.add("good", valid_for=1)
    denied = [await asking("check_access", "good", RESOURCE, READ) for _ in range(2)]
    assert [(each.allowed, each.valid_for) for each in denied] == [(False, 0.0)] * 2
    assert len(introspection.questions) == 2


async def test_without_a_time_nothing_is_kept(asking: Asking, introspection: Introspection) -> None:
    """An answer that holds for no time is asked for each time."""
    introspection.add("good")
    assert [(await asking("introspect", "good")).active for _ in range(2)] == [True, True]
    assert len(introspection.asked) == 2


async def test_read_again(asking: Asking, introspection: Introspection) -> None:
    """Who wants a fresh answer gets none that is kept, and everybody has what it says."""
    introspection.add("good", valid_for=1)
    await asking("introspect", "good")
    introspection.tokens.clear()
    assert (await asking("introspect", "good")).active
    assert not (await asking("introspect", "good", freshness=READ_AGAIN)).active
    assert introspection.wishes[-1].read_again
    assert not (await asking("introspect", "good")).active


async def test_accepted_staleness(asking: Asking, introspection: Introspection) -> None:
    """Introspection hears how much staleness is accepted; such an answer is given to nobody else."""
    introspection.add("good", valid_for=1)
    await asking("introspect", "good", freshness=accept_staleness(2.5))
    assert introspection.wishes[-1].accept_staleness.ToMilliseconds() == 2500
    introspection.tokens.clear()
    assert not (await asking("introspect", "good")).active
    assert introspection.wishes[-1].WhichOneof("wish") is None


@pytest.mark.parametrize("seconds", [0, -1, 60.1, float("nan"), float("inf")])
def test_staleness_has_bounds(seconds: float) -> None:
    """Only what introspection grants can be wished for."""
    with pytest.raises(ValueError, match="at most 60"):
        accept_staleness(seconds)


@pytest.mark.parametrize("code", [grpc.StatusCode.INTERNAL, grpc.StatusCode.UNAUTHENTICATED])
async def test_an_error_is_no_answer(asking: Asking, introspection: Introspection, code: grpc.StatusCode) -> None:
    """When the time is over and nobody can say, what was kept does not come back."""
    introspection.add("good", valid_for=1)
    await asking("introspect", "good")
    asking.clock.advance(1.5)
    for _ in range(2):
        introspection.failures = [code]
        with pytest.raises(Exception, match=code.name):
            await asking("introspect", "good")


@pytest.mark.parametrize("kind", [IntrospectionClient, AsyncIntrospectionClient])
async def test_reuse_can_be_declined(kind: type, introspection: Introspection) -> None:
    """With `reuse=0` every question is asked."""
    introspection.add("good", valid_for=60)
    asking = Asking(kind(introspection.target, client_id="api", client_secret="secret", reuse=0))
    assert [(await asking("introspect", "good")).active for _ in range(2)] == [True, True]
    await asking.close()
    assert len(introspection.asked) == 2


async def test_a_verdict_is_of_one_service(asking: Asking, introspection: Introspection) -> None:
    """Two routes with different scopes through one cache: the narrow token never passes on the wide route."""
    for token in ("narrow", "wide"):
        introspection.add(token, valid_for=60)
        introspection.allow(token, READ, valid_for=60)
    introspection.allow("wide", PRINT, valid_for=60)
    seen = [
        (token, service, (await asking("check_access", token, RESOURCE, service)).allowed)
        for _ in range(3)
        for service in (READ, PRINT)
        for token in ("wide", "narrow")
    ]
    assert {(token, service) for token, service, allowed in seen if not allowed} == {("narrow", PRINT)}
    # What was allowed was asked once, what was denied each time.
    assert len(introspection.questions) == 3 + 3


@pytest.mark.parametrize(
    "other",
    [
        ("narrow", RESOURCE, PRINT),
        ("narrow", "https://printer.example", READ),
        ("narro", RESOURCE, READ),
        ("narrow", RESOURCE, f"{READ}?page=2"),
        ("narrow", RESOURCE, READ.removeprefix("POST ")),
        ("narrow", f"{RESOURCE}{READ[0]}", READ[1:]),
        ("narrow", RESOURCE, f"{READ}/"),
        ("narrow", RESOURCE, READ.replace("Get", "%47et")),
    ],
)
async def test_a_verdict_is_of_one_question(
    asking: Asking, introspection: Introspection, other: tuple[str, str, str]
) -> None:
    """What differs in a byte of token, resource or service is another question."""
    introspection.add("narrow", valid_for=60)
    introspection.allow("narrow", READ, valid_for=60)
    assert (await asking("check_access", "narrow", RESOURCE, READ)).allowed
    assert not (await asking("check_access", *other)).allowed
    assert introspection.questions[-1] == tuple(map(str.encode, other))


async def test_a_verdict_is_no_record(asking: Asking, introspection: Introspection) -> None:
    """What a verdict says of a token is not taken for an answer about the token, and holds for no time of its own."""
    introspection.add("good", valid_for=60)
    introspection.allow("good", READ, valid_for=60)
    for _ in range(2):
        verdict = await asking("check_access", "good", RESOURCE, READ)
        assert (verdict.valid_for, verdict.token.active, verdict.token.valid_for) == (60.0, True, 0.0)
    await asking("introspect", "good")
    assert len(introspection.asked) == 1


async def test_a_record_is_judged_for_each_method(introspection: Introspection) -> None:
    """Two methods with different scopes share one kept record: the narrow token never passes on the wide one."""
    introspection.add("narrow", scopes=["photos.read"], username="bob", valid_for=60)
    scopes = {"/test.Echo/Single": "photos.read", "/test.Echo/Print": "photos.print"}
    with IntrospectionClient(introspection.target, client_id="api", client_secret="secret") as client:
        guard = RequireToken(client, audience=RESOURCE, scopes=scopes)
        ended = [await call(guard, method, bearer("narrow")) for method in ("Single", "Print", "Single")]
    assert ended[0] == ended[2] == Answer(("bob",))
    assert (ended[1].said, ended[1].code) == ((), grpc.StatusCode.PERMISSION_DENIED)
    assert introspection.asked == [b"narrow"]


async def test_unavailable_within_an_answers_time(asking: Asking, introspection: Introspection) -> None:
    """While an answer holds nobody is asked, so nobody has to be there."""
    introspection.add("good", valid_for=1)
    await asking("introspect", "good")
    introspection.failures = [grpc.StatusCode.INTERNAL]
    assert (await asking("introspect", "good")).active
    with pytest.raises(IntrospectionUnavailable):
        await asking("introspect", "another")
