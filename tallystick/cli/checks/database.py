"""The database: reachable, new enough, the primary, with its roles and its schema, and how it keeps what it is told."""

import time
from typing import LiteralString

import psycopg

from tallystick.cli.checks import durability
from tallystick.cli.checks.finding import Finding, Outcome, fail, ok, skipped
from tallystick.schema import revision
from tallystick.schema.migrate import found_revision

CHECKS = ("database", "roles", "schema", *durability.CHECKS)
OLDEST_VERSION = 15
ROLES = ("tallystick_authorize", "tallystick_token", "tallystick_introspect", "tallystick_partitions")

_CONNECT_SECONDS = 5
_MIGRATE = "run `tallystick migrate`"

# What kind of server this is, and what time it has.
EXAMINE_SERVER: LiteralString = """
SELECT current_setting('server_version') AS version, current_setting('server_version_num')::integer / 10000 AS major,
    pg_is_in_recovery() AS is_standby, extract(epoch FROM clock_timestamp())::float8 AS now
"""

# Which of the roles are there.
FIND_ROLES: LiteralString = "SELECT rolname FROM pg_roles WHERE rolname = ANY (%(roles)s)"


def examine_database(dsn: str | None) -> tuple[list[Finding], float | None]:
    """Return what was found, and by how many seconds the server's clock is ahead of ours."""
    if dsn is None:
        why = "TALLYSTICK_POSTGRES_DSN and TALLYSTICK_MIGRATE_DSN are not set"
        return [skipped(check, why) for check in CHECKS], None
    try:
        with psycopg.connect(dsn, connect_timeout=_CONNECT_SECONDS, application_name="tallystick.doctor") as connection:
            server, ahead = _server(connection)
            found = [server, _roles(connection), _schema(connection)]
            if found[-1].outcome is not Outcome.OK:
                return [*found, *(skipped(check, "there is no schema for it") for check in durability.CHECKS)], ahead
            revocation = durability.examine_revocation(connection)
            return [*found, revocation, durability.examine_durability(connection, list(ROLES))], ahead
    except psycopg.Error as error:
        failed = fail("database", f"cannot be asked: {_reason(error)}", "check the DSN and that PostgreSQL is running")
        return [failed, *(skipped(check, "the database cannot be asked") for check in CHECKS[1:])], None


def _server(connection: psycopg.Connection) -> tuple[Finding, float]:
    asked_at = time.time()
    row = connection.execute(EXAMINE_SERVER).fetchone()
    answered_at = time.time()
    if row is None:
        raise psycopg.InterfaceError("no answer")
    version, major, is_standby, now = row
    where = f"{connection.info.host}:{connection.info.port}/{connection.info.dbname}"
    if major < OLDEST_VERSION:
        found = fail("database", f"PostgreSQL {version} at {where} is too old", f"use {OLDEST_VERSION} or newer")
    elif is_standby:
        found = fail("database", f"PostgreSQL {version} at {where} is a standby", "name the primary in the DSN")
    else:
        found = ok("database", f"PostgreSQL {version} at {where}, primary")
    return found, now - (asked_at + answered_at) / 2


def _roles(connection: psycopg.Connection) -> Finding:
    rows = connection.execute(FIND_ROLES, {"roles": list(ROLES)}).fetchall()
    missing = sorted(set(ROLES) - {row[0] for row in rows})
    if missing:
        return fail("roles", f"missing: {', '.join(missing)}", _MIGRATE)
    return ok("roles", "one for each service, one for the partitions")


def _schema(connection: psycopg.Connection) -> Finding:
    found = found_revision(connection)
    try:
        revision.check(found)
    except revision.SchemaTooOld as error:
        return fail("schema", str(error).partition(":")[0], _MIGRATE)
    return ok("schema", f"revision {found}, needed is {revision.REQUIRED}")


def _reason(error: psycopg.Error) -> str:
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
