"""A collector of traces: takes what the services send over OTLP, and keeps it."""

import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass

import grpc
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2, trace_service_pb2_grpc
from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span

_PATIENCE_SECONDS = 15.0
_POLL_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class SentSpan:
    """A span as it came, and the service that sent it."""

    service: str
    span: Span

    @property
    def name(self) -> str:
        """What it is called."""
        return str(self.span.name)

    @property
    def kind(self) -> str:
        """On which side of a call it is."""
        return Span.SpanKind.Name(self.span.kind)

    @property
    def trace_id(self) -> str:
        """Its trace, in hexadecimal."""
        return str(self.span.trace_id.hex())

    @property
    def attributes(self) -> dict[str, object]:
        """What it says of itself."""
        return _values(self.span.attributes)


class Collector(trace_service_pb2_grpc.TraceServiceServicer):
    """Keeps every span."""

    def __init__(self) -> None:
        self.endpoint = ""
        self.spans: list[SentSpan] = []
        self.sent = b""

    def Export(  # noqa: N802 - as the service calls it
        self, request: trace_service_pb2.ExportTraceServiceRequest, context: grpc.ServicerContext
    ) -> trace_service_pb2.ExportTraceServiceResponse:
        """Take some spans."""
        del context
        self.sent += request.SerializeToString()
        for resource in request.resource_spans:
            service = str(_values(resource.resource.attributes)["service.name"])
            self.spans += [SentSpan(service, span) for scope in resource.scope_spans for span in scope.spans]
        return trace_service_pb2.ExportTraceServiceResponse()

    def trace_with(self, *wanted: tuple[str, str], trace_id: str = "", request_id: str = "") -> list[SentSpan]:
        """Return the last trace that has such spans, by service and name; wait until there is one."""
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while time.monotonic() < deadline:
            for each in reversed(self.spans):
                together = [span for span in self.spans if span.trace_id == each.trace_id]
                if (
                    {(span.service.removeprefix("tallystick-"), span.name) for span in together} >= set(wanted)
                    and trace_id in ("", each.trace_id)
                    and _is_of(each, request_id)
                ):
                    return together
            time.sleep(_POLL_SECONDS)
        raise AssertionError(f"no trace has {wanted}, but {sorted({span.name for span in self.spans})}")


@contextmanager
def running_collector() -> Iterator[Collector]:
    """Serve a collector on a free port."""
    collector, server = Collector(), grpc.server(ThreadPoolExecutor(1))
    trace_service_pb2_grpc.add_TraceServiceServicer_to_server(collector, server)
    collector.endpoint = f"http://127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    server.start()
    try:
        yield collector
    finally:
        server.stop(0).wait()


def _is_of(span: SentSpan, request_id: str) -> bool:
    return not request_id or span.attributes.get("tallystick.request_id") == request_id


def _values(attributes: Iterable[KeyValue]) -> dict[str, object]:
    return {each.key: getattr(each.value, each.value.WhichOneof("value")) for each in attributes}
