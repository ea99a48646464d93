"""The use case of `AuditService`."""

import re
from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from services.authorize.registry import identifiers
from services.authorize.registry.model import EventFilter, EventPosition, Page, RecordedEvent
from services.authorize.registry.page import page_request
from services.authorize.registry.ports import EventStore
from services.authorize.registry.text import excerpt
from tallystick.runtime.audit_event import EventKind, Outcome
from tallystick.runtime.failures import Invalid

_ACTOR = re.compile(r"user:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|client:[a-z2-7]{26}|operator:[a-z0-9._-]{1,64}")


class AuditEvents:
    """Shows what was decided. Raises `Unavailable` when the store cannot be asked."""

    def __init__(self, store: EventStore) -> None:
        self._store = store

    async def page(self, wanted: EventFilter, size: int, token: str) -> Page[RecordedEvent]:
        """Return a page of events, newest first; raise `Invalid`."""
        request = page_request("audit_events", size, token)
        after = _position(request.after) if request.after else None
        return request.page(await self._store.find(wanted, after, request.limit), _key)


def event_filter(
    *,
    kinds: Iterable[str],
    outcome: Outcome | None,
    client_id: str,
    user_id: str,
    grant_id: str,
    actor: str,
    since: datetime | None,
    until: datetime | None,
) -> EventFilter:
    """Return which events are looked for; empty texts filter nothing. Raise `Invalid` for what no event can have."""
    if actor and _ACTOR.fullmatch(actor) is None:
        raise Invalid(f"actor must be user:UUID, client:CLIENT_ID or operator:NAME, not {excerpt(actor)!r}")
    if since is not None and until is not None and since >= until:
        raise Invalid("until must be later than since")
    return EventFilter(
        kinds=tuple(_kind(name) for name in dict.fromkeys(kinds)),
        outcome=outcome,
        client_id=identifiers.client_id(client_id) if client_id else None,
        user_id=_uuid("user_id", user_id),
        grant_id=_uuid("grant_id", grant_id),
        actor=actor or None,
        since=since,
        until=until,
    )


def _kind(name: str) -> EventKind:
    if name not in set(EventKind):
        raise Invalid(f"events: there is no {excerpt(name)!r}; there are {', '.join(EventKind)}")
    return EventKind(name)


def _uuid(field: str, text: str) -> UUID | None:
    if not text:
        return None
    try:
        found = UUID(text)
    except ValueError:
        found = None
    # Other ways of writing one are left out: whoever compares what we answer with what was asked is not surprised.
    if found is None or str(found) != text.lower():
        raise Invalid(f"{field} must be a UUID, not {excerpt(text)!r}")
    return found


def _key(event: RecordedEvent) -> str:
    return f"{event.occurred_at.isoformat()} {event.event_id}"


def _position(key: str) -> EventPosition:
    moment, _, event_id = key.partition(" ")
    try:
        position = EventPosition(datetime.fromisoformat(moment), UUID(event_id))
    except ValueError:
        position = None
    if position is None or position.occurred_at.tzinfo is None:
        raise Invalid("page_token must be the next_page_token of the page before, from the same list")
    return position
