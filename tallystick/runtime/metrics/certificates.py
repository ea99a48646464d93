"""Until when the service's own certificate counts; nothing without TLS."""

from collections.abc import Iterator

from prometheus_client import CollectorRegistry
from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from tallystick.tls.watched_certificates import WatchedCertificates


class CertificateState(Collector):
    """Tells of the certificate that is in use, which need not be the one in the file."""

    def __init__(self, registry: CollectorRegistry, certificates: WatchedCertificates) -> None:
        self._certificates = certificates
        registry.register(self)

    def collect(self) -> Iterator[Metric]:
        """Return its end, as a moment of time."""
        not_after = self._certificates.not_after
        if not_after is not None:
            yield GaugeMetricFamily(
                "tallystick_certificate_not_after_seconds",
                "Until when the certificate counts that is used for gRPC, in seconds since 1970.",
                not_after.timestamp(),
            )
