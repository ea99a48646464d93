"""A real gRPC server in this process that answers as introspection would, and clients of it."""

from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import timedelta
from inspect import isawaitable
from threading import Event
from typing import Any

import grpc
import pytest
from google.protobuf.duration_pb2 import Duration

from tallystick.introspect.v1 import introspection_pb2, introspection_pb2_grpc
from tallystick.resource import AsyncIntrospectionClient, IntrospectionClient

RESOURCE = "https://photos.example"

Question = tuple[bytes, bytes, bytes]


class BootClock:
    """Seconds since the machine was started, which stand until they are moved."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self.seconds += seconds


class Introspection(introspection_pb2_grpc.IntrospectionServiceServicer):
    """Knows a few tokens, and remembers what it was asked.

    `failures` are the status codes of the next calls, in order, `item_failures` those of items of batches by token; it
    answers nobody while `answers` is cleared. `on_the_way` is called before each question is looked at. `leaves_out`
    makes batches senseless: `too few` answers, or `empty` ones.
    """

    def __init__(self) -> None:
        self.tokens: dict[bytes, introspection_pb2.IntrospectResponse] = {}
        self.verdicts: dict[Question, introspection_pb2.CheckAccessResponse] = {}
        self.asked: list[bytes] = []
        self.batches: list[int] = []
        self.questions: list[Question] = []
        self.wishes: list[introspection_pb2.Freshness] = []
        self.authorizations: list[str] = []
        self.failures: list[grpc.StatusCode] = []
        self.item_failures: dict[bytes, grpc.StatusCode] = {}
        self.on_the_way: Callable[[], object] = lambda: None
        self.leaves_out = ""
        self.answers = Event()
        self.answers.set()
        self.target = ""

    def add(self, token: str, *, valid_for: float = 0, **members: object) -> None:
        """Let a token be live."""
        given = {"active": True, "token_type": "Bearer", "aud": [RESOURCE], "valid_for": duration(valid_for), **members}
        self.tokens[token.encode()] = introspection_pb2.IntrospectResponse(**given)  # type: ignore[arg-type]  # members

    def allow(self, token: str, service: str, *, valid_for: float = 0, **members: object) -> None:
        """Let a token that is known be good for a service of the resource."""
        given = {"allowed": True, "service": service, "http_status": 200, "valid_for": duration(valid_for), **members}
        verdict = introspection_pb2.CheckAccessResponse(token=self.tokens[token.encode()], **given)  # type: ignore[arg-type]  # members
        self.verdicts[token.encode(), RESOURCE.encode(), service.encode()] = verdict

    def Introspect(  # noqa: N802 - gRPC names methods as the proto does
        self, request: introspection_pb2.IntrospectRequest, context: grpc.ServicerContext
    ) -> introspection_pb2.IntrospectResponse:
        """Answer one question."""
        self.asked.append(request.token)
        self._take(context, request.freshness)
        return self.tokens.get(request.token, introspection_pb2.IntrospectResponse())

    def IntrospectBatch(  # noqa: N802 - gRPC names methods as the proto does
        self, request: introspection_pb2.IntrospectBatchRequest, context: grpc.ServicerContext
    ) -> introspection_pb2.IntrospectBatchResponse:
        """Answer many questions."""
        self.asked += [item.token for item in request.items]
        self.batches.append(len(request.items))
        self._take(context, *(item.freshness for item in request.items))
        answers = [self._item(item.token) for item in request.items]
        if self.leaves_out == "too few":
            answers.pop()
        if self.leaves_out == "empty":
            answers = [introspection_pb2.IntrospectItem()] * len(answers)
        return introspection_pb2.IntrospectBatchResponse(items=answers)

    def CheckAccess(  # noqa: N802 - gRPC names methods as the proto does
        self, request: introspection_pb2.CheckAccessRequest, context: grpc.ServicerContext
    ) -> introspection_pb2.CheckAccessResponse:
        """Give a verdict; what was not allowed no scope covers."""
        question = (request.token, request.resource, request.service)
        self.questions.append(question)
        self._take(context, request.freshness)
        token = self.tokens.get(request.token)
        if token is None:
            return introspection_pb2.CheckAccessResponse(
                denial=introspection_pb2.DENIAL_TOKEN_INACTIVE,
                http_status=401,
                error="invalid_token",
                www_authenticate=f'Bearer realm="{RESOURCE}", error="invalid_token"',
            )
        return self.verdicts.get(question) or introspection_pb2.CheckAccessResponse(
            denial=introspection_pb2.DENIAL_INSUFFICIENT_SCOPE,
            service=request.service.decode(),
            http_status=403,
            error="insufficient_scope",
            www_authenticate=f'Bearer realm="{RESOURCE}", error="insufficient_scope", scope="photos.print"',
            token=token,
            valid_for=token.valid_for,
        )

    def _take(self, context: grpc.ServicerContext, *wishes: introspection_pb2.Freshness) -> None:
        self.authorizations += [str(value) for key, value in context.invocation_metadata() if key == "authorization"]
        self.wishes += wishes
        self.on_the_way()
        if self.failures:
            context.abort(self.failures.pop(0), "as the test wants it")
        self.answers.wait()

    def _item(self, token: bytes) -> introspection_pb2.IntrospectItem:
        if token in self.item_failures:
            code = self.item_failures[token].value[0]
            error = introspection_pb2.ItemError(code=code, message="as the test wants it")
            return introspection_pb2.IntrospectItem(error=error)
        response = self.tokens.get(token, introspection_pb2.IntrospectResponse())
        return introspection_pb2.IntrospectItem(response=response)


def duration(seconds: float) -> Duration:
    """Return seconds as a message."""
    made = Duration()
    made.FromTimedelta(timedelta(seconds=seconds))
    return made


@dataclass
class Asking:
    """A client of either kind."""

    client: IntrospectionClient | AsyncIntrospectionClient
    clock: BootClock = field(default_factory=BootClock)

    async def __call__(self, method: str, *arguments: object, **options: object) -> Any:
        """Ask by a method of the client."""
        answer = getattr(self.client, method)(*arguments, **options)
        return await answer if isawaitable(answer) else answer

    async def close(self) -> None:
        """Close the client."""
        await self("close")


@pytest.fixture
def introspection() -> Iterator[Introspection]:
    """A server on a port of its own."""
    servicer = Introspection()
    server = grpc.server(ThreadPoolExecutor(4))
    introspection_pb2_grpc.add_IntrospectionServiceServicer_to_server(servicer, server)
    servicer.target = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    server.start()
    yield servicer
    servicer.answers.set()
    server.stop(None).wait()


@pytest.fixture(params=[IntrospectionClient, AsyncIntrospectionClient])
async def asking(request: pytest.FixtureRequest, introspection: Introspection) -> AsyncIterator[Asking]:
    """Each kind of client, which reuses answers by a clock that stands until it is moved."""
    clock = BootClock()
    made = Asking(request.param(introspection.target, client_id="api", client_secret="secret", clock=clock), clock)
    yield made
    await made.close()
