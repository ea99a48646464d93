"""*R*: for how long replicas may answer from memory, and for how long whoever reports something dead waits.

Nobody may wait for less than somebody else was granted. So *R* rises in one step, and is lowered in two: first nothing
longer is granted, and when what was granted before is over, nobody waits for it any more. Whoever is interrupted in
between leaves waits that are too long, and may repeat it.
"""

import time
from collections.abc import Callable
from typing import LiteralString

import psycopg

from tallystick.boot_clock import boot_seconds

LONGEST_MS = 5000
"""The wait is a part of a call, and calls are given up after 10 s."""

_CONNECT_SECONDS = 10
_LOCK = 7453886205

# One after another; the lock ends with the session.
TAKE_TURNS: LiteralString = "SELECT pg_advisory_lock(%(lock)s)"

# What is waited for now.
READ_WAITED: LiteralString = "SELECT waited_ms FROM lease_terms"

# Grant this from now on, and let nobody wait for less.
GRANT: LiteralString = """
UPDATE lease_terms SET granted_ms = %(milliseconds)s, waited_ms = greatest(waited_ms, %(milliseconds)s)
"""

# Wait for no longer than is granted.
WAIT: LiteralString = "UPDATE lease_terms SET waited_ms = %(milliseconds)s"


def set_revocation_wait(
    dsn: str,
    milliseconds: int,
    *,
    clock: Callable[[], float] = boot_seconds,
    sleep: Callable[[float], None] = time.sleep,
) -> None:
    """Set *R* as the database's owner; return when it holds.

    Takes as long as the former *R* when it is lowered. Raises `psycopg.Error` when the database cannot be reached or
    refuses.
    """
    values = {"milliseconds": milliseconds}
    with psycopg.connect(dsn, connect_timeout=_CONNECT_SECONDS, autocommit=True) as connection:
        connection.execute(TAKE_TURNS, {"lock": _LOCK})
        [(waited_ms,)] = connection.execute(READ_WAITED).fetchall()
        connection.execute(GRANT, values)
        if waited_ms > milliseconds:
            end = clock() + waited_ms / 1000
            while (left := end - clock()) > 0:
                sleep(left)
            connection.execute(WAIT, values)
