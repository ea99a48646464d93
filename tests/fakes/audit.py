"""An audit trail in memory."""

from dataclasses import dataclass, field

from tallystick.runtime.audit_event import AuditEvent, EventKind


@dataclass(slots=True)
class FakeAudit:
    """Implements `Audit`; `events` are those that were recorded, in their order."""

    events: list[AuditEvent] = field(default_factory=list)

    async def record(self, event: AuditEvent) -> None:
        self.events.append(event)

    @property
    def kinds(self) -> list[EventKind]:
        """The kinds of the events, in their order."""
        return [event.kind for event in self.events]
