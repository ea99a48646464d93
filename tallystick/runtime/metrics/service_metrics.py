"""What is measured of every service, under one registry; a service adds its own."""

from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager

from tallystick.boot_clock import boot_seconds
from tallystick.runtime.audit_trail import AuditTrail
from tallystick.runtime.lease.view import View
from tallystick.runtime.metrics.audit import AuditTrailState
from tallystick.runtime.metrics.certificates import CertificateState
from tallystick.runtime.metrics.draining import Draining
from tallystick.runtime.metrics.exposition import exposed
from tallystick.runtime.metrics.lease import LeaseState
from tallystick.runtime.metrics.log_events import LogEvents
from tallystick.runtime.metrics.postgres import PoolState
from tallystick.runtime.metrics.registry import new_registry
from tallystick.runtime.metrics.requests import GrpcCalls, HttpRequests, OAuthRefusals
from tallystick.runtime.metrics.revocation import Finality, MeasuredWait
from tallystick.runtime.settings import Settings
from tallystick.tls.watched_certificates import WatchedCertificates


class ServiceMetrics:
    """What counts as things happen, and what is to be watched."""

    def __init__(self, settings: Settings, expected_log_events: Iterable[str] = ()) -> None:
        self.registry = new_registry(settings.service)
        self._address = settings.metrics_listen
        self.log_events = LogEvents(self.registry, expected_log_events)
        self.http = HttpRequests(self.registry).served
        self.grpc = GrpcCalls(self.registry).ended
        self.refusals = OAuthRefusals(self.registry)
        self.draining = Draining(self.registry).begin

    def exposed(self) -> AbstractContextManager[None]:
        """Serve them while the context lasts, if there is to be a place for that; raise `StartError` if it is taken."""
        return exposed(self.registry, self._address)

    def watched(self, certificates: WatchedCertificates | None) -> WatchedCertificates | None:
        """Tell of the service's certificate, if it has one, and return what was given."""
        if certificates is not None:
            CertificateState(self.registry, certificates)
        return certificates

    def watch_pool(self, stats: Callable[[], Mapping[str, int]]) -> None:
        """Tell of the pool of connections to Postgres."""
        PoolState(self.registry, stats)

    def watch_lease(self, view: Callable[[], View]) -> None:
        """Tell of the lease."""
        LeaseState(self.registry, view, boot_seconds)

    def watch_audit(self, trail: AuditTrail) -> None:
        """Tell of the audit trail."""
        AuditTrailState(self.registry, trail)

    def measured(self, wait: Finality) -> MeasuredWait:
        """Return a wait that is measured."""
        return MeasuredWait(wait, self.registry)
