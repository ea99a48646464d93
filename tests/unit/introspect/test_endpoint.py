"""The HTTP endpoint in process, where something goes wrong that no real request brings about."""

import time
from collections.abc import AsyncIterator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from hashlib import sha256

import httpx
import pytest

from services.introspect.caller_authentication import CallerAuthentication
from services.introspect.endpoints import PATH, IntrospectionEndpoint
from services.introspect.introspection import Introspect
from services.introspect.model import CallerLookup, Freshness, Known, KnownRefreshToken
from tallystick.oauth2.client import AuthenticatableClient, AuthMethod, ClientSecret
from tallystick.oauth2.opaque_token import AccessToken
from tallystick.oauth2.refresh_token import RefreshToken
from tallystick.runtime.bulkhead import Bulkhead
from tallystick.runtime.failure_throttle import FailureThrottle
from tallystick.runtime.failures import Failure, Unavailable
from tallystick.runtime.http import new_app
from tallystick.runtime.randomness import SystemRandomness
from tests.fakes.token_records import NOON, TOKEN, UnknownTokens

ISSUER = "https://issuer.example"
FORM = {"content-type": "application/x-www-form-urlencoded", "authorization": "Basic YXBpOnNlY3JldA=="}


class Failing:
    """A store whose every answer is an error."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    def access_tokens(self, asked: Sequence[tuple[AccessToken, Freshness]]) -> Sequence[Known | Failure]:
        raise AssertionError(asked)

    def refresh_tokens(self, asked: Sequence[tuple[RefreshToken, Freshness]]) -> Sequence[KnownRefreshToken | Failure]:
        raise AssertionError(asked)

    def client(self, client_id: str) -> CallerLookup:
        assert client_id == "api"
        raise self._error


@pytest.fixture
def threads() -> Iterator[ThreadPoolExecutor]:
    """The threads in which questions wait."""
    with ThreadPoolExecutor(1) as pool:
        yield pool


async def ask(threads: ThreadPoolExecutor, error: Exception, body: bytes | AsyncIterator[bytes]) -> httpx.Response:
    store = Failing(error)
    authentication = CallerAuthentication(store, store, ISSUER, FailureThrottle(time.monotonic, per_source=100))
    calls = Bulkhead(10, what="calls")
    return await post(IntrospectionEndpoint(authentication, Introspect(store, ISSUER), threads, calls), body)


async def post(endpoint: IntrospectionEndpoint, body: bytes | AsyncIterator[bytes]) -> httpx.Response:
    app = new_app("introspect", SystemRandomness())
    endpoint.add_to(app)
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://introspect.example") as client:
        return await client.post(PATH, content=body, headers=FORM)


async def test_our_own_faults_tell_nothing(threads: ThreadPoolExecutor) -> None:
    """What nobody expected is a bare server_error (GEN-13)."""
    response = await ask(threads, RuntimeError("at line 7 of secret.py"), b"token=x")
    assert (response.status_code, response.json()["error"]) == (500, "server_error")
    assert "secret.py" not in response.text
    assert response.headers["cache-control"] == "no-store"


async def test_what_cannot_be_known_may_be_asked_again(threads: ThreadPoolExecutor) -> None:
    """A store that fails is 503 with Retry-After (GRPC-03)."""
    response = await ask(threads, Unavailable("the database said: " + str(datetime.now(UTC))), b"token=x")
    assert (response.status_code, response.json()["error"]) == (503, "temporarily_unavailable")
    assert response.headers["retry-after"] == "1"
    assert "database" not in response.text


class OneCaller:
    """Knows one client, whose secret is `secret`."""

    def client(self, client_id: str) -> CallerLookup:
        secret = ClientSecret(sha256(b"secret").digest(), None)
        client = AuthenticatableClient(client_id, AuthMethod.CLIENT_SECRET_BASIC, (secret,), enabled=True)
        return CallerLookup(NOON, client)


async def test_a_caller_with_too_much_in_progress_has_to_wait(threads: ThreadPoolExecutor) -> None:
    """Beyond its share of what a replica does at once a caller gets 429, before anything is looked up (INTR-08)."""
    records, calls = UnknownTokens(), Bulkhead(1, what="calls")
    throttle = FailureThrottle(time.monotonic, per_source=100)
    authentication = CallerAuthentication(OneCaller(), records, ISSUER, throttle)
    endpoint = IntrospectionEndpoint(authentication, Introspect(records, ISSUER), threads, calls)
    with calls.place("api"):
        response = await post(endpoint, f"token={TOKEN}".encode())
    assert (response.status_code, response.json()["error"]) == (429, "temporarily_unavailable")
    assert response.headers["retry-after"] == "1"
    assert records.looked_up == 0
    assert (await post(endpoint, f"token={TOKEN}".encode())).json() == {"active": False}


async def test_a_body_in_pieces_is_cut_as_well(threads: ThreadPoolExecutor) -> None:
    """The ceiling of a body holds whatever length was announced (GEN-13)."""

    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(100):
            yield b"x" * 1024

    response = await ask(threads, RuntimeError("not reached"), pieces())
    assert (response.status_code, response.json()["error"]) == (413, "invalid_request")
