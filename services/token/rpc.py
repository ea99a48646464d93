"""gRPC: `GrantService`, for operators."""

import re
from datetime import datetime
from uuid import UUID

import grpc.aio
from google.protobuf.timestamp_pb2 import Timestamp

from services.token.grant_administration import GrantAdministration
from services.token.model import EndReason, GrantFilter, GrantRecord, TimelineEvent
from tallystick.runtime import callers
from tallystick.runtime.failures import Invalid
from tallystick.token.v1 import grant_pb2 as pb
from tallystick.token.v1.grant_pb2_grpc import GrantServiceServicer

_CLIENT_ID = re.compile(r"[a-z2-7]{26}")
_END_REASONS = {
    EndReason.CODE_REPLAYED: pb.END_REASON_CODE_REPLAYED,
    EndReason.REFRESH_REUSED: pb.END_REASON_REFRESH_REUSED,
    EndReason.REVOKED_BY_OPERATOR: pb.END_REASON_REVOKED_BY_OPERATOR,
    EndReason.REVOKED_BY_CLIENT: pb.END_REASON_REVOKED_BY_CLIENT,
    EndReason.WITHDRAWN: pb.END_REASON_WITHDRAWN,
    EndReason.EXPIRED: pb.END_REASON_EXPIRED,
}


class GrantService(GrantServiceServicer):
    """Implements `tallystick.token.v1.GrantService`."""

    def __init__(self, administration: GrantAdministration) -> None:
        self._administration = administration

    async def GetGrant(  # noqa: N802 - gRPC names methods as the proto does
        self, request: pb.GetGrantRequest, context: grpc.aio.ServicerContext[pb.GetGrantRequest, pb.GetGrantResponse]
    ) -> pb.GetGrantResponse:
        """Return a grant."""
        del context
        record = await self._administration.get(_uuid(request.grant_id, "grant_id"))
        return pb.GetGrantResponse(grant=_grant(record))

    async def GetGrantTimeline(  # noqa: N802 - gRPC names methods as the proto does
        self,
        request: pb.GetGrantTimelineRequest,
        context: grpc.aio.ServicerContext[pb.GetGrantTimelineRequest, pb.GetGrantTimelineResponse],
    ) -> pb.GetGrantTimelineResponse:
        """Tell a grant's story."""
        del context
        record, events = await self._administration.timeline(_uuid(request.grant_id, "grant_id"))
        return pb.GetGrantTimelineResponse(grant=_grant(record), events=map(_grant_event, events))

    async def ListGrants(  # noqa: N802 - gRPC names methods as the proto does
        self,
        request: pb.ListGrantsRequest,
        context: grpc.aio.ServicerContext[pb.ListGrantsRequest, pb.ListGrantsResponse],
    ) -> pb.ListGrantsResponse:
        """Return a page of grants."""
        del context
        wanted = GrantFilter(
            client_id=_client_id(request.client_id) if request.client_id else None,
            user_id=_uuid(request.user_id, "user_id") if request.user_id else None,
            include_ended=request.include_ended,
        )
        page, next_page_token = await self._administration.list(wanted, request.page_size, request.page_token)
        return pb.ListGrantsResponse(grants=map(_grant, page), next_page_token=next_page_token)

    async def RevokeGrant(  # noqa: N802 - gRPC names methods as the proto does
        self,
        request: pb.RevokeGrantRequest,
        context: grpc.aio.ServicerContext[pb.RevokeGrantRequest, pb.RevokeGrantResponse],
    ) -> pb.RevokeGrantResponse:
        """End a grant with all its tokens."""
        del context
        actor = f"operator:{callers.current().name}"
        record = await self._administration.revoke(_uuid(request.grant_id, "grant_id"), actor=actor)
        return pb.RevokeGrantResponse(grant=_grant(record))


def _client_id(text: str) -> str:
    if _CLIENT_ID.fullmatch(text) is None:
        raise Invalid("client_id must be 26 of the characters a-z and 2-7")
    return text


def _uuid(text: str, name: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise Invalid(f"{name} must be a UUID") from None


def _grant(record: GrantRecord) -> pb.Grant:
    return pb.Grant(
        grant_id=str(record.grant_id),
        client_id=record.client_id,
        user_id=str(record.user_id),
        scopes=record.scopes,
        created_at=_timestamp(record.created_at),
        refreshed_at=_timestamp(record.refreshed_at),
        refresh_generation=record.refresh_generation or 0,
        refreshes_left=record.refresh_limit_left,
        refresh_expires_at=_timestamp(record.refresh_expires_at),
        ended_at=_timestamp(record.ended_at),
        end_reason=_END_REASONS[record.end_reason] if record.end_reason else pb.END_REASON_UNSPECIFIED,
        live=record.live,
    )


def _grant_event(event: TimelineEvent) -> pb.GrantEvent:
    return pb.GrantEvent(
        occurred_at=_timestamp(event.occurred_at),
        event=event.event,
        outcome=event.outcome,
        actor=event.actor,
        source=event.source,
        detail=event.detail,
        attributes=event.attributes,
        request_id=event.request_id,
    )


def _timestamp(moment: datetime | None) -> Timestamp | None:
    if moment is None:
        return None
    timestamp = Timestamp()
    timestamp.FromDatetime(moment)
    return timestamp
