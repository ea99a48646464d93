"""What was decided, counted by what the audit is told of it: each event is told once, when it has happened."""

from collections.abc import Callable, Mapping

from prometheus_client import CollectorRegistry, Counter

from tallystick.runtime.audit_event import Audit, AuditEvent, EventKind


class Decisions:
    """One counter, of events of some kinds, by their outcome."""

    def __init__(self, registry: CollectorRegistry, name: str, what: str, outcomes: Mapping[EventKind, str]) -> None:
        counter = Counter(name, what, ("outcome",), registry=registry)
        self._counters = {kind: counter.labels(outcome) for kind, outcome in outcomes.items()}

    def __call__(self, event: AuditEvent) -> None:
        """Count an event if it is of one of the kinds."""
        counter = self._counters.get(event.kind)
        if counter is not None:
            counter.inc()


class CountedAudit:
    """An audit all of whose events are counted, kept or not."""

    def __init__(self, audit: Audit, *counted: Callable[[AuditEvent], None]) -> None:
        self._audit = audit
        self._counted = counted

    async def record(self, event: AuditEvent) -> None:
        """Count an event and keep it."""
        for counted in self._counted:
            counted(event)
        await self._audit.record(event)
