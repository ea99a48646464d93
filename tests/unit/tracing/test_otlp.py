"""Spans as OpenTelemetry's exporter is given them, without a collector."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode

from tallystick.runtime.tracing.otlp import OtlpTraces
from tallystick.runtime.tracing.traces import NO_TRACES, Traces

METHOD = "/tallystick.introspect.v1.IntrospectionService/Introspect"
PARENT = {"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}
SECRET = "a secret"


@dataclass(frozen=True, slots=True)
class Traced:
    """What is traced, and what came of it."""

    traces: OtlpTraces
    exporter: InMemorySpanExporter

    def sent(self) -> tuple[ReadableSpan, ...]:
        """Return the spans that have ended, in that order."""
        return tuple(self.exporter.get_finished_spans())


@pytest.fixture
def traced() -> Iterator[Traced]:
    exporter = InMemorySpanExporter()
    traces = OtlpTraces.through(SimpleSpanProcessor(exporter), exporter, service="token", ratio=1)
    yield Traced(traces, exporter)
    traces.close()


def statement_fails(traces: Traces) -> None:
    """Run a statement that fails with a text in which there is a secret."""
    with traces.statement("SELECT %(token)s"):
        raise ValueError(SECRET)


def call_fails(traces: Traces) -> None:
    """Make a call that fails so."""
    with traces.call_made(METHOD):
        raise ValueError(SECRET)


@pytest.mark.parametrize("fails", [statement_fails, call_fails])
def test_the_texts_of_errors_stay_here(traced: Traced, fails: Callable[[Traces], None]) -> None:
    """A span says that something failed and of what kind, not in what words (GEN-11)."""
    request = traced.traces.request_served("POST", "/oauth2/token", {})
    with pytest.raises(ValueError, match=SECRET):
        fails(traced.traces)
    request.end(500)
    part, whole = traced.sent()
    assert part.attributes is not None
    assert part.attributes["error.type"] == "ValueError"
    assert part.status.status_code is whole.status.status_code is StatusCode.ERROR
    assert not part.events
    assert SECRET not in part.to_json() + whole.to_json()


@pytest.mark.parametrize(
    ("code", "is_fault"),
    [("OK", False), ("CANCELLED", False), ("PERMISSION_DENIED", False), ("INTERNAL", True), ("UNAVAILABLE", True)],
)
def test_a_refusal_is_no_error_of_the_server(traced: Traced, code: str, is_fault: bool) -> None:  # noqa: FBT001 - a case
    """Only what the server is to blame for counts as its error."""
    traced.traces.call_served(METHOD, {}).end(code, "A_REASON")
    [span] = traced.sent()
    assert (span.status.status_code is StatusCode.ERROR) is is_fault


@pytest.mark.parametrize(("status", "is_fault"), [(200, False), (302, False), (401, False), (0, False), (503, True)])
def test_a_refused_request_is_no_error_of_the_server(traced: Traced, status: int, is_fault: bool) -> None:  # noqa: FBT001 - a case
    """Only statuses from 500 on are the server's."""
    traced.traces.request_served("GET", "/account", {}).end(status)
    [span] = traced.sent()
    assert (span.status.status_code is StatusCode.ERROR) is is_fault


def test_what_was_served_before_is_over(traced: Traced) -> None:
    """A thread that has served a call begins the next with nothing of it."""
    traced.traces.call_served(METHOD, PARENT).end("OK")
    with traced.traces.statement("SELECT 1"):
        pass
    traced.traces.call_served(METHOD, {}).end("OK")
    followed, fresh = traced.sent()
    assert followed.parent is not None
    assert format(followed.parent.trace_id, "x").zfill(32) in PARENT["traceparent"]
    assert fresh.parent is None
    assert fresh.context.trace_id != followed.context.trace_id


def test_a_statement_of_no_request_is_not_followed(traced: Traced) -> None:
    """What the service does by itself, each second, would fill the traces."""
    with traced.traces.statement("SELECT 1"):
        pass
    assert not traced.sent()


@pytest.mark.parametrize("broken", ["", "x", "00-0-0-01", f"00-{'0' * 32}-b7ad6b7169203331-01", "00-é-01"])
def test_a_broken_parent_is_none(traced: Traced, broken: str) -> None:
    """What cannot be read begins a trace of its own."""
    traced.traces.call_served(METHOD, {"traceparent": broken}).end("OK")
    [span] = traced.sent()
    assert span.parent is None


def test_methods_and_paths_of_strangers_name_no_span(traced: Traced) -> None:
    """Only what is served gives a span its name, so that there are few."""
    traced.traces.request_served("EVIL", None, {}).end(404)
    [span] = traced.sent()
    assert span.name == "_OTHER"


def test_lines_of_the_log_are_stamped(traced: Traced) -> None:
    """Within a request that is kept they say where its trace is; outside of one they do not."""
    request = traced.traces.request_served("GET", "/account", PARENT)
    inside = traced.traces.stamp(None, "info", {"event": "x"})
    request.end(200)
    assert inside["trace_id"] in PARENT["traceparent"]
    assert traced.traces.stamp(None, "info", {"event": "x"}) == {"event": "x"}
    assert NO_TRACES.stamp(None, "info", {"event": "x"}) == {"event": "x"}


def test_without_the_extra_it_is_said_how_to_install_it() -> None:
    """A collector that is named without OpenTelemetry installed stops the start in one line."""
    program = """
import sys
sys.modules["opentelemetry.sdk"] = None
from services.introspect.settings import IntrospectSettings
from tallystick.runtime.settings import SettingsError
from tallystick.runtime.tracing.service_traces import service_traces
settings = IntrospectSettings.model_construct(traces_endpoint="http://127.0.0.1:4317", traces_ratio=1.0)
try:
    service_traces(settings)
except SettingsError as error:
    print(error)
"""
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert ran.stdout == "TALLYSTICK_TRACES_ENDPOINT needs OpenTelemetry: install tallystick[otel]\n"
