"""`RequireAccess` on real gRPC servers of both kinds, with methods of all four kinds, and the fake behind it."""

import grpc
import pytest

from tallystick.resource import (
    Access,
    AsyncFakeIntrospection,
    AsyncRequireAccess,
    Denial,
    FakeIntrospection,
    Introspection,
    IntrospectionError,
    IntrospectionUnavailable,
    NotAllowedToIntrospect,
    RequireAccess,
)
from tests.unit.resource.echo import METHODS, PHOTOS, Answer, Metadata, bearer, call, call_async

CHALLENGE = f'Bearer realm="{PHOTOS}"'
SERVICES = [f"POST /test.Echo/{method}" for method in (*METHODS, "Written")]


class SyncSide:
    """A `grpc.server`."""

    def __init__(self) -> None:
        self.introspection = FakeIntrospection()

    async def call(self, method: str, metadata: Metadata, **options: object) -> Answer:
        return await call(RequireAccess(self.introspection, resource=PHOTOS, **options), method, metadata)


class AsyncSide:
    """A `grpc.aio.server`."""

    def __init__(self) -> None:
        self.introspection = AsyncFakeIntrospection()

    async def call(self, method: str, metadata: Metadata, **options: object) -> Answer:
        return await call_async(AsyncRequireAccess(self.introspection, resource=PHOTOS, **options), method, metadata)


Side = SyncSide | AsyncSide


@pytest.fixture(params=[SyncSide, AsyncSide])
def side(request: pytest.FixtureRequest) -> Side:
    """Each kind of server, with the tokens of bob, of alice, who is in no group, and others."""
    made: Side = request.param()
    made.introspection.add("good", audience=PHOTOS, username="bob", services=SERVICES)
    made.introspection.add("elsewhere", audience="https://printer.example", username="bob", services=SERVICES)
    made.introspection.add("narrow", audience=PHOTOS, username="bob")
    owner = dict.fromkeys(SERVICES, Denial.OWNER_NOT_AUTHORIZED)
    made.introspection.add("alices", audience=PHOTOS, username="alice", denials=owner)
    return made


@pytest.mark.parametrize("method", METHODS)
async def test_a_good_token_passes(side: Side, method: str) -> None:
    """The handler runs and knows who is behind the call, whatever its kind (RS-01)."""
    answer = await side.call(method, bearer("good", "bEaReR"))
    assert answer == Answer(("bob", "bob") if method in {"Out", "Both"} else ("bob",))


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    ("metadata", "challenge"),
    [
        pytest.param((), CHALLENGE, id="nothing"),
        pytest.param((("authorization", "Basic Ym9iOmJvYg=="),), CHALLENGE, id="another scheme"),
        pytest.param(bearer("good good"), f'{CHALLENGE}, error="invalid_request"', id="two tokens in one"),
        pytest.param(bearer("good, Bearer good"), f'{CHALLENGE}, error="invalid_request"', id="two headers joined"),
        pytest.param(bearer("good") + bearer("good"), f'{CHALLENGE}, error="invalid_request"', id="two headers"),
        pytest.param(bearer("bad"), f'{CHALLENGE}, error="invalid_token"', id="not live"),
        pytest.param(bearer("elsewhere"), f'{CHALLENGE}, error="invalid_token"', id="another audience"),
    ],
)
async def test_without_a_good_token_nobody_comes_in(
    side: Side, method: str, metadata: Metadata, challenge: str
) -> None:
    """No, a bad, a foreign and a repeated token are UNAUTHENTICATED; the challenge says why (RS-02, RS-03, RS-05)."""
    assert await side.call(method, metadata) == Answer((), grpc.StatusCode.UNAUTHENTICATED, challenge)


@pytest.mark.parametrize("method", METHODS)
async def test_a_scope_that_does_not_cover_the_method(side: Side, method: str) -> None:
    """A token whose scope does not cover the method is PERMISSION_DENIED, and told so (RS-03)."""
    answer = await side.call(method, bearer("narrow"))
    assert answer == Answer((), grpc.StatusCode.PERMISSION_DENIED, f'{CHALLENGE}, error="insufficient_scope"')
    assert answer.details == "the access token does not carry a scope that covers this service"


@pytest.mark.parametrize("method", METHODS)
async def test_an_owner_who_is_not_authorised(side: Side, method: str) -> None:
    """Whoever is in no group is PERMISSION_DENIED without an error code, in words for people, without a name."""
    answer = await side.call(method, bearer("alices"))
    assert answer == Answer((), grpc.StatusCode.PERMISSION_DENIED, CHALLENGE)
    assert answer.details == (
        "whoever the access token speaks for is not authorised to use this service; another token would not help"
    )


async def test_a_method_that_is_not_registered(side: Side) -> None:
    """A method that was forgotten lets nobody in."""
    side.introspection.add("good", audience=PHOTOS, denials={"/test.Echo/Print": Denial.SERVICE_UNKNOWN})
    answer = await side.call("Print", bearer("good"))
    assert answer == Answer((), grpc.StatusCode.PERMISSION_DENIED, CHALLENGE)
    assert answer.details == "there is no such service here"


async def test_open_methods_need_no_token(side: Side) -> None:
    """Only what is declared open is; its handler finds no token."""
    assert (await side.call("Single", (), open_methods={"/test.Echo/Single"})).code is grpc.StatusCode.UNKNOWN
    assert (await side.call("Single", ())).code is grpc.StatusCode.UNAUTHENTICATED


async def test_unknown_methods_stay_unknown(side: Side) -> None:
    """The interceptor does not stand in for a method that is not there."""
    assert (await side.call("Missing", bearer("good"))).code is grpc.StatusCode.UNIMPLEMENTED


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("error", [IntrospectionUnavailable("gone"), NotAllowedToIntrospect("who are you")])
async def test_who_cannot_know_does_not_guess(side: Side, method: str, error: IntrospectionError) -> None:
    """When nobody can say, a call is UNAVAILABLE, neither let in nor blamed on the token (GRPC-03)."""
    side.introspection.fails_with = error
    answer = await side.call(method, bearer("good"))
    assert answer == Answer((), grpc.StatusCode.UNAVAILABLE)
    assert "gone" not in answer.details
    assert "who are you" not in answer.details


async def test_a_handler_that_writes_itself() -> None:
    """An asynchronous handler that writes to its context is guarded like a generator."""
    side = AsyncSide()
    side.introspection.add("good", audience=PHOTOS, username="bob", services=SERVICES)
    assert await side.call("Written", bearer("good")) == Answer(("bob",))
    assert (await side.call("Written", bearer("bad"))).code is grpc.StatusCode.UNAUTHENTICATED


class Denies:
    """Denies without saying why, which no version of introspection does."""

    def check_access(self, token: str, resource: str, service: str) -> Access:
        del token, resource
        return Access(False, None, service, 200, "", "", Introspection(active=False))


async def test_a_denial_without_a_reason_denies() -> None:
    """Only what is allowed is served."""
    answer = await call(RequireAccess(Denies(), resource=PHOTOS), "Single", bearer("good"))
    assert answer.code is grpc.StatusCode.PERMISSION_DENIED
