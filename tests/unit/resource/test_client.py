"""The clients against a real gRPC server."""

import asyncio
from base64 import b64decode
from collections.abc import Callable

import grpc
import pytest

from tallystick.oauth2.client import AuthMethod
from tallystick.oauth2.client_authentication import basic_credentials
from tallystick.resource import (
    AsyncIntrospectionClient,
    Introspection,
    IntrospectionClient,
    IntrospectionError,
    IntrospectionUnavailable,
    NotAllowedToIntrospect,
)
from tallystick.resource.channel import is_loopback
from tests.unit.resource.conftest import RESOURCE
from tests.unit.resource.conftest import Introspection as Server

SECRET = "s3cret:with %+ ünusual characters"

Ask = Callable[..., Introspection]


def ask(target: str, token: str, **options: float) -> Introspection:
    """Ask one question with the synchronous client."""
    with IntrospectionClient(target, client_id="api:1", client_secret=SECRET, **options) as client:
        return client.introspect(token)


def ask_async(target: str, token: str, **options: float) -> Introspection:
    """Ask one question with the asynchronous client."""

    async def asked() -> Introspection:
        async with AsyncIntrospectionClient(target, client_id="api:1", client_secret=SECRET, **options) as client:
            return await client.introspect(token)

    return asyncio.run(asked())


both = pytest.mark.parametrize("ask", [ask, ask_async])


@both
def test_a_live_token(ask: Ask, introspection: Server) -> None:
    """Every member of the answer arrives as it was sent."""
    introspection.add(
        "good",
        scopes=["photos.read"],
        client_id="app",
        username="bob",
        exp=2000000000,
        iat=1000000000,
        sub="user:1",
        iss="https://issuer.example",
        valid_for=0.75,
    )
    assert ask(introspection.target, "good") == Introspection(
        active=True,
        scopes=frozenset({"photos.read"}),
        client_id="app",
        username="bob",
        token_type="Bearer",
        exp=2000000000,
        iat=1000000000,
        sub="user:1",
        aud=(RESOURCE,),
        iss="https://issuer.example",
        valid_for=0.75,
    )


@both
@pytest.mark.parametrize("token", ["unknown", "ü", "\udcff", "\0", "a" * 10_000])
def test_any_other_text_is_inactive(ask: Ask, introspection: Server, token: str) -> None:
    """A token that is not live is an answer, not an error (GRPC-03)."""
    assert ask(introspection.target, token) == Introspection(active=False)


@both
def test_an_inactive_answer_is_not_read_further(ask: Ask, introspection: Server) -> None:
    """Whatever an inactive answer carries besides is dropped."""
    introspection.add("dead", active=False, scopes=["photos.read"], username="bob", valid_for=1)
    assert ask(introspection.target, "dead") == Introspection(active=False)


@both
def test_no_token_is_no_question(ask: Ask, introspection: Server) -> None:
    """An empty token is inactive without a call."""
    assert not ask(introspection.target, "").active
    assert introspection.asked == []


@both
def test_credentials_are_form_encoded(ask: Ask, introspection: Server) -> None:
    """Id and secret survive Basic whatever characters they hold (CAUTH-01)."""
    ask(introspection.target, "any")
    sent = basic_credentials(introspection.authorizations[0])
    assert (sent.client_id, sent.auth_method, sent.secret) == ("api:1", AuthMethod.CLIENT_SECRET_BASIC, SECRET)
    assert b64decode(introspection.authorizations[0].removeprefix("Basic ")).isascii()


@both
@pytest.mark.parametrize("code", [grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.PERMISSION_DENIED])
def test_refused_credentials(ask: Ask, introspection: Server, code: grpc.StatusCode) -> None:
    """A refusal of the resource server itself is told apart and not repeated."""
    introspection.failures = [code]
    with pytest.raises(NotAllowedToIntrospect):
        ask(introspection.target, "secret-token")
    assert len(introspection.asked) == 1


@both
@pytest.mark.parametrize(
    "code",
    [
        grpc.StatusCode.INTERNAL,
        grpc.StatusCode.UNKNOWN,
        grpc.StatusCode.RESOURCE_EXHAUSTED,
        grpc.StatusCode.INVALID_ARGUMENT,
        grpc.StatusCode.UNIMPLEMENTED,
        grpc.StatusCode.ABORTED,
    ],
)
def test_whatever_else_fails_is_unavailable(ask: Ask, introspection: Server, code: grpc.StatusCode) -> None:
    """No failure is mistaken for a bad token, and what may not be idempotent is asked once (GRPC-03)."""
    introspection.failures = [code]
    with pytest.raises(IntrospectionUnavailable):
        ask(introspection.target, "secret-token")
    assert len(introspection.asked) == 1


@both
@pytest.mark.parametrize("code", [grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED])
def test_a_dying_server_is_retried(ask: Ask, introspection: Server, code: grpc.StatusCode) -> None:
    """A call that met a dying connection, or that an ending server dropped, is repeated within its deadline."""
    introspection.failures = [code] * 2
    introspection.add("good")
    assert ask(introspection.target, "good").active
    assert len(introspection.asked) == 3


@both
def test_retries_end(ask: Ask, introspection: Server) -> None:
    """What stays unavailable is reported as such."""
    introspection.failures = [grpc.StatusCode.UNAVAILABLE] * 9
    with pytest.raises(IntrospectionUnavailable):
        ask(introspection.target, "good")
    assert len(introspection.asked) == 3


@both
def test_a_slow_answer_is_no_answer(ask: Ask, introspection: Server) -> None:
    """A question ends at its deadline."""
    introspection.answers.clear()
    with pytest.raises(IntrospectionUnavailable, match="DEADLINE_EXCEEDED"):
        ask(introspection.target, "good", timeout_seconds=0.2)


@both
def test_nobody_there(ask: Ask, introspection: Server) -> None:
    """A server that cannot be reached is unavailable."""
    with pytest.raises(IntrospectionUnavailable):
        ask("127.0.0.1:1", "good")
    assert introspection.asked == []


def test_one_client_serves_many_calls(introspection: Server) -> None:
    """A client is made once and used for every call."""
    introspection.add("good")
    with IntrospectionClient(introspection.target, client_id="api", client_secret=SECRET) as client:
        answers = [client.introspect(token).active for token in ("good", "bad", "good")]
    assert answers == [True, False, True]


@both
def test_errors_hold_no_secrets(ask: Ask, introspection: Server) -> None:
    """Neither the token nor the credentials appear in an error (GEN-11)."""
    introspection.failures = [grpc.StatusCode.INTERNAL]
    with pytest.raises(IntrospectionError) as caught:
        ask(introspection.target, "secret-token")
    told = f"{caught.value!r} {caught.value.__cause__!r}"
    assert not any(secret in told for secret in ("secret-token", SECRET, introspection.authorizations[0][6:]))


@pytest.mark.parametrize("kind", [IntrospectionClient, AsyncIntrospectionClient])
async def test_clients_show_no_secrets(kind: type) -> None:
    """A client's `repr` names its target only (GEN-11)."""
    client = kind("127.0.0.1:1", client_id="api", client_secret=SECRET)
    assert repr(client) == f"{kind.__name__}('127.0.0.1:1')"
    closing = client.close()
    if closing is not None:
        await closing


@pytest.mark.parametrize("kind", [IntrospectionClient, AsyncIntrospectionClient])
@pytest.mark.parametrize("target", ["introspect:9082", "dns:///introspect.example:9082", "10.0.0.1:9082"])
def test_plaintext_stays_on_this_machine(kind: type, target: str) -> None:
    """Credentials and tokens are sent in plaintext to loopback only."""
    with pytest.raises(ValueError, match="plaintext"):
        kind(target, client_id="api", client_secret=SECRET)


def test_plaintext_elsewhere_must_be_wanted() -> None:
    """With `insecure`, or with TLS, any target will do."""
    IntrospectionClient("introspect:9082", client_id="api", client_secret=SECRET, insecure=True).close()
    credentials = grpc.ssl_channel_credentials()
    IntrospectionClient(
        "introspect:9082", client_id="api", client_secret=SECRET, channel_credentials=credentials
    ).close()


@pytest.mark.parametrize(
    "target",
    [
        "127.0.0.1:9082",
        "127.8.9.1:9082",
        "localhost:9082",
        "localhost",
        "[::1]:9082",
        "dns:localhost:9082",
        "dns:///localhost:9082",
        "ipv4:127.0.0.1:9082,127.0.0.2:9082",
        "ipv6:[::1]:9082",
        "unix:/run/introspect.sock",
    ],
)
def test_loopback_targets(target: str) -> None:
    """Every way to write an address of this machine is recognised."""
    assert is_loopback(target)


@pytest.mark.parametrize(
    "target",
    [
        "",
        ":9082",
        "introspect:9082",
        "localhost.example:9082",
        "127.0.0.1.example:9082",
        "10.0.0.1:9082",
        "0.0.0.0:9082",
        "[2001:db8::1]:9082",
        "dns:9082",
        "dns:///introspect:9082",
        "ipv4:127.0.0.1:9082,10.0.0.1:9082",
        "xds:///localhost",
        "[::1:9082",
    ],
)
def test_other_targets(target: str) -> None:
    """Whatever is not surely this machine counts as another."""
    assert not is_loopback(target)
