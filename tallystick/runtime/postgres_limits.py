"""What a session may do on the server, and whether that holds there: a pooler in between passes nothing on.

What we have reported as failed must not be done later, and what was confirmed must be on the standby.
"""

from collections.abc import Mapping
from typing import Any, LiteralString

from tallystick.runtime.settings import PREFIX, SettingsError

# After the longest checkout the server still gives up before we do. None of these ends a commit that waits for its
# standby, which the server would then answer as if it had succeeded.
STATEMENT_SECONDS = 2.5
LOOKUP_SECONDS = 2.0
_LOCK_SECONDS = 2.0
_IDLE_IN_TRANSACTION_SECONDS = 5.0
# Ends what runs or waits on the server for a process that is gone.
_CLIENT_CHECK_SECONDS = 1.0

# The names of limits that are not set where this runs, or are too wide.
READ_UNSET: LiteralString = """
SELECT ARRAY(
    SELECT name FROM (VALUES
        ('statement_timeout', %(statement)s::float),
        ('lock_timeout', %(lock)s),
        ('idle_in_transaction_session_timeout', %(idle)s)
    ) AS longest (name, seconds)
    WHERE current_setting(name)::interval NOT BETWEEN interval '1 ms' AND make_interval(secs => seconds)
    UNION ALL SELECT 'synchronous_commit' WHERE current_setting('synchronous_commit') NOT IN ('on', 'remote_apply')
) AS unset
"""

LONGEST: Mapping[str, object] = {
    "statement": STATEMENT_SECONDS,
    "lock": _LOCK_SECONDS,
    "idle": _IDLE_IN_TRANSACTION_SECONDS,
}
"""The parameters of `READ_UNSET`, in seconds."""


def options(statement_seconds: float) -> str:
    """Return what a connection asks of the server when it begins."""
    limits = {
        "statement_timeout": statement_seconds,
        "lock_timeout": _LOCK_SECONDS,
        "idle_in_transaction_session_timeout": _IDLE_IN_TRANSACTION_SECONDS,
        "client_connection_check_interval": _CLIENT_CHECK_SECONDS,
    }
    # What is confirmed must be on the standby, whatever the login says of itself.
    return " ".join(
        ["-c synchronous_commit=on", *(f"-c {name}={int(seconds * 1000)}" for name, seconds in limits.items())]
    )


def check(row: Mapping[str, Any] | None) -> None:
    """Raise `SettingsError` if the row of `READ_UNSET` names any."""
    if row is not None and not row["unset"]:
        return
    names = "all" if row is None else ", ".join(row["unset"])
    raise SettingsError(
        f"{PREFIX}POSTGRES_DSN leads to sessions without our limits ({names}), as a pooler does not pass them on: "
        "set them in its connect_query, see docs/high-availability.md"
    )
