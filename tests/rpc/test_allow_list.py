"""Every gRPC method, every caller: who is not listed is refused before anything is looked up."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

import grpc
import grpc.aio
import pytest
from grpc_health.v1 import health_pb2

from tallystick.runtime.allow_list import METHODS, OPEN_METHODS
from tallystick.runtime.bulkhead import Bulkhead
from tallystick.runtime.callers import Caller, CallerKind, bearer_credential
from tallystick.runtime.failures import Unauthenticated
from tallystick.runtime.grpc_server import aio_server, sync_server
from tallystick.runtime.grpc_streams import Streams
from tallystick.runtime.health import AioHealth, SyncHealth
from tallystick.runtime.randomness import SystemRandomness
from tallystick.runtime.service_identity import PeerCertificate
from tests.rpc.every_method import ALL_METHODS, REACHED, STREAMS, EveryMethod, EveryMethodAsync, outcome
from tests.rpc.operator_server import OperatorServer

OK, DENIED, UNAUTHENTICATED, UNIMPLEMENTED = (
    grpc.StatusCode.OK,
    grpc.StatusCode.PERMISSION_DENIED,
    grpc.StatusCode.UNAUTHENTICATED,
    grpc.StatusCode.UNIMPLEMENTED,
)


class CallersByKind:
    """Identifies whoever shows the name of a kind of caller."""

    async def identify(self, authorization: str | None, _certificate: PeerCertificate | None) -> Caller:
        return CallersByKindSync().identify(authorization)


class CallersByKindSync:
    """The same, synchronously."""

    def identify(self, authorization: str | None) -> Caller:
        kind = bearer_credential(authorization)
        if kind not in set(CallerKind):
            raise Unauthenticated("nobody is known by this")
        return Caller(CallerKind(kind), "somebody")


def channel_to(port: int) -> grpc.aio.Channel:
    return grpc.aio.insecure_channel(f"127.0.0.1:{port}", options=(("grpc.enable_http_proxy", 0),))


@pytest.fixture(scope="module")
async def ports() -> AsyncIterator[list[int]]:
    """The ports of an asynchronous and of a synchronous server that answer every call which the guard lets through."""
    asynchronous = aio_server(CallersByKind(), SystemRandomness())
    asynchronous.add_generic_rpc_handlers((EveryMethodAsync(),))
    synchronous, streams = guarded_server()
    synchronous.add_generic_rpc_handlers((EveryMethod(),))
    ports = [server.add_insecure_port("127.0.0.1:0") for server in (asynchronous, synchronous)]
    await asynchronous.start()
    synchronous.start()
    yield ports
    await asynchronous.stop(None)
    synchronous.stop(None).wait()
    streams.close()


@pytest.fixture(scope="module")
async def guarded(ports: list[int]) -> AsyncIterator[tuple[grpc.aio.Channel, grpc.aio.Channel]]:
    """Channels to the two."""
    async with channel_to(ports[0]) as first, channel_to(ports[1]) as second:
        yield first, second


def guarded_server() -> tuple[grpc.Server, Streams]:
    """Return a synchronous server that knows callers by their kind, and its streams."""
    streams = Streams(most=2, per_caller=2)
    calls = Bulkhead(10, what="calls")
    return sync_server(CallersByKindSync(), SystemRandomness(), threads=2, calls=calls, streams=streams), streams


def stream_outcome(port: int, method: str, bearer: str | None) -> grpc.StatusCode:
    """Ask synchronously: an asynchronous client that is refused while it sends calls that an error of its own."""
    metadata = () if bearer is None else (("authorization", f"Bearer {bearer}"),)
    with grpc.insecure_channel(f"127.0.0.1:{port}", options=(("grpc.enable_http_proxy", 0),)) as channel:
        stream: Any = channel.stream_stream(method)(iter([b""]), metadata=metadata, timeout=10)
        with suppress(grpc.RpcError):
            assert list(stream) == [REACHED]
        code: grpc.StatusCode = stream.code()
        return code


def test_every_method_has_an_entry() -> None:
    """The allow-list names all methods of all services and nothing that does not exist (GRPC-01)."""
    assert ALL_METHODS
    assert sorted(METHODS) == ALL_METHODS
    assert all(METHODS.values())
    assert not OPEN_METHODS & set(METHODS)


@pytest.mark.parametrize("method", sorted(set(ALL_METHODS) - set(STREAMS)))
async def test_only_listed_callers_get_through(guarded: tuple[grpc.aio.Channel, ...], method: str) -> None:
    """Each kind of caller that the list does not name is denied, and an anonymous one is not known (GRPC-01)."""
    for channel in guarded:
        for kind in CallerKind:
            expected = OK if kind in METHODS[method] else DENIED
            assert await outcome(channel, method, kind.value) is expected, kind
        assert await outcome(channel, method, None) is UNAUTHENTICATED
        assert await outcome(channel, method, "somebody-else") is UNAUTHENTICATED


@pytest.mark.parametrize("method", sorted(STREAMS))
async def test_only_listed_callers_get_a_stream(ports: list[int], method: str) -> None:
    """A stream is guarded as a single call is (GRPC-01)."""
    expected = {kind.value: OK if kind in METHODS[method] else DENIED for kind in CallerKind}
    for bearer, code in {**expected, None: UNAUTHENTICATED, "somebody-else": UNAUTHENTICATED}.items():
        assert await asyncio.to_thread(stream_outcome, ports[1], method, bearer) is code, bearer


@pytest.mark.parametrize("method", sorted(STREAMS))
async def test_an_asynchronous_server_serves_no_stream(ports: list[int], method: str) -> None:
    """Streams are guarded by the synchronous server alone; elsewhere nobody gets one (GRPC-01)."""
    for bearer in (None, *(kind.value for kind in CallerKind)):
        assert await asyncio.to_thread(stream_outcome, ports[0], method, bearer) is UNIMPLEMENTED


async def test_a_method_that_is_not_listed_is_denied(guarded: tuple[grpc.aio.Channel, ...]) -> None:
    """Whatever has no entry is open to nobody (GRPC-01)."""
    for channel in guarded:
        for kind in CallerKind:
            method = "/tallystick.authorize.v1.ClientService/Invented"
            assert await outcome(channel, method, kind.value) is DENIED


@pytest.fixture(scope="module")
async def telling_health() -> AsyncIterator[tuple[grpc.aio.Channel, grpc.aio.Channel]]:
    """Channels to an asynchronous and to a synchronous server that are guarded and tell their health."""
    asynchronous = aio_server(CallersByKind(), SystemRandomness())
    synchronous, streams = guarded_server()
    await AioHealth(asynchronous).ready()
    SyncHealth(synchronous).ready()
    ports = [server.add_insecure_port("127.0.0.1:0") for server in (asynchronous, synchronous)]
    await asynchronous.start()
    synchronous.start()
    async with channel_to(ports[0]) as first, channel_to(ports[1]) as second:
        yield first, second
    await asynchronous.stop(None)
    synchronous.stop(None).wait()
    streams.close()


async def test_anybody_may_check_health(telling_health: tuple[grpc.aio.Channel, ...]) -> None:
    """A probe without a credential is told that the service takes calls, and nothing else (GRPC-04)."""
    for channel in telling_health:
        answer = await channel.unary_unary("/grpc.health.v1.Health/Check")(b"", timeout=10)
        assert health_pb2.HealthCheckResponse.FromString(answer) == health_pb2.HealthCheckResponse(status="SERVING")


@pytest.mark.parametrize("bearer", [None, *(kind.value for kind in CallerKind)])
async def test_nobody_may_watch_health(telling_health: tuple[grpc.aio.Channel, ...], bearer: str | None) -> None:
    """No stream is served, which would hold one of the server's calls for as long as its caller likes (GRPC-04)."""
    metadata = () if bearer is None else (("authorization", f"Bearer {bearer}"),)
    for channel in telling_health:
        call = channel.unary_stream("/grpc.health.v1.Health/Watch")(b"", metadata=metadata, timeout=10)
        assert await call.code() is UNIMPLEMENTED
        assert await outcome(channel, "/grpc.health.v1.Health/List", bearer) is (DENIED if bearer else UNAUTHENTICATED)


SERVED_TO_OPERATORS = [
    method
    for method in ALL_METHODS
    if method.startswith("/tallystick.authorize.") and "AuthorizationCodeService" not in method
]


@pytest.mark.parametrize("method", SERVED_TO_OPERATORS)
async def test_real_credentials_of_others_open_nothing(server: OperatorServer, method: str) -> None:
    """The services' own credentials, and a viewer's for a change, are denied by the running server (GRPC-01)."""
    for kind, credential in server.credentials.items():
        if kind not in METHODS[method]:
            assert await outcome(server.channel, method, credential) is DENIED, kind
    assert await outcome(server.channel, method, None) is UNAUTHENTICATED
