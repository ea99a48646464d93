"""The log of invalidations in Postgres: one statement that says all a poll has to know, and *R*."""

from typing import LiteralString

from psycopg.rows import DictRow

from tallystick.runtime.lease.view import Change, Poll, View

POLL_SECONDS = 0.1
"""How often the log is read."""

MOST_ROWS = 1000
"""How many rows one poll reads at the most."""

# Which server history a statement ran on; nothing in recovery.
TIMELINE: LiteralString = (
    "CASE WHEN NOT pg_is_in_recovery() THEN left(pg_walfile_name(pg_current_wal_insert_lsn()), 8) END"
)

# Waits for the synchronous standby, if there is to be one: a primary that was deposed without knowing never gets past
# it, so whatever it says does not arrive.
CONFIRM: LiteralString = """
CASE WHEN NOT pg_is_in_recovery() AND current_setting('synchronous_standby_names') <> ''
    THEN pg_logical_emit_message(true, 'tallystick', '') END
"""

# How every read begins that a record is made of: beside its columns stand Postgres's time and the server's timeline. A
# confirmed one waits at its end for the standby, once, however many rows it has.
READ: LiteralString = "SELECT clock_timestamp() AS now, " + TIMELINE + " AS timeline, "
CONFIRMED_READ: LiteralString = READ + "(SELECT" + CONFIRM + ") AS confirmed, "

# The log behind a position. One row, and one snapshot.
_BEHIND: LiteralString = """
WITH behind AS MATERIALIZED (
    SELECT position, kind, key FROM invalidations WHERE position > %(after)s AND %(after)s >= 0
    ORDER BY position LIMIT %(limit)s
)
SELECT
    clock_timestamp() AS now,
    (SELECT max(position) FROM invalidations) AS newest,
    EXISTS (SELECT FROM invalidations WHERE position = %(after)s) AS stands,
    (SELECT granted_ms FROM lease_terms) AS granted_ms,
    ARRAY(SELECT position FROM behind ORDER BY position) AS positions,
    ARRAY(SELECT kind FROM behind ORDER BY position) AS kinds,
    ARRAY(SELECT key FROM behind ORDER BY position) AS keys,
    """
READ_LOG: LiteralString = _BEHIND + TIMELINE + " AS timeline, " + CONFIRM + " AS confirmed"

# How long whoever reports something dead waits; a statement of its own, after the commit. What is about to be reported,
# whoever committed it, is on the standby by then.
_WAIT: LiteralString = " AS confirmed, waited_ms FROM lease_terms"
READ_WAIT: LiteralString = "SELECT" + CONFIRM + _WAIT


def poll_values(view: View) -> dict[str, object]:
    """Return the parameters of `READ_LOG`."""
    return {"after": view.position, "limit": MOST_ROWS}


def poll_of(view: View, row: DictRow, *, sent_at: float) -> Poll:
    """Return what the row of `READ_LOG` says; the statement was sent at `sent_at`, in boot seconds, from `view`."""
    changes = tuple(map(Change, row["positions"], row["kinds"], row["keys"]))
    return Poll(
        generation=view.generation,
        after=view.position,
        sent_at=sent_at,
        changes=changes,
        reached_end=len(changes) < MOST_ROWS,
        stands=row["stands"],
        newest=row["newest"],
        timeline=row["timeline"],
        now=row["now"],
        revocation_wait=row["granted_ms"] / 1000,
    )
