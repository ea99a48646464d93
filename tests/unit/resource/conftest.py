"""A real gRPC server in this process that answers as introspection would."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Event

import grpc
import pytest

from tallystick.introspect.v1 import introspection_pb2, introspection_pb2_grpc

RESOURCE = "https://photos.example"


class Introspection(introspection_pb2_grpc.IntrospectionServiceServicer):
    """Knows a few tokens, and remembers what it was asked.

    `failures` are the status codes of the next calls, in order; it answers nobody while `answers` is cleared.
    """

    def __init__(self) -> None:
        self.tokens: dict[bytes, introspection_pb2.IntrospectResponse] = {}
        self.asked: list[bytes] = []
        self.authorizations: list[str] = []
        self.failures: list[grpc.StatusCode] = []
        self.answers = Event()
        self.answers.set()
        self.target = ""

    def add(self, token: str, **members: object) -> None:
        """Let a token be live."""
        given = {"active": True, "token_type": "Bearer", "aud": [RESOURCE], **members}
        self.tokens[token.encode()] = introspection_pb2.IntrospectResponse(**given)  # type: ignore[arg-type]  # members

    def Introspect(  # noqa: N802 - gRPC names methods as the proto does
        self, request: introspection_pb2.IntrospectRequest, context: grpc.ServicerContext
    ) -> introspection_pb2.IntrospectResponse:
        """Answer one question."""
        self.asked.append(request.token)
        self.authorizations += [str(value) for key, value in context.invocation_metadata() if key == "authorization"]
        if self.failures:
            context.abort(self.failures.pop(0), "as the test wants it")
        self.answers.wait()
        return self.tokens.get(request.token, introspection_pb2.IntrospectResponse())


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
