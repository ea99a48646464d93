"""What every service tells: which one it is, whether it is on its way out, and waits until an end is final."""

import platform
from importlib.metadata import version

import pytest
from prometheus_client import CollectorRegistry

from tallystick.runtime.audit_event import AuditEvent, EventKind
from tallystick.runtime.failures import Unavailable
from tallystick.runtime.metrics.decisions import CountedAudit, Decisions
from tallystick.runtime.metrics.revocation import MeasuredWait
from tallystick.runtime.metrics.service_metrics import ServiceMetrics
from tallystick.runtime.settings import Settings
from tests.fakes.audit import FakeAudit
from tests.fakes.finality import FakeFinality

SETTINGS = {
    "TALLYSTICK_ISSUER": "http://127.0.0.1:8080",
    "TALLYSTICK_HTTP_LISTEN": "127.0.0.1:8080",
    "TALLYSTICK_GRPC_LISTEN": "127.0.0.1:9080",
    "TALLYSTICK_POSTGRES_DSN": "postgresql://user:hidden-password@127.0.0.1/x",
}
WAITING = "tallystick_revocation_waiting"
WAITS = "tallystick_revocation_wait_seconds_count"


class Anything(Settings):
    """The settings that every service has, and none besides."""

    service = "anything"


@pytest.fixture
def metrics() -> ServiceMetrics:
    return ServiceMetrics(Anything.read(SETTINGS))


def names(registry: CollectorRegistry) -> set[str]:
    """Return the names of the metrics."""
    return {metric.name for metric in registry.collect()}


def test_which_service_it_is(metrics: ServiceMetrics) -> None:
    """Its name, our version and Python's, and nothing else of the settings."""
    [build] = [metric for metric in metrics.registry.collect() if metric.name == "tallystick_build_info"]
    assert [(sample.labels, sample.value) for sample in build.samples] == [
        ({"service": "anything", "version": version("tallystick"), "python": platform.python_version()}, 1)
    ]


def test_all_names_are_ours_or_prometheuss(metrics: ServiceMetrics) -> None:
    """Metrics of the process have the names that Prometheus gave them, and all others begin with ours."""
    assert {name.split("_")[0] for name in names(metrics.registry)} == {"tallystick", "process", "python"}


def test_services_do_not_share_a_registry(metrics: ServiceMetrics) -> None:
    """A second one in the same process counts for itself."""
    other = ServiceMetrics(Anything.read(SETTINGS))
    other.draining()
    assert metrics.registry.get_sample_value("tallystick_draining") == 0
    assert other.registry.get_sample_value("tallystick_draining") == 1


def test_without_tls_there_is_no_certificate(metrics: ServiceMetrics) -> None:
    """A moment that is made up would wake somebody."""
    assert metrics.watched(None) is None
    assert "tallystick_certificate_not_after_seconds" not in names(metrics.registry)


class Noting(FakeFinality):
    """Notes how many are said to wait while somebody does."""

    def __init__(self, registry: CollectorRegistry) -> None:
        super().__init__()
        self._registry = registry
        self.seen: list[float | None] = []

    async def until_final(self) -> None:
        self.seen.append(self._registry.get_sample_value(WAITING))
        await super().until_final()


async def test_a_wait_is_measured_however_it_ends() -> None:
    """It is told of while it lasts and counted when it is over, and its failure is passed on."""
    registry = CollectorRegistry()
    finality = Noting(registry)
    wait = MeasuredWait(finality, registry)
    await wait.until_final()
    finality.out_of_order = True
    with pytest.raises(Unavailable):
        await wait.until_final()
    assert (finality.seen, finality.waits) == ([1, 1], 1)
    assert (registry.get_sample_value(WAITS), registry.get_sample_value(WAITING)) == (2, 0)


async def test_events_are_counted_and_kept() -> None:
    """Each event is counted by those that know its kind, and kept whether anybody does."""
    registry, kept = CollectorRegistry(), FakeAudit()
    decisions = Decisions(registry, "tallystick_sign_ins", "…", {EventKind.SIGNED_IN: "signed_in"})
    audit = CountedAudit(kept, decisions)
    for kind in (EventKind.SIGNED_IN, EventKind.SIGNED_OUT, EventKind.SIGNED_IN):
        await audit.record(AuditEvent(kind, actor="user:1", client_id="somebody", detail="a reason"))
    assert len(kept.events) == 3
    samples = [sample for metric in registry.collect() for sample in metric.samples if sample.name.endswith("_total")]
    assert [(sample.labels, sample.value) for sample in samples] == [({"outcome": "signed_in"}, 2)]
