"""`tallystick key create` and `tallystick migrate --login`: the services' roles sign in with passwords of their own."""

from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest

from tallystick.schema.logins import ROLES
from tests.integration.cli.program import Tallystick
from tests.support.databases import Database, Databases

FILES = ("authorize/postgres-dsn", "token/postgres-dsn", "token/partition-dsn", "introspect/postgres-dsn")


def logins(folder: Path) -> list[str]:
    return [f"--login={folder / name}" for name in FILES]


def verifiers(database: Database) -> dict[str, str | None]:
    """Return what the server keeps of each role that may sign in."""
    with database.connect() as connection:
        rows = connection.execute(
            "SELECT rolname, rolpassword FROM pg_authid WHERE rolcanlogin AND rolname = ANY (%(roles)s)",
            {"roles": list(ROLES)},
        ).fetchall()
    return {row["rolname"]: row["rolpassword"] for row in rows}


def test_roles_sign_in_with_the_passwords_that_were_made(databases: Databases, tmp_path: Path) -> None:
    """Each role signs in as itself; the server is told no password, and a later run changes only what it is given."""
    with databases.empty() as database:
        parts = urlsplit(database.dsn())
        where = parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
        command = Tallystick(tmp_path, {"MIGRATE_DSN": database.dsn()})
        try:
            made = command("key", "create", tmp_path / "secrets", "--postgres", where)
            assert (made.status, len(made.out.splitlines())) == (0, 8)
            done = command("migrate", *logins(tmp_path / "secrets"))
            assert (done.status, done.err) == (0, "")
            assert done.out.splitlines()[-1] == f"may sign in: {', '.join(sorted(ROLES))}"
            assert all(str(each).startswith("SCRAM-SHA-256$") for each in verifiers(database).values())
            for name in FILES:
                dsn = (tmp_path / "secrets" / name).read_text().strip()
                assert str(urlsplit(dsn).password) not in done.out
                with psycopg.connect(dsn, connect_timeout=5) as connection:
                    assert connection.execute("SELECT session_user").fetchone() == (urlsplit(dsn).username,)
            before = verifiers(database)
            assert command("migrate", *logins(tmp_path / "secrets")[:1]).status == 0
            changed = {role for role, verifier in verifiers(database).items() if verifier != before[role]}
            assert changed == {"tallystick_authorize"}
        finally:
            with database.connect() as connection:
                for role in ROLES:
                    connection.execute(f"ALTER ROLE {role} NOLOGIN PASSWORD NULL")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("postgresql://tallystick_token@host/tallystick", "holds no password"),
        ("postgresql://postgres:s3cret@host/tallystick", "must name one of the roles"),
        ("postgresql://host/tallystick", "must name one of the roles"),
        ("s3cret :: no url", "is no connection URL"),
        ("", "is empty"),
    ],
)
def test_a_file_that_is_no_login_changes_nothing(database: Database, tmp_path: Path, text: str, problem: str) -> None:
    """A wrong file ends the command with one line that names it and quotes nothing."""
    file = tmp_path / "dsn"
    file.write_text(text)
    refused = Tallystick(tmp_path, {"MIGRATE_DSN": database.dsn()})("migrate", f"--login={file}")
    assert refused.status == 1
    assert str(file) in refused.err
    assert problem in refused.err
    assert "s3cret" not in refused.err + refused.out


def test_waiting_gives_no_logins(database: Database, tmp_path: Path) -> None:
    """`--wait` changes nothing, so it takes no `--login`."""
    command = Tallystick(tmp_path, {"MIGRATE_DSN": database.dsn()})
    assert command("migrate", "--wait", f"--login={tmp_path}").status == 2
