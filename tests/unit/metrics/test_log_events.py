"""Warnings and errors by their names, which are ours: what is sent to us is in no label."""

import ast
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog
from prometheus_client import CollectorRegistry

from tallystick.runtime.metrics.log_events import LogEvents
from tests.support.environment import ROOT

NAME = "tallystick_log_events_total"
COUNTED = {"warning", "error"}
SOURCES = sorted(path for folder in ("services", "tallystick/runtime") for path in (ROOT / folder).rglob("*.py"))


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


def rises(registry: CollectorRegistry) -> dict[tuple[str, str], float]:
    """Return what has happened, by level and event."""
    samples = [sample for metric in registry.collect() for sample in metric.samples if sample.name == NAME]
    return {(sample.labels["level"], sample.labels["event"]): sample.value for sample in samples if sample.value}


def test_warnings_and_errors_are_counted(registry: CollectorRegistry) -> None:
    """Each by its level and name; other levels tell of what is as it should be."""
    logger = structlog.wrap_logger(logging.getLogger("quiet"), [LogEvents(registry), structlog.dev.ConsoleRenderer()])
    for _ in range(2):
        logger.warning("redis_unavailable")
    logger.error("redis_unavailable")
    for level in ("debug", "info"):
        getattr(logger, level)("listening")
    assert rises(registry) == {("warning", "redis_unavailable"): 2, ("error", "redis_unavailable"): 1}


def test_what_else_a_line_says_is_not_looked_at(registry: CollectorRegistry) -> None:
    """Details, ids and addresses add no series, and the line is passed on as it was."""
    counted = LogEvents(registry)
    for number in range(100):
        line = {"event": "request_failed", "detail": f"secret {number}", "client_id": f"client-{number}"}
        assert counted(None, "error", dict(line)) == line
    assert rises(registry) == {("error", "request_failed"): 100}


def test_what_alerts_ask_about_begins_at_nothing(registry: CollectorRegistry) -> None:
    """So that the first one is a rise."""
    LogEvents(registry, ("error audit_event_lost",))
    for level, event in (
        ("error", "audit_event_lost"),
        ("error", "certificates_not_renewed"),
        ("warning", "database_unavailable"),
        ("warning", "log_not_followed"),
    ):
        assert registry.get_sample_value(NAME, {"level": level, "event": event}) == 0


def calls_to_the_log(path: Path) -> Iterator[tuple[str, ast.expr]]:
    """Return level and first argument of each warning and error that a module of ours logs."""
    for node in ast.walk(ast.parse(path.read_text())):
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and node.func.attr in {*COUNTED, "exception", "critical"}
            and ast.unparse(node.func.value) in {"_log", "logger(__name__)"}
        ):
            yield node.func.attr, node.args[0]


def test_every_event_that_is_counted_has_a_name_of_ours() -> None:
    """Each warning and error in our code is named by a literal, so that nobody outside can make up names."""
    found = [(path, level, first) for path in SOURCES for level, first in calls_to_the_log(path)]
    assert len(found) > 20
    for path, level, first in found:
        assert level in COUNTED, f"{path}: {level} is not counted"
        assert isinstance(first, ast.Constant), f"{path}: line {first.lineno}"
        assert isinstance(first.value, str)
        assert first.value.replace("_", "").isalpha(), f"{path}: {first.value}"


@pytest.mark.parametrize("service", ["authorize", "token"])
def test_every_event_that_is_expected_is_one(service: str) -> None:
    """What is told of at 0 is logged somewhere, by that level and name: otherwise an alert waits for ever."""
    module = __import__(f"services.{service}.adapters.metrics", fromlist=["EXPECTED"])
    logged = {f"{level} {ast.literal_eval(first)}" for path in SOURCES for level, first in calls_to_the_log(path)}
    assert set(module.EXPECTED) <= logged
    LogEvents(CollectorRegistry(), module.EXPECTED)
