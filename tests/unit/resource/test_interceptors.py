"""The interceptors on real gRPC servers, synchronous and asynchronous, with methods of all four kinds."""

from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest

from tallystick.resource import (
    AsyncFakeIntrospection,
    AsyncRequireToken,
    FakeIntrospection,
    Introspection,
    IntrospectionUnavailable,
    NotAllowedToIntrospect,
    RequireToken,
    current_token,
)
from tests.unit.resource.echo import (
    METHODS,
    PHOTOS,
    Answer,
    Metadata,
    bearer,
    call,
    call_async,
    handlers,
    whose,
    whose_twice,
)

SCOPES = {f"/test.Echo/{method}": "photos.read" for method in ("Single", "Out", "In", "Both", "Written")}
SCOPES["/test.Echo/Print"] = "photos.print"


class SyncSide:
    """A `grpc.server`."""

    def __init__(self) -> None:
        self.introspection = FakeIntrospection()

    async def call(self, method: str, metadata: Metadata, **options: object) -> Answer:
        guard = RequireToken(self.introspection, audience=PHOTOS, **{"scopes": SCOPES, **options})
        return await call(guard, method, metadata)


class AsyncSide:
    """A `grpc.aio.server`."""

    def __init__(self) -> None:
        self.introspection = AsyncFakeIntrospection()

    async def call(self, method: str, metadata: Metadata, **options: object) -> Answer:
        guard = AsyncRequireToken(self.introspection, audience=PHOTOS, **{"scopes": SCOPES, **options})
        return await call_async(guard, method, metadata)


Side = SyncSide | AsyncSide


@pytest.fixture(params=[SyncSide, AsyncSide])
def side(request: pytest.FixtureRequest) -> Side:
    """Each kind of server, with bob's token and others."""
    made: Side = request.param()
    made.introspection.add("good", audience=PHOTOS, scopes={"photos.read"}, username="bob")
    made.introspection.add("elsewhere", audience="https://printer.example", scopes={"photos.read"}, username="bob")
    made.introspection.add("narrow", audience=PHOTOS, scopes={"photos.list"}, username="bob")
    made.introspection.add("scopeless", audience=PHOTOS, username="bob")
    return made


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("scheme", ["Bearer", "bEaReR"])
async def test_a_good_token_passes(side: Side, method: str, scheme: str) -> None:
    """The handler runs and knows who is behind the call, whatever its kind (RS-01)."""
    answer = await side.call(method, bearer("good", scheme))
    assert answer == Answer(("bob", "bob") if method in {"Out", "Both"} else ("bob",))


async def test_a_handler_that_writes_itself() -> None:
    """An asynchronous handler that writes to its context is guarded like a generator."""
    side = AsyncSide()
    side.introspection.add("good", audience=PHOTOS, scopes={"photos.read"}, username="bob")
    assert await side.call("Written", bearer("good")) == Answer(("bob",))
    assert (await side.call("Written", bearer("bad"))).code is grpc.StatusCode.UNAUTHENTICATED


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    ("metadata", "challenge"),
    [
        pytest.param((), f'Bearer realm="{PHOTOS}"', id="nothing"),
        pytest.param((("authorization", "Basic Ym9iOmJvYg=="),), f'Bearer realm="{PHOTOS}"', id="another scheme"),
        pytest.param(
            (("authorization", "Bearer"),), f'Bearer realm="{PHOTOS}", error="invalid_request"', id="no token"
        ),
        pytest.param(bearer("good good"), f'Bearer realm="{PHOTOS}", error="invalid_request"', id="two tokens in one"),
        pytest.param(
            bearer("good") + bearer("good"), f'Bearer realm="{PHOTOS}", error="invalid_request"', id="two headers"
        ),
        pytest.param(bearer("bad"), f'Bearer realm="{PHOTOS}", error="invalid_token"', id="not live"),
        pytest.param(bearer("GOOD"), f'Bearer realm="{PHOTOS}", error="invalid_token"', id="almost"),
        pytest.param(bearer("elsewhere"), f'Bearer realm="{PHOTOS}", error="invalid_token"', id="another audience"),
    ],
)
async def test_without_a_good_token_nobody_comes_in(
    side: Side, method: str, metadata: Metadata, challenge: str
) -> None:
    """No, a bad, a foreign and a repeated token are UNAUTHENTICATED; the challenge says why (RS-02, RS-03, RS-05)."""
    assert await side.call(method, metadata) == Answer((), grpc.StatusCode.UNAUTHENTICATED, challenge)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("token", ["narrow", "scopeless"])
async def test_a_scope_that_is_missing(side: Side, method: str, token: str) -> None:
    """A token without the method's scope is PERMISSION_DENIED, and the challenge names the scope (RS-03)."""
    challenge = f'Bearer realm="{PHOTOS}", error="insufficient_scope", scope="photos.read"'
    assert await side.call(method, bearer(token)) == Answer((), grpc.StatusCode.PERMISSION_DENIED, challenge)


async def test_each_method_has_a_scope_of_its_own(side: Side) -> None:
    """What is enough for one method is not enough for another."""
    assert (await side.call("Print", bearer("good"))).code is grpc.StatusCode.PERMISSION_DENIED


async def test_a_method_without_a_scope_is_refused(side: Side) -> None:
    """A method that was forgotten lets nobody in."""
    assert await side.call("Unlisted", bearer("good")) == Answer((), grpc.StatusCode.PERMISSION_DENIED)


async def test_a_default_scope(side: Side) -> None:
    """Methods that are not listed need the default scope, if there is one."""
    assert (await side.call("Unlisted", bearer("good"), default_scope="photos.read")).said == ("bob",)
    refused = await side.call("Unlisted", bearer("narrow"), default_scope="photos.read")
    assert refused.code is grpc.StatusCode.PERMISSION_DENIED


async def test_open_methods_need_no_token(side: Side) -> None:
    """Only what is declared open is; its handler finds no token."""
    answer = await side.call("Single", (), open_methods={"/test.Echo/Single"})
    assert answer.code is grpc.StatusCode.UNKNOWN
    assert (await side.call("Single", ())).code is grpc.StatusCode.UNAUTHENTICATED


async def test_unknown_methods_stay_unknown(side: Side) -> None:
    """The interceptor does not stand in for a method that is not there."""
    assert (await side.call("Missing", bearer("good"))).code is grpc.StatusCode.UNIMPLEMENTED


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("error", [IntrospectionUnavailable("gone"), NotAllowedToIntrospect("who are you")])
async def test_who_cannot_know_does_not_guess(
    side: Side, method: str, error: IntrospectionUnavailable | NotAllowedToIntrospect
) -> None:
    """When nobody can say, a call is UNAVAILABLE, neither let in nor blamed on the token (GRPC-03)."""
    side.introspection.fails_with = error
    assert await side.call(method, bearer("good")) == Answer((), grpc.StatusCode.UNAVAILABLE)


async def test_a_revoked_token_ends_at_once(side: Side) -> None:
    """Every call asks anew."""
    assert (await side.call("Single", bearer("good"))).code is grpc.StatusCode.OK
    side.introspection.revoke("good")
    assert (await side.call("Single", bearer("good"))).code is grpc.StatusCode.UNAUTHENTICATED


class RefreshTokens:
    """Answers as introspection does for a refresh token of this caller's own."""

    def introspect(self, token: str) -> Introspection:
        return Introspection(active=bool(token), scopes=frozenset({"photos.read"}), username="bob", aud=(PHOTOS,))


async def test_a_refresh_token_is_no_access_token() -> None:
    """What has no token type Bearer is refused though it is live (INTR-06)."""
    side = SyncSide()
    side.introspection = RefreshTokens()  # type: ignore[assignment]  # the same question, another answer
    assert (await side.call("Single", bearer("good"))).code is grpc.StatusCode.UNAUTHENTICATED


def test_a_token_does_not_outlive_its_call() -> None:
    """The thread of a finished call serves the next one without a trace of the token."""
    fake = FakeIntrospection()
    fake.add("good", audience=PHOTOS, scopes={"photos.read"}, username="bob")
    guard = RequireToken(fake, audience=PHOTOS, scopes=SCOPES, open_methods={"/test.Echo/Print"})
    server = grpc.server(ThreadPoolExecutor(1), interceptors=[guard])
    server.add_generic_rpc_handlers((handlers(whose, whose_twice),))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        assert channel.unary_unary("/test.Echo/Single")(b"", metadata=bearer("good"), timeout=5) == b"bob"
        with pytest.raises(grpc.RpcError, match="tallystick_resource_token"):
            channel.unary_unary("/test.Echo/Print")(b"", timeout=5)
    server.stop(None).wait()


def test_outside_of_a_call_there_is_no_token() -> None:
    """The current token belongs to a call."""
    with pytest.raises(LookupError):
        current_token()
