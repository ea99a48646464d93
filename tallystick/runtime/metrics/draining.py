"""Whether the service is on its way out."""

from prometheus_client import CollectorRegistry, Gauge


class Draining:
    """A flag that rises once."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._flag = Gauge("tallystick_draining", "1 from SIGTERM on, else 0.", registry=registry)

    def begin(self) -> None:
        """Say that no new requests should come."""
        self._flag.set(1)
