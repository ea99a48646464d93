"""`AuditService` over gRPC."""
# ruff: noqa: N802 - gRPC names methods as the proto does

from typing import Any

import grpc.aio

from services.authorize.operator_rpc.messages import EnumTable, moment, timestamp
from services.authorize.registry.audit_events import AuditEvents, event_filter
from services.authorize.registry.model import RecordedEvent
from tallystick.authorize.v1 import audit_pb2, audit_pb2_grpc
from tallystick.runtime.audit_event import Outcome

Context = grpc.aio.ServicerContext[Any, Any]

_OUTCOMES: EnumTable[audit_pb2.AuditOutcome.ValueType, Outcome | None] = EnumTable(
    "outcome",
    {
        audit_pb2.AUDIT_OUTCOME_UNSPECIFIED: None,
        audit_pb2.AUDIT_OUTCOME_SUCCESS: Outcome.SUCCESS,
        audit_pb2.AUDIT_OUTCOME_REFUSED: Outcome.REFUSED,
    },
)


class AuditService(audit_pb2_grpc.AuditServiceServicer):
    """Shows operators what was decided."""

    def __init__(self, events: AuditEvents) -> None:
        self._events = events

    async def ListAuditEvents(
        self, request: audit_pb2.ListAuditEventsRequest, _context: Context
    ) -> audit_pb2.ListAuditEventsResponse:
        """Read a page of events."""
        wanted = event_filter(
            kinds=request.events,
            outcome=_OUTCOMES.ours(request.outcome),
            client_id=request.client_id,
            user_id=request.user_id,
            grant_id=request.grant_id,
            actor=request.actor,
            since=moment("since", request.since) if request.HasField("since") else None,
            until=moment("until", request.until) if request.HasField("until") else None,
        )
        page = await self._events.page(wanted, request.page_size, request.page_token)
        return audit_pb2.ListAuditEventsResponse(
            events=[_message(event) for event in page.items], next_page_token=page.next_page_token
        )


def _message(event: RecordedEvent) -> audit_pb2.AuditEvent:
    return audit_pb2.AuditEvent(
        event_id=str(event.event_id),
        occurred_at=timestamp(event.occurred_at),
        service=event.service,
        event=event.kind,
        outcome=_OUTCOMES.theirs(event.outcome),
        actor=event.actor,
        client_id=event.client_id or "",
        user_id=str(event.user_id or ""),
        grant_id=str(event.grant_id or ""),
        source=event.source,
        request_id=event.request_id,
        error=event.error,
        detail=event.detail,
        attributes=event.attributes,
    )
