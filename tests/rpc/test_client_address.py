"""The address that a request came from goes along with calls between services; nobody else is believed about it."""

from collections.abc import AsyncIterator, Sequence
from contextvars import copy_context
from typing import Any

import grpc
import grpc.aio
import pytest

from tallystick.authorize.v1 import authorization_code_pb2 as pb
from tallystick.authorize.v1.authorization_code_pb2_grpc import AuthorizationCodeServiceStub
from tallystick.runtime import client_address
from tallystick.runtime.callers import Caller, CallerKind
from tallystick.runtime.grpc_client import Neighbour, UnaryMethod
from tallystick.runtime.grpc_server import aio_server
from tallystick.runtime.randomness import SystemRandomness
from tallystick.runtime.service_identity import PeerCertificate

CHECK_CODE = "/tallystick.authorize.v1.AuthorizationCodeService/CheckCode"
LIST_CLIENTS = "/tallystick.authorize.v1.ClientService/ListClients"
INTROSPECT = "/tallystick.introspect.v1.IntrospectionService/Introspect"
HEADER, CLIENT, PEER = "x-client-address", "198.51.100.9", "127.0.0.1"


class CallersByKind:
    """Takes what follows `Bearer` for the kind of the caller."""

    async def identify(self, authorization: str | None, _certificate: PeerCertificate | None) -> Caller:
        return Caller(CallerKind((authorization or "").removeprefix("Bearer ")), "somebody")


class TellsAddress(grpc.GenericRpcHandler):
    """Answers every call with the address that it came from."""

    def service(self, _details: grpc.HandlerCallDetails) -> Any:
        return grpc.unary_unary_rpc_method_handler(self._answer)

    async def _answer(self, _request: bytes, _context: Any) -> bytes:
        return pb.CheckCodeResponse(redirect_uri=client_address.current()).SerializeToString()


def check_code(channel: grpc.aio.Channel) -> UnaryMethod[pb.CheckCodeRequest, pb.CheckCodeResponse]:
    return AuthorizationCodeServiceStub(channel).CheckCode


@pytest.fixture(scope="module")
async def target() -> AsyncIterator[str]:
    server = aio_server(CallersByKind(), SystemRandomness())
    server.add_generic_rpc_handlers((TellsAddress(),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    yield f"127.0.0.1:{port}"
    await server.stop(None)


async def seen(target: str, method: str, kind: CallerKind, addresses: Sequence[str]) -> str:
    """Make a call that names addresses, and return the one that the server takes it for."""
    metadata = (("authorization", f"Bearer {kind.value}"), *((HEADER, address) for address in addresses))
    async with grpc.aio.insecure_channel(target, options=(("grpc.enable_http_proxy", 0),)) as channel:
        call: grpc.aio.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(method)
        answer = await call(b"", metadata=metadata, timeout=10)
    return str(pb.CheckCodeResponse.FromString(answer).redirect_uri)


@pytest.mark.parametrize("address", [CLIENT, "2001:db8::1", ""])
async def test_a_neighbour_learns_where_a_request_came_from(target: str, address: str) -> None:
    """What one service was asked from is what the other's audit tells; else it is the service (OPS-04)."""

    async def asked() -> str:
        client_address.begin(address)
        async with Neighbour(target, credential=CallerKind.TOKEN.value) as neighbour:
            answer = await neighbour.call(check_code, pb.CheckCodeRequest(), seconds=10)
        return answer.redirect_uri

    assert await copy_context().run(asked) == (address or PEER)


@pytest.mark.parametrize("addresses", [["unknown"], [f"{CLIENT}:80"], [f"{CLIENT}, {PEER}"], [CLIENT, CLIENT], []])
async def test_what_is_not_one_address_is_not_believed(target: str, addresses: list[str]) -> None:
    """A service that names no address, or more than one, is taken for where it calls from (GEN-10)."""
    assert await seen(target, CHECK_CODE, CallerKind.TOKEN, addresses) == PEER


@pytest.mark.parametrize(
    ("method", "kind"),
    [
        (LIST_CLIENTS, CallerKind.VIEWER),
        (LIST_CLIENTS, CallerKind.ADMIN),
        (INTROSPECT, CallerKind.RESOURCE_SERVER),
    ],
)
async def test_others_are_not_believed(target: str, method: str, kind: CallerKind) -> None:
    """Operators and resource servers come from where they come from, whatever they say (GEN-10)."""
    assert await seen(target, method, kind, [CLIENT]) == PEER
