"""Questions on a stream of the running service, and what a noisy caller leaves to the others."""

import json
from base64 import b64encode
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from queue import SimpleQueue
from typing import Any

import grpc
import httpx
import pytest
from google.protobuf.message import DecodeError
from hypothesis import given
from hypothesis import strategies as st

from tallystick.authorize.v1.client_pb2 import DisableClientRequest
from tallystick.introspect.v1 import introspection_pb2 as pb
from tallystick.introspect.v1.introspection_pb2_grpc import IntrospectionServiceStub
from tallystick.oauth2.client import ClientType, GrantType
from tallystick.runtime.grpc_status import failure_of
from tests.support.cluster import Cluster
from tests.support.flow import credentials_of, post_token, revoke
from tests.support.fuzz import BOUNDED, examples
from tests.support.garbage_messages import garbage_request
from tests.support.operator_client import Client
from tests.support.service_process import ServiceProcess

METHOD = "/tallystick.introspect.v1.IntrospectionService/IntrospectStream"
SECONDS = 30.0
PER_SECOND = 20
OK, INVALID_ARGUMENT = (code.value[0] for code in (grpc.StatusCode.OK, grpc.StatusCode.INVALID_ARGUMENT))


@dataclass(frozen=True, slots=True)
class Api:
    """A resource server, and an app that gets tokens for its resource."""

    caller: Client
    app: Client
    token_url: str

    @property
    def metadata(self) -> tuple[tuple[str, str], ...]:
        """The resource server's credentials."""
        pair = f"{self.caller.client_id}:{self.caller.client_secret}".encode()
        return (("authorization", f"Basic {b64encode(pair).decode()}"),)

    def token(self) -> str:
        """Return a live token for the resource."""
        answer = post_token(self.token_url, self.app, {"grant_type": "client_credentials"})
        token: str = answer.json()["access_token"]
        return token


def api_of(cluster: Cluster) -> Api:
    """Register a resource server and an app."""
    caller, _, scope = cluster.operator.create_resource_server()
    app = cluster.operator.create_client(
        ClientType.CONFIDENTIAL, redirect_uris=(), grant_types=(GrantType.CLIENT_CREDENTIALS,), scopes=[scope]
    )
    return Api(caller, app, cluster.token.http_url)


@pytest.fixture(scope="module")
def api(cluster: Cluster) -> Api:
    """A resource server that nothing happens to."""
    return api_of(cluster)


@pytest.fixture(scope="module")
def stub(cluster: Cluster) -> Iterator[IntrospectionServiceStub]:
    """Introspection at the replica that all tests share."""
    with grpc.insecure_channel(cluster.introspect.grpc_target) as channel:
        yield IntrospectionServiceStub(channel)


@pytest.fixture(scope="module")
def strict(cluster: Cluster) -> Iterator[ServiceProcess]:
    """A replica that lets each caller ask little."""
    replica = cluster.start("introspect", {"QUESTIONS_PER_CALLER": PER_SECOND})
    yield replica
    if replica.is_running():
        assert replica.stop().code == 0


@pytest.fixture
def strict_stub(strict: ServiceProcess) -> Iterator[IntrospectionServiceStub]:
    """Introspection at that replica."""
    with grpc.insecure_channel(strict.grpc_target) as channel:
        yield IntrospectionServiceStub(channel)


class Conversation:
    """A stream that is asked one question after the other."""

    def __init__(self, stub: IntrospectionServiceStub, api: Api) -> None:
        self._questions: SimpleQueue[pb.IntrospectStreamRequest | None] = SimpleQueue()
        self.call: Any = stub.IntrospectStream(iter(self._questions.get, None), metadata=api.metadata, timeout=SECONDS)

    def ask(self, token: str) -> pb.IntrospectItem:
        """Ask a question, wait for the answer, and return it."""
        self.send(token)
        answer: pb.IntrospectStreamResponse = next(self.call)
        return answer.item

    def send(self, token: str) -> None:
        """Ask a question."""
        self._questions.put(pb.IntrospectStreamRequest(request=pb.IntrospectRequest(token=token.encode())))

    def end(self) -> None:
        """Ask no more."""
        self._questions.put(None)


def test_a_stream_says_what_calls_say(stub: IntrospectionServiceStub, api: Api) -> None:
    """In the order of the questions each gets the answer of a call of its own, or its error (INTR-09, GRPC-06)."""
    tokens = [api.token() for _ in range(3)]
    requests = [
        pb.IntrospectRequest(token=tokens[0].encode()),
        pb.IntrospectRequest(),
        pb.IntrospectRequest(token=b"\xff" * 100),
        pb.IntrospectRequest(token=tokens[1].encode(), freshness=pb.Freshness(read_again=True)),
        pb.IntrospectRequest(token=tokens[1].encode(), freshness=pb.Freshness(read_again=False)),
        pb.IntrospectRequest(token=tokens[2].encode()),
    ] * 50
    questions = [pb.IntrospectStreamRequest(id=2**63 + n, request=request) for n, request in enumerate(requests)]
    answers = list(stub.IntrospectStream(iter(questions), metadata=api.metadata, timeout=SECONDS))
    assert [answer.id for answer in answers] == [question.id for question in questions]
    codes = [answer.item.error.code for answer in answers[:6]]
    assert codes == [OK, INVALID_ARGUMENT, OK, OK, INVALID_ARGUMENT, OK]
    for request, answer in zip(requests, answers, strict=True):
        if answer.item.HasField("response"):
            alone = stub.Introspect(request, metadata=api.metadata, timeout=SECONDS)
            assert without_lease(answer.item.response) == without_lease(alone)
    assert [answer.item.response.active for answer in answers[:6]] == [True, False, False, True, False, True]


def without_lease(answer: pb.IntrospectResponse) -> pb.IntrospectResponse:
    """Return an answer without how long it may be gone by, which differs from moment to moment."""
    kept = pb.IntrospectResponse()
    kept.CopyFrom(answer)
    kept.ClearField("valid_for")
    return kept


@pytest.mark.parametrize(
    "number", [pytest.param(BOUNDED // 4, id="bounded"), pytest.param(500, id="long", marks=pytest.mark.long)]
)
def test_garbage_ends_a_stream_where_it_stands(cluster: Cluster, api: Api, number: int) -> None:
    """Each message before it is answered in its turn, whatever it holds; it is the caller's fault (GRPC-07)."""
    drawn = garbage_request(pb.IntrospectStreamRequest.DESCRIPTOR, {"token": ["tsa_", "tsr_", "x"]})
    with grpc.insecure_channel(cluster.introspect.grpc_target) as channel:
        call: Any = channel.stream_stream(METHOD)

        @examples(number)
        @given(messages=st.lists(drawn, max_size=10))
        def answered(messages: list[bytes]) -> None:
            stream = call(iter(messages), metadata=api.metadata, timeout=SECONDS)
            answers: list[pb.IntrospectStreamResponse] = []
            with suppress(grpc.RpcError):
                answers.extend(map(pb.IntrospectStreamResponse.FromString, stream))
            questions = well_formed(messages)
            assert [answer.id for answer in answers] == [question.id for question in questions]
            assert {answer.item.error.code for answer in answers} <= {OK, INVALID_ARGUMENT}
            assert stream.code().value[0] == (OK if len(questions) == len(messages) else INVALID_ARGUMENT)

        answered()


def well_formed(messages: Sequence[bytes]) -> list[pb.IntrospectStreamRequest]:
    """Return what can be parsed, up to the first that cannot."""
    questions: list[pb.IntrospectStreamRequest] = []
    with suppress(DecodeError):
        questions.extend(map(pb.IntrospectStreamRequest.FromString, messages))
    return questions


def test_what_is_revoked_is_inactive_on_an_open_stream(
    cluster: Cluster, stub: IntrospectionServiceStub, api: Api
) -> None:
    """The first question after a revocation has returned gets the new answer (INTR-07)."""
    stream, token = Conversation(stub, api), api.token()
    assert stream.ask(token).response.active
    assert revoke(cluster, api.app, token).status_code == 200
    assert stream.ask(token) == pb.IntrospectItem(response=pb.IntrospectResponse())
    stream.end()


def test_a_caller_that_is_disabled_is_cut_off(cluster: Cluster, stub: IntrospectionServiceStub) -> None:
    """Once disabling a caller has returned, its open stream answers nothing any more (INTR-07, INTR-02)."""
    api = api_of(cluster)
    stream, token = Conversation(stub, api), api.token()
    assert stream.ask(token).response.active
    cluster.operator.call(cluster.operator.clients.DisableClient, DisableClientRequest(client_id=api.caller.client_id))
    stream.send(token)
    with pytest.raises(grpc.RpcError):
        next(stream.call)
    assert stream.call.code() is grpc.StatusCode.UNAUTHENTICATED
    stream.end()


def test_a_noisy_caller_is_refused_and_a_quiet_one_is_not(
    cluster: Cluster, strict: ServiceProcess, strict_stub: IntrospectionServiceStub
) -> None:
    """After a batch beyond its share a caller is refused over gRPC, streams and HTTP; another one is not (INTR-08)."""
    noisy, quiet = api_of(cluster), api_of(cluster)
    loud, soft = noisy.token(), quiet.token()
    batch = pb.IntrospectBatchRequest(items=[pb.IntrospectRequest(token=loud.encode())] * 1000)
    answers = strict_stub.IntrospectBatch(batch, metadata=noisy.metadata, timeout=SECONDS)
    assert all(item.response.active for item in answers.items)

    one = batch.items[0]
    calls: list[Any] = [
        strict_stub.Introspect.future(one, metadata=noisy.metadata, timeout=SECONDS) for _ in range(300)
    ]
    calm = Conversation(strict_stub, quiet)
    for _ in range(PER_SECOND // 2):
        request = pb.IntrospectRequest(token=soft.encode())
        assert strict_stub.Introspect(request, metadata=quiet.metadata, timeout=SECONDS).active
        assert calm.ask(soft).response.active
    calm.end()
    errors = [call.exception() for call in calls]
    assert {(error.code(), failure_of(error).reason) for error in errors} <= {
        (grpc.StatusCode.RESOURCE_EXHAUSTED, "TOO_MANY_QUESTIONS"),
        (grpc.StatusCode.RESOURCE_EXHAUSTED, "TOO_MANY_CALLS"),
    }
    stream = Conversation(strict_stub, noisy)
    assert stream.ask(loud).error.code == grpc.StatusCode.RESOURCE_EXHAUSTED.value[0]
    stream.end()
    refused = posted(strict, noisy.caller, loud)
    assert (refused.status_code, refused.json()["error"]) == (429, "temporarily_unavailable")
    assert int(refused.headers["retry-after"]) > 1
    assert posted(strict, quiet.caller, soft).json()["active"] is True


def posted(replica: ServiceProcess, caller: Client, token: str) -> httpx.Response:
    """Ask over HTTP."""
    own, auth = credentials_of(caller)
    with httpx.Client(timeout=SECONDS, trust_env=False) as http:
        return http.post(f"{replica.http_url}/oauth2/introspect", data={"token": token, **own}, auth=auth)


def test_many_inactive_answers_are_one_warning(cluster: Cluster, stub: IntrospectionServiceStub) -> None:
    """Whoever tries tokens out stands in the log, once, by the name of the caller that lets it (INTR-08)."""
    api = api_of(cluster)
    items = [pb.IntrospectRequest(token=f"guess-{number}".encode()) for number in range(1000)]
    stub.IntrospectBatch(pb.IntrospectBatchRequest(items=items), metadata=api.metadata, timeout=SECONDS)
    lines = [json.loads(line) for line in cluster.introspect.stdout.splitlines() if "many_inactive_answers" in line]
    about = [line for line in lines if line["caller"] == api.caller.client_id]
    assert [(line["level"], line["inactive"]) for line in about] == [("warning", 1000)]


def test_a_replica_that_ends_lets_its_streams_end_well(
    cluster: Cluster, strict: ServiceProcess, strict_stub: IntrospectionServiceStub
) -> None:
    """After SIGTERM a stream ends with OK, so that its caller opens another one elsewhere."""
    api = api_of(cluster)
    streams = [Conversation(strict_stub, api) for _ in range(3)]
    token = api.token()
    assert all(stream.ask(token).response.active for stream in streams)
    strict.terminate()
    assert [list(stream.call) for stream in streams] == [[], [], []]
    assert [stream.call.code() for stream in streams] == [grpc.StatusCode.OK] * 3
    for stream in streams:
        stream.end()
    ended = strict.finish()
    assert ended.code == 0, ended.stderr
