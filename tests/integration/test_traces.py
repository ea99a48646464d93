"""One request can be followed through all services that had a part in it, and nothing secret goes along."""

import json
import secrets
import time
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass

import grpc
import httpx
import pytest

from tallystick.introspect.v1 import introspection_pb2, introspection_pb2_grpc
from tallystick.oauth2.client import ClientType
from tests.support.cluster import SECRET, Cluster, running_cluster
from tests.support.collector import Collector, SentSpan, running_collector
from tests.support.databases import Databases, RedisDatabases
from tests.support.flow import SECONDS, redeem, sign_in_and_approve
from tests.support.operator_client import Client
from tests.support.ports import free_port

CHECK_CODE = "tallystick.authorize.v1.AuthorizationCodeService/CheckCode"
INTROSPECT = "tallystick.introspect.v1.IntrospectionService/Introspect"
MOST_SECONDS_TO_END = 10.0


@dataclass(frozen=True, slots=True)
class World:
    """Traced services, where their traces go, and who asks about tokens."""

    cluster: Cluster
    collector: Collector
    resource_server: Client
    client: Client

    def buy(self) -> str:
        """Go through the code flow and return an access token."""
        approval = sign_in_and_approve(self.cluster, self.client, self.cluster.operator.create_user())
        answer = redeem(self.cluster, approval)
        assert answer.status_code == httpx.codes.OK, answer.text
        return str(answer.json()["access_token"])

    def ask(self, token: str, traceparent: str, authorization: str | None = None) -> grpc.StatusCode:
        """Ask about a token as a part of a trace; return how that ended."""
        own = b64encode(f"{self.resource_server.client_id}:{self.resource_server.client_secret}".encode()).decode()
        metadata = (("authorization", authorization or f"Basic {own}"), ("traceparent", traceparent))
        with grpc.insecure_channel(self.cluster.introspect.grpc_target) as channel:
            stub = introspection_pb2_grpc.IntrospectionServiceStub(channel)
            request = introspection_pb2.IntrospectRequest(token=token.encode())
            try:
                stub.Introspect(request, timeout=SECONDS, metadata=metadata)
            except grpc.RpcError as error:
                code: grpc.StatusCode = error.code()
                return code
        return grpc.StatusCode.OK


@pytest.fixture(scope="module")
def world(
    databases: Databases, redis_databases: RedisDatabases, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[World]:
    with (
        running_collector() as collector,
        databases.migrated() as database,
        redis_databases.lent() as redis_url,
        running_cluster(
            database,
            redis_url,
            tmp_path_factory.mktemp("traced"),
            settings={"TRACES_ENDPOINT": collector.endpoint, "TRACES_RATIO": 1},
        ) as cluster,
    ):
        resource_server, _, scope = cluster.operator.create_resource_server()
        client = cluster.operator.create_client(ClientType.PUBLIC, scopes=[scope])
        yield World(cluster, collector, resource_server, client)


def traceparent(trace_id: str, *, sampled: bool = True) -> str:
    """Return a header of W3C Trace Context."""
    return f"00-{trace_id}-{secrets.token_hex(8)}-0{int(sampled)}"


def only(spans: list[SentSpan], name: str, kind: str) -> SentSpan:
    """Return the one span of this name and kind."""
    [found] = [span for span in spans if span.name == name and span.kind == kind]
    return found


def test_a_code_is_followed_from_token_to_authorize(world: World) -> None:
    """A token request is one trace: the request, the call to authorize, its answer there, and what the stores did."""
    world.buy()
    spans = world.collector.trace_with(("token", "POST /oauth2/token"), ("authorize", CHECK_CODE))
    request = only(spans, "POST /oauth2/token", "SPAN_KIND_SERVER")
    asked, answered = only(spans, CHECK_CODE, "SPAN_KIND_CLIENT"), only(spans, CHECK_CODE, "SPAN_KIND_SERVER")
    assert (request.service, asked.service, answered.service) == (
        "tallystick-token",
        "tallystick-token",
        "tallystick-authorize",
    )
    assert not request.span.parent_span_id
    assert asked.span.parent_span_id == request.span.span_id
    assert answered.span.parent_span_id == asked.span.span_id
    assert request.attributes["http.response.status_code"] == 200
    assert asked.attributes["rpc.response.status_code"] == answered.attributes["rpc.response.status_code"] == "OK"
    assert request.attributes["tallystick.request_id"] == answered.attributes["tallystick.request_id"]
    found = only(spans, "GET", "SPAN_KIND_CLIENT")
    assert found.span.parent_span_id == answered.span.span_id
    assert found.attributes == {"db.system.name": "redis", "db.operation.name": "GET"}
    statements = [span for span in spans if span.name == "postgresql"]
    assert {span.span.parent_span_id for span in statements} <= {request.span.span_id, answered.span.span_id}


def test_the_log_says_where_a_trace_is(world: World) -> None:
    """The line of a request names its trace, in every service that had a part in it."""
    world.buy()
    spans = world.collector.trace_with(("token", "POST /oauth2/token"), ("authorize", CHECK_CODE))
    for service in (world.cluster.token, world.cluster.authorize):
        lines = [json.loads(line) for line in service.stdout.splitlines() if spans[0].trace_id in line]
        assert {line["event"] for line in lines} >= {"http" if service is world.cluster.token else "rpc"}


def test_nothing_secret_goes_along(world: World) -> None:
    """Neither codes nor tokens, passwords, verifiers, states or queries are in any span (GEN-11)."""
    approval = sign_in_and_approve(world.cluster, world.client, world.cluster.operator.create_user())
    answer = redeem(world.cluster, approval)
    tokens = answer.json()
    asked = answer.headers["x-request-id"]
    world.collector.trace_with(("token", "POST /oauth2/token"), ("authorize", CHECK_CODE), request_id=asked)
    sent = world.collector.sent.decode("utf-8", "replace")
    assert "GET /oauth2/authorize" in sent
    secret = [approval.code, approval.verifier, approval.state, tokens["access_token"], tokens["refresh_token"]]
    assert not [each for each in [*secret, *world.cluster.operator.passwords, "code_challenge="] if each in sent]
    assert not SECRET.search(sent)


def test_a_resource_server_goes_on_with_its_trace(world: World) -> None:
    """Introspection is a part of the trace that its caller is in, and of none that is not to be kept."""
    kept, not_kept = secrets.token_hex(16), secrets.token_hex(16)
    token = world.buy()
    assert world.ask(token, traceparent(not_kept, sampled=False)) is grpc.StatusCode.OK
    assert world.ask(token, traceparent(kept)) is grpc.StatusCode.OK
    [span] = [
        each
        for each in world.collector.trace_with(("introspect", INTROSPECT), trace_id=kept)
        if each.name == INTROSPECT
    ]
    assert span.service == "tallystick-introspect"
    assert not_kept not in {each.trace_id for each in world.collector.spans}


def test_strangers_are_not_followed(world: World) -> None:
    """Whoever may not call is in the log, and cannot fill the traces; nor can HTTP clients, but by a trusted proxy."""
    refused, browser, later = secrets.token_hex(16), secrets.token_hex(16), secrets.token_hex(16)
    assert world.ask("x", traceparent(refused), "Basic eDp5") is grpc.StatusCode.UNAUTHENTICATED
    answer = httpx.get(
        f"{world.cluster.introspect.http_url}/nowhere", headers={"traceparent": traceparent(browser)}, trust_env=False
    )
    assert answer.status_code == httpx.codes.NOT_FOUND
    world.ask(world.buy(), traceparent(later))
    world.collector.trace_with(("introspect", INTROSPECT), trace_id=later)
    assert not {refused, browser} & {each.trace_id for each in world.collector.spans}


@pytest.mark.long
def test_a_collector_that_is_away_costs_nothing(world: World) -> None:
    """Requests are served all the same, and the service ends in good time."""
    away = f"http://127.0.0.1:{free_port()}"
    replica = world.cluster.start("token", {"TRACES_ENDPOINT": away})
    for _ in range(3):
        answer = httpx.post(f"{replica.http_url}/oauth2/token", data={"grant_type": "x"}, trust_env=False)
        assert answer.status_code == httpx.codes.BAD_REQUEST
    began = time.monotonic()
    replica.terminate()
    assert replica.finish().code == 0
    assert time.monotonic() - began < MOST_SECONDS_TO_END


@pytest.mark.long
def test_a_ratio_of_none_sends_none(world: World) -> None:
    """Of the traces that begin at a service only the wanted part is sent."""
    replica = world.cluster.start("token", {"TRACES_RATIO": 0})
    before = {each.trace_id for each in world.collector.spans}
    answer = httpx.get(f"{replica.http_url}/oauth2/token", trust_env=False)
    assert answer.status_code == httpx.codes.METHOD_NOT_ALLOWED
    replica.terminate()
    assert replica.finish().code == 0
    assert "GET /oauth2/token" not in {each.name for each in world.collector.spans if each.trace_id not in before}
