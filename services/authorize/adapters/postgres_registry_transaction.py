"""How the registry writes: rows first, with them the event that tells of it, the log of what to read again last."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import LiteralString

from psycopg.rows import DictRow

from tallystick.runtime import callers
from tallystick.runtime.audit_event import AuditEvent
from tallystick.runtime.audit_trail import INSERT_EVENTS_FROM, event_values
from tallystick.runtime.postgres import AsyncPostgres, Statement, Values

_SERVICE = "authorize"

# Ends the statement of a change: tells of what was changed, and returns it.
TELL_OF_CHANGED: LiteralString = ", told AS (" + INSERT_EVENTS_FROM + "changed) TABLE changed"

# Says that whatever was read of this client, user or policy before must be read again.
LOG_INVALIDATION: LiteralString = "INSERT INTO invalidations (kind, key) VALUES (%(kind)s, %(key)s)"


@dataclass(frozen=True, slots=True)
class Change:
    """What an operator changes, and the event that tells of it.

    The statement is a WITH whose query `changed` has one row if something was changed, and none otherwise. The event
    needs no actor: that is the operator whose call this is.
    """

    statement: LiteralString
    values: Values
    event: AuditEvent


def invalidation(kind: str, key: str) -> Statement:
    """Return the statement that writes the log; it belongs at the end."""
    return LOG_INVALIDATION, {"kind": kind, "key": key}


async def transact(
    postgres: AsyncPostgres, change: Change, *further: Statement, lock: Statement | None = None
) -> list[Sequence[DictRow]]:
    """Lock, change, and run further statements, in one transaction; raise `Unavailable` or an `IntegrityError`.

    Returns what was changed, and the rows of each further statement.
    """
    event = replace(change.event, actor=f"operator:{callers.current().name}")
    told: Statement = (change.statement + TELL_OF_CHANGED, {**change.values, **event_values(_SERVICE, event)})
    if lock is None:
        return await postgres.together(told, *further)
    return (await postgres.together(lock, told, *further))[1:]
