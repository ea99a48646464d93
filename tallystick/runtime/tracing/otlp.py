"""Traces as OpenTelemetry has them, sent to a collector over OTLP.

Names and attributes are those of its semantic conventions for HTTP, RPC and databases.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import version
from socket import gethostname
from threading import Timer
from typing import Self

import grpc.aio
from opentelemetry import context as contexts
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter
from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased
from opentelemetry.trace import (
    Span,
    SpanKind,
    StatusCode,
    format_span_id,
    format_trace_id,
    get_current_span,
    set_span_in_context,
)
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from structlog.types import EventDict, WrappedLogger

from tallystick.runtime import request_id
from tallystick.runtime.tracing.traces import Pairs

# One attempt to send: a collector that is away costs nothing but the spans.
_EXPORT_SECONDS = 5
_LAST_EXPORT_SECONDS = 2.0
_EVERY_MILLISECONDS = 1000

_SERVER_ERROR = 500
# Those of a server that is at fault, by the conventions; others are answers.
_FAULTS = frozenset({"UNKNOWN", "DEADLINE_EXCEEDED", "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS"})
_OK = "OK"
_OTHER_METHOD = "_OTHER"
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "CONNECT", "TRACE"})

# Nothing else of OpenTelemetry's headers: baggage could carry anything from anybody.
_HEADERS = TraceContextTextMapPropagator()


class OtlpTraces:
    """Implements `Traces`."""

    def __init__(self, provider: TracerProvider, exporter: SpanExporter) -> None:
        """Trace by a provider, whose spans go to this exporter in the end."""
        self._provider = provider
        self._exporter = exporter
        self._tracer = provider.get_tracer("tallystick", version("tallystick"))

    @classmethod
    def to_collector(cls, endpoint: str, *, service: str, ratio: float) -> Self:
        """Send spans to an OTLP receiver (gRPC): all of the traces that are asked for, this ratio of the others."""
        exporter = OTLPSpanExporter(endpoint, timeout=_EXPORT_SECONDS)
        processor = BatchSpanProcessor(exporter, schedule_delay_millis=_EVERY_MILLISECONDS)
        return cls.through(processor, exporter, service=service, ratio=ratio)

    @classmethod
    def through(cls, processor: SpanProcessor, exporter: SpanExporter, *, service: str, ratio: float) -> Self:
        """Send spans through a processor; `OTEL_RESOURCE_ATTRIBUTES` adds to what is said of the service."""
        resource = Resource.create(
            {
                "service.namespace": "tallystick",
                "service.name": f"tallystick-{service}",
                "service.version": version("tallystick"),
                "service.instance.id": gethostname(),
            }
        )
        provider = TracerProvider(ParentBased(TraceIdRatioBased(ratio)), resource, shutdown_on_exit=False)
        provider.add_span_processor(processor)
        return cls(provider, exporter)

    def call_served(self, method: str, metadata: Mapping[str, str]) -> "_ServedCall":
        """Begin a span of the kind server; it is the current one until it ends."""
        name = method.removeprefix("/")
        span = self._tracer.start_span(
            name,
            context=_told(metadata),
            kind=SpanKind.SERVER,
            attributes={"rpc.system.name": "grpc", "rpc.method": name, **_request()},
        )
        return _ServedCall(span)

    def request_served(self, method: str, route: str | None, headers: Mapping[str, str]) -> "_ServedRequest":
        """Begin a span of the kind server; it is the current one until it ends."""
        known = method if method in _METHODS else _OTHER_METHOD
        span = self._tracer.start_span(
            f"{known} {route}" if route else known,
            context=_told(headers),
            kind=SpanKind.SERVER,
            attributes={"http.request.method": known, **({"http.route": route} if route else {}), **_request()},
        )
        return _ServedRequest(span)

    @contextmanager
    def call_made(self, method: str) -> Iterator[Pairs]:
        """Follow a call by a span of the kind client; give the headers of W3C Trace Context."""
        name = method.removeprefix("/")
        with self._part(name, {"rpc.system.name": "grpc", "rpc.method": name}) as span:
            headers: dict[str, str] = {}
            _HEADERS.inject(headers)
            try:
                yield tuple(headers.items())
            except grpc.aio.AioRpcError as error:
                span.set_attribute("rpc.response.status_code", error.code().name)
                raise
            span.set_attribute("rpc.response.status_code", _OK)

    @contextmanager
    def statement(self, text: str) -> Iterator[None]:
        """Follow a statement by a span of the kind client, if there is a request that it is a part of."""
        with self._stored("postgresql", {"db.system.name": "postgresql", "db.query.text": text}):
            yield

    @contextmanager
    def command(self, name: str) -> Iterator[None]:
        """Follow a command by a span of the kind client, if there is a request that it is a part of."""
        with self._stored(name, {"db.system.name": "redis", "db.operation.name": name}):
            yield

    def stamp(self, log: WrappedLogger, level: str, event: EventDict) -> EventDict:
        """Add `trace_id` and `span_id` to a line, if it is of a request whose spans are sent."""
        del log, level
        span = get_current_span().get_span_context()
        if span.is_valid and span.trace_flags.sampled:
            event["trace_id"] = format_trace_id(span.trace_id)
            event["span_id"] = format_span_id(span.span_id)
        return event

    def close(self) -> None:
        """Send what is left, for two seconds at the most."""
        impatience = Timer(_LAST_EXPORT_SECONDS, self._exporter.shutdown)
        impatience.start()
        self._provider.shutdown()
        impatience.cancel()

    @contextmanager
    def _stored(self, name: str, attributes: Mapping[str, str]) -> Iterator[None]:
        if not get_current_span().is_recording():
            yield
            return
        with self._part(name, attributes):
            yield

    @contextmanager
    def _part(self, name: str, attributes: Mapping[str, str]) -> Iterator[Span]:
        # The texts of errors stay out of spans: they may tell of what was asked.
        with self._tracer.start_as_current_span(
            name, kind=SpanKind.CLIENT, attributes=attributes, record_exception=False, set_status_on_exception=False
        ) as span:
            try:
                yield span
            except BaseException as error:
                span.set_attribute("error.type", _kind(error))
                span.set_status(StatusCode.ERROR)
                raise


class _Served:
    """A span that is the current one of its task or thread until it ends."""

    def __init__(self, span: Span) -> None:
        self._span = span
        self._token = contexts.attach(set_span_in_context(span))

    def _end(self, error: str) -> None:
        if error:
            self._span.set_attribute("error.type", error)
            self._span.set_status(StatusCode.ERROR)
        self._span.end()
        contexts.detach(self._token)


class _ServedCall(_Served):
    def end(self, code: str, reason: str = "") -> None:
        self._span.set_attribute("rpc.response.status_code", code)
        if reason:
            self._span.set_attribute("tallystick.reason", reason)
        self._end(code if code in _FAULTS else "")


class _ServedRequest(_Served):
    def end(self, status: int) -> None:
        if status:
            self._span.set_attribute("http.response.status_code", status)
        self._end(str(status) if status >= _SERVER_ERROR else "")


def _told(headers: Mapping[str, str]) -> Context:
    # Begins with nothing, whatever this thread did before.
    return _HEADERS.extract(headers, context=Context())


def _request() -> Mapping[str, str]:
    return {"tallystick.request_id": request_id.current()}


def _kind(error: BaseException) -> str:
    return error.code().name if isinstance(error, grpc.aio.AioRpcError) else type(error).__name__
