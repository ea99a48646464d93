"""The registry of one service, with what is true of every process."""

import platform
from importlib.metadata import version

from prometheus_client import CollectorRegistry, Gauge
from prometheus_client.gc_collector import GCCollector
from prometheus_client.process_collector import ProcessCollector


def new_registry(service: str) -> CollectorRegistry:
    """Return a registry that tells of the process, of Python's garbage collection, and which version this is."""
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    GCCollector(registry=registry)
    build = Gauge(
        "tallystick_build_info",
        "Always 1; which service this is, and of which version.",
        ("service", "version", "python"),
        registry=registry,
    )
    build.labels(service, version("tallystick"), platform.python_version()).set(1)
    return registry
