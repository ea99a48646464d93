"""What the audit is told of a refused request: pure, and nothing that a stranger sent."""

from services.authorize.errors import Redirected, RequestRefused, ShownHere
from services.authorize.pages.error_kind import ErrorKind
from tallystick.oauth2.errors import AccessDenied, ServerError, TemporarilyUnavailable
from tallystick.runtime.audit_event import AuditEvent, EventKind, Outcome

_NO_DECISION = frozenset({ErrorKind.UNAVAILABLE, ErrorKind.INTERNAL, ErrorKind.NOT_FOUND})


def refusal_event(refusal: RequestRefused) -> AuditEvent | None:
    """Return the event; None for what nobody decided, such as an outage, and for a denial, which has one of its own."""
    match refusal:
        case ShownHere(kind=kind) if kind not in _NO_DECISION:
            error = kind.label
        case Redirected(error=answer) if not isinstance(answer, AccessDenied | ServerError | TemporarilyUnavailable):
            error = answer.code
        case _:
            return None
    return AuditEvent(
        EventKind.AUTHORIZATION_REFUSED,
        Outcome.REFUSED,
        client_id=refusal.client_id,
        error=error,
        detail=refusal.detail,
    )
