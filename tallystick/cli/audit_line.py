"""An event of the audit in one line: when, how it went, what, and then what there is of everything else."""

import json
import re
from datetime import UTC

from tallystick.authorize.v1.audit_pb2 import AuditEvent, AuditOutcome
from tallystick.cli.escape import escaped
from tallystick.cli.record import enum_word

_LONGEST_OUTCOME = len("success")
_LONGEST_EVENT = len("client_secret_rotated")
_PLAIN = re.compile(r"[^\s\"=\\]+")


def line(event: AuditEvent) -> str:
    """Return the line; the time is UTC, and what holds spaces stands in quotation marks."""
    when = event.occurred_at.ToDatetime(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3]
    outcome = enum_word(AuditOutcome.DESCRIPTOR, event.outcome) or ""
    named = {
        "client": event.client_id,
        "user": event.user_id,
        "grant": event.grant_id,
        "by": event.actor,
        "from": event.source,
        "error": event.error,
        "why": event.detail,
        **dict(sorted(event.attributes.items())),
    }
    told = (f"{_word(name)}={_word(value)}" for name, value in named.items() if value)
    return "  ".join(
        (f"{when}Z", outcome.ljust(_LONGEST_OUTCOME), escaped(event.event).ljust(_LONGEST_EVENT), " ".join(told))
    ).rstrip()


def _word(text: str) -> str:
    return escaped(text if _PLAIN.fullmatch(text) else json.dumps(text, ensure_ascii=False))
