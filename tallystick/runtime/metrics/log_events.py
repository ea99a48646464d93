"""Warnings and errors in the log, by event: whatever goes wrong is told there, and here how often."""

from collections.abc import Iterable

from prometheus_client import CollectorRegistry, Counter
from structlog.types import EventDict, WrappedLogger

# What alerts ask about begins at 0, so that the first one is a rise.
_IN_EVERY_SERVICE = ("warning database_unavailable", "warning log_not_followed", "error certificates_not_renewed")


class LogEvents:
    """A processor for structlog; whatever the log's level is, it comes before what is left out.

    Events are the names that our own modules give them.
    """

    def __init__(self, registry: CollectorRegistry, expected: Iterable[str] = ()) -> None:
        """`expected` are level and name of events that are told of although they have not happened."""
        self._events = Counter(
            "tallystick_log_events",
            "Warnings and errors in the log, by level and event.",
            ("level", "event"),
            registry=registry,
        )
        for each in (*_IN_EVERY_SERVICE, *expected):
            self._events.labels(*each.split())

    def __call__(self, logger: WrappedLogger, level: str, event: EventDict) -> EventDict:
        """Count an event that is about to be logged."""
        del logger
        if level in {"warning", "error"}:
            self._events.labels(level, event["event"]).inc()
        return event
