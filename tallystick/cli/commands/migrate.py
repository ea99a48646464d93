"""`tallystick migrate`: bring the database to the schema that the services need."""

import os
import time
from pathlib import Path

import click
import psycopg

from tallystick.cli.duration import Milliseconds
from tallystick.cli.settings import DeploymentSettings
from tallystick.cli.usage import CommandFailed
from tallystick.runtime.private_files import PrivateFileError
from tallystick.runtime.settings import PREFIX, SettingsError, read_secret_file
from tallystick.schema import migrate as schema
from tallystick.schema import revision
from tallystick.schema.first_operator import NAME, OperatorEnded, ensure_first_operator
from tallystick.schema.logins import NoLogin, give_logins
from tallystick.schema.revocation_wait import LONGEST_MS, set_revocation_wait

_CONNECT_SECONDS = 5
_PAUSE_SECONDS = 0.5
_LONGEST_WAIT_SECONDS = 120.0


@click.command(
    epilog=f"{PREFIX}MIGRATE_DSN names the database and its owner; {PREFIX}MIGRATE_DSN_FILE a file with that."
)
@click.option(
    "--operator-file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Make the first operator, an admin, unless this file holds a credential already.",
)
@click.option("--wait", is_flag=True, help="Change nothing: wait until the schema is there, two minutes at the most.")
@click.option(
    "--revocation-wait",
    type=Milliseconds(LONGEST_MS),
    help="How long a revocation takes, and replicas may answer from memory: 500ms, 1s, at most 5s; 0 for no memory.",
)
@click.option(
    "--login",
    "logins",
    type=click.Path(path_type=Path, dir_okay=False),
    multiple=True,
    help="Let the role that the connection URL in this file names sign in with the password in it; repeatable.",
)
def migrate(operator_file: Path | None, wait: bool, revocation_wait: int | None, logins: tuple[Path, ...]) -> None:  # noqa: FBT001 - click hands over flags so
    """Bring the database to the schema that the services need. Several may run at once."""
    if wait and (operator_file is not None or revocation_wait is not None or logins):
        raise click.UsageError("--wait changes nothing, so no other option goes with it")
    try:
        settings = DeploymentSettings.read(os.environ)
        if wait:
            click.echo(f"schema {wait_for_schema(_dsn(settings, wait=True), _LONGEST_WAIT_SECONDS)} is there")
            return
        dsn = _dsn(settings, wait=False)
        click.echo(f"schema {migrated(dsn)} is there")
        if logins:
            roles = give_logins(dsn, {f"--login {path}": read_secret_file(f"--login {path}", path) for path in logins})
            click.echo(f"may sign in: {', '.join(roles)}")
        if operator_file is not None:
            click.echo(_first_operator(dsn, operator_file))
        if revocation_wait is not None:
            set_revocation_wait(dsn, revocation_wait)
            click.echo(f"a revocation takes {revocation_wait} ms")
    except (SettingsError, PrivateFileError, NoLogin) as error:
        raise CommandFailed(str(error)) from None
    except psycopg.Error as error:
        raise CommandFailed(database_problem(error)) from None


def _first_operator(dsn: str, file: Path) -> str:
    """See to the first operator, and tell of it; one that was deleted stays so, and a Job is no failure for that."""
    try:
        made = ensure_first_operator(dsn, file)
    except OperatorEnded:
        return f"the operator whose credential is in {file} was deleted or has expired, and stays so"
    return f"operator {NAME} is made, its credential is in {file}" if made else f"operator {NAME} is there"


def migrated(dsn: str) -> str:
    """Bring the database to the newest revision that this version knows, and return the one that it has then.

    A newer one stays as it is: a version that is rolled back works with it. Raises `psycopg.Error`.
    """
    with psycopg.connect(dsn, connect_timeout=_CONNECT_SECONDS) as connection:
        found = schema.found_revision(connection)
    return found if found is not None and found > revision.REQUIRED else schema.migrate(dsn)


def wait_for_schema(dsn: str, seconds: float) -> str:
    """Return the revision once it is the one that the services need, or a later one.

    Raise `CommandFailed` when that is not so after this many seconds.
    """
    deadline = time.monotonic() + seconds
    while True:
        try:
            with psycopg.connect(dsn, connect_timeout=_CONNECT_SECONDS) as connection:
                found = schema.found_revision(connection)
            revision.check(found)
        except psycopg.OperationalError as error:
            problem = database_problem(error)
        except revision.SchemaTooOld as error:
            problem = str(error)
        else:
            return str(found)
        if time.monotonic() > deadline:
            raise CommandFailed(f"waited {seconds:.0f} s: {problem}")
        time.sleep(_PAUSE_SECONDS)


def database_problem(error: psycopg.Error) -> str:
    """Return what the database said, in one line."""
    first = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
    if isinstance(error, psycopg.OperationalError):
        return f"the database cannot be used: {first}: check {PREFIX}MIGRATE_DSN and that PostgreSQL is running"
    return f"the database refused: {first}"


def _dsn(settings: DeploymentSettings, *, wait: bool) -> str:
    # An init container waits with what its service has: a login that may only look.
    dsn = settings.dsn() if wait else settings.migrate_dsn and settings.migrate_dsn.get_secret_value()
    if not dsn:
        raise CommandFailed(
            f"{PREFIX}MIGRATE_DSN is not set: put the database and its owner there, as postgresql://user@host/database"
        )
    return dsn
