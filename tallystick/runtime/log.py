"""Structured logs: one JSON object a line on standard output, with the service's name and the request id."""

import logging
import sys

import structlog
from structlog.types import EventDict, Processor, WrappedLogger

from tallystick.runtime import request_id


def configure(service: str, level: str, *first: Processor) -> None:
    """Send structlog's and the standard library's records to standard output as JSON lines.

    `first` are given each of our own events, also those that the level leaves out.
    """

    def stamp(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
        event["service"] = service
        if request_id.current():
            event["request_id"] = request_id.current()
        return event

    shared: list[Processor] = [
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        stamp,
        structlog.processors.format_exc_info,
    ]
    structlog.configure(
        processors=[
            *first,
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    # Their info lines name every connection; what we log of a request says more.
    for noisy in ("uvicorn.error", "uvicorn.access", "psycopg.pool", "grpc"):
        logging.getLogger(noisy).setLevel(logging.WARNING)


def logger(name: str) -> structlog.stdlib.BoundLogger:
    """Return a logger for one module."""
    bound: structlog.stdlib.BoundLogger = structlog.stdlib.get_logger(name)
    return bound
