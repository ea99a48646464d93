"""Sessions without our limits are told by their names, as whoever reaches Postgres through a pooler has to know."""

import psycopg
import pytest
from psycopg.rows import dict_row

from tallystick.runtime import postgres_limits
from tallystick.runtime.settings import SettingsError
from tests.support.databases import Database

ROLE = "tallystick_token"
OURS = postgres_limits.options(postgres_limits.STATEMENT_SECONDS)


def examine(database: Database, options: str) -> None:
    """Check a session that began with these options."""
    with psycopg.connect(database.dsn(ROLE), options=options, row_factory=dict_row) as connection:
        postgres_limits.check(connection.execute(postgres_limits.READ_UNSET, postgres_limits.LONGEST).fetchone())


@pytest.mark.parametrize("more", ["", " -c statement_timeout=2000", " -c synchronous_commit=remote_apply"])
def test_our_limits_are_enough(database: Database, more: str) -> None:
    """What every connection asks for is what is wanted, and narrower is as good (promise 5)."""
    examine(database, OURS + more)


@pytest.mark.parametrize(
    ("options", "unset"),
    [
        ("", "statement_timeout, lock_timeout, idle_in_transaction_session_timeout"),
        (f"{OURS} -c statement_timeout=0", "statement_timeout"),
        (f"{OURS} -c statement_timeout=2501", "statement_timeout"),
        (f"{OURS} -c lock_timeout=1min", "lock_timeout"),
        (f"{OURS} -c idle_in_transaction_session_timeout=1h", "idle_in_transaction_session_timeout"),
        (f"{OURS} -c synchronous_commit=off", "synchronous_commit"),
        (f"{OURS} -c synchronous_commit=local", "synchronous_commit"),
        (f"{OURS} -c synchronous_commit=remote_write", "synchronous_commit"),
    ],
)
def test_a_limit_that_is_missing_is_named(database: Database, options: str, unset: str) -> None:
    """What was given up could be done later, or be confirmed by no standby, so no service starts (promise 5)."""
    with pytest.raises(SettingsError, match=rf"^TALLYSTICK_POSTGRES_DSN .*\({unset}\).*docs/high-availability\.md$"):
        examine(database, options)
