"""Bring a database to a newer revision."""

from importlib.resources import files
from pathlib import Path

import psycopg
from alembic import command
from alembic.config import Config
from psycopg import errors
from sqlalchemy import create_engine
from sqlalchemy.pool import NullPool

from tallystick.schema import revision

_LOCK = 7453886200
_CONNECT_TIMEOUT_SECONDS = 10


def migrate(dsn: str, *, to: str = revision.REQUIRED) -> str:
    """Create the roles, run what is missing up to a revision, the newest unless told otherwise, and return it.

    Several may start at once: each waits for a session-level advisory lock, so the connection must be direct and not
    through a transaction-mode pooler. Raises `psycopg.Error` when the database cannot be reached or refuses.
    """
    folder = Path(str(files("tallystick.schema")))
    config = Config()
    config.set_main_option("script_location", str(folder).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    engine = create_engine("postgresql+psycopg://", creator=lambda: _connect(dsn), poolclass=NullPool)
    # The lock ends with its connection, so whoever is killed in between holds nobody up.
    with _connect(dsn) as lock, engine.connect() as connection:
        lock.autocommit = True
        lock.execute("SELECT pg_advisory_lock(%s)", (_LOCK,))
        lock.execute((folder / "roles.sql").read_bytes())
        config.attributes["connection"] = connection
        command.upgrade(config, to)
        connection.commit()
    return to


def _connect(dsn: str) -> psycopg.Connection:
    return psycopg.connect(dsn, connect_timeout=_CONNECT_TIMEOUT_SECONDS, application_name="tallystick.migrate")


def found_revision(connection: psycopg.Connection) -> str | None:
    """Return the revision that a database has, or None when it was never migrated."""
    try:
        row = connection.execute(revision.READ_REVISION).fetchone()
    except errors.UndefinedTable:
        return None
    return None if row is None else str(row[0])
