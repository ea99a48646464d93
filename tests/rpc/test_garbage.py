"""Garbage in every field of every method: an answer that blames the request, in time, and a server that goes on."""

import importlib
import pkgutil
import time
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import grpc
import pytest
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.message_factory import GetMessageClass
from grpc_health.v1 import health_pb2
from hypothesis import given
from hypothesis import strategies as st

import tallystick
from tallystick.oauth2.client import ClientType, GrantType
from tallystick.oauth2.opaque_token import base64url
from tests.support.cluster import Cluster
from tests.support.flow import introspect, redeem, refresh, sign_in_and_approve
from tests.support.fuzz import BOUNDED, examples
from tests.support.garbage_messages import garbage_request

SECONDS = 8.0
"""How long a call may take: whoever reports something ended waits a second, and two cores may be busy."""

BLAMES_THE_REQUEST = {
    grpc.StatusCode.INVALID_ARGUMENT,
    grpc.StatusCode.NOT_FOUND,
    grpc.StatusCode.ALREADY_EXISTS,
    grpc.StatusCode.FAILED_PRECONDITION,
    grpc.StatusCode.OUT_OF_RANGE,
}
# Of resources that are not the caller's, registered or not, it learns nothing.
NOT_ITS_BUSINESS = {"/tallystick.introspect.v1.IntrospectionService/CheckAccess": {grpc.StatusCode.PERMISSION_DENIED}}


def described_methods() -> dict[str, MethodDescriptor]:
    """Return all methods in tallystick.*.v1, found by looking at the packages."""
    return {
        f"/{service.full_name}/{method.name}": method
        for module in pkgutil.walk_packages(tallystick.__path__, "tallystick.")
        if module.name.endswith("_pb2") and ".v1." in module.name
        for service in importlib.import_module(module.name).DESCRIPTOR.services_by_name.values()
        for method in service.methods
    }


METHODS = described_methods()
MOMENTS = (
    "2026-01-01T00:00:00+00:00", "0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", "2026-01-01T00:00:00",
    "2026-01-01T00:00:00+23:59:59.999999", "2026-W01-1T00:00Z",
)  # fmt: skip
# What ends something waits for a second each time it is done.
ENDS = ("Delete", "Disable", "Revoke", "SetUserPassword")


# Tokens that only somebody who knows how they are made could send.
PAGE_TOKENS = [
    base64url(key.encode())
    for key in (
        *(f"audit_events:{moment} {UUID(int=1)}" for moment in MOMENTS),
        "clients:é", "clients:\n", "users:\u202e", "resources:https://a.example", "scopes:%", "operators:'",
    )
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Target:
    """The servers with a caller for each method, and values that mean something to them."""

    channels: dict[str, grpc.Channel]
    authorizations: dict[str, str]
    known: dict[str, list[str]]

    def channel(self, method: str) -> grpc.Channel:
        """Return the channel to the service of a method."""
        return self.channels[method.split(".")[1]]

    def authorization(self, method: str) -> str:
        """Return the credential of a caller that the method is for."""
        service, _, name = method.rsplit(".", maxsplit=1)[-1].partition("/")
        found = self.authorizations.get(name) or self.authorizations.get(service)
        return found or self.authorizations["operator"]

    def ask(self, method: str, request: bytes) -> list[bytes]:
        """Call a method and return what it answers: one message, or those of a stream."""
        metadata = (("authorization", self.authorization(method)),)
        channel: Any = self.channel(method)
        if METHODS[method].client_streaming:
            return list(channel.stream_stream(method)(iter([request]), metadata=metadata, timeout=SECONDS))
        return [channel.unary_unary(method)(request, metadata=metadata, timeout=SECONDS)]


@pytest.fixture(scope="module")
def target(cluster: Cluster) -> Iterator[Target]:
    operator = cluster.operator
    caller, resource, scope = operator.create_resource_server()
    user = operator.create_user()
    client = operator.create_client(scopes=[scope])
    approval = sign_in_and_approve(cluster, client, user)
    token = redeem(cluster, sign_in_and_approve(cluster, client, user)).json()
    basic = b64encode(f"{caller.client_id}:{caller.client_secret}".encode()).decode()
    channels = {
        "authorize": grpc.insecure_channel(cluster.authorize.grpc_target),
        "token": grpc.insecure_channel(cluster.token.grpc_target),
        "introspect": grpc.insecure_channel(cluster.introspect.grpc_target),
    }
    yield Target(
        channels,
        {
            "operator": f"Bearer {cluster.admin_credential}",
            "AuthorizationCodeService": f"Bearer {(cluster.folder / 'token-credential').read_text().strip()}",
            "IntrospectionService": f"Basic {basic}",
            "ExplainAccess": f"Bearer {cluster.admin_credential}",
        },
        {
            "client_id": [client.client_id],
            "code": [approval.code],
            "code_verifier": [approval.verifier],
            "redirect_uri": [approval.redirect_uri],
            "redirect_uris": [*client.redirect_uris, "https://app.example/cb", "com.example.app:/cb"],
            "token": [token["access_token"], token["refresh_token"]],
            "grant_types": list(GrantType),
            "scopes": [scope.name],
            "services": list(resource.services),
            "service": list(resource.services),
            "identifier": [resource.identifier],
            "resource": [resource.identifier],
            "username": [user.username],
            "user_id": [user.user_id],
            "page_token": PAGE_TOKENS,
            "paths": ["name", "scopes", "redirect_uris", "branding", "branding.title", "enabled", "type", "client_id"],
        },
    )
    for channel in channels.values():
        channel.close()


@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    "number", [pytest.param(BOUNDED // 4, id="bounded"), pytest.param(500, id="long", marks=pytest.mark.long)]
)
@pytest.mark.parametrize("method", METHODS)
def test_garbage_is_the_caller_s_fault(target: Target, method: str, number: int) -> None:
    """Any request of any method is answered in time, and never as if the server were at fault (GRPC-03, GRPC-07)."""
    known = {} if method.rpartition("/")[2].startswith(ENDS) else target.known
    blames = BLAMES_THE_REQUEST | NOT_ITS_BUSINESS.get(method, set())
    answer_type = GetMessageClass(METHODS[method].output_type)

    @examples(number)
    @given(request=garbage_request(METHODS[method].input_type, known) | st.just(b""))
    def answered(request: bytes) -> None:
        began = time.monotonic()
        try:
            for answer in target.ask(method, request):
                answer_type.FromString(answer)
        except grpc.RpcError as error:
            assert error.code() in blames, (error.code(), error.details(), request)  # noqa: PT017 - which one matters
        assert time.monotonic() - began < SECONDS

    answered()
    check: Any = target.channel(method).unary_unary("/grpc.health.v1.Health/Check")
    health = health_pb2.HealthCheckResponse.FromString(check(b"", timeout=SECONDS))
    assert health.status == health_pb2.HealthCheckResponse.SERVING


def test_what_was_issued_before_still_works(cluster: Cluster, target: Target) -> None:
    """After all that, codes are redeemed, tokens refreshed and verdicts given as ever (GRPC-08)."""
    assert target.channels
    scope = cluster.operator.create_scope()
    client = cluster.operator.create_client(ClientType.CONFIDENTIAL, scopes=[scope])
    issued = redeem(cluster, sign_in_and_approve(cluster, client, cluster.operator.create_user())).json()
    assert introspect(cluster, client, issued["access_token"])["active"] is True
    renewed = refresh(cluster, client, issued["refresh_token"]).json()
    assert introspect(cluster, client, renewed["access_token"])["active"] is True


@pytest.mark.parametrize(
    "method",
    [next(name for name in METHODS if f".{service}." in name) for service in ("authorize", "token", "introspect")],
)
def test_garbage_of_strangers_is_not_even_parsed(target: Target, method: str) -> None:
    """Who the caller is comes before what it says, so nobody learns what a message looks like (GRPC-01)."""
    call: Any = target.channel(method).unary_unary(method)
    with pytest.raises(grpc.RpcError) as refused:
        call(b"\xff", timeout=SECONDS)
    assert refused.value.code() is grpc.StatusCode.UNAUTHENTICATED
    with pytest.raises(grpc.RpcError) as blamed:
        call(b"\xff", metadata=(("authorization", target.authorization(method)),), timeout=SECONDS)
    assert blamed.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert "Error" not in str(blamed.value.details())
