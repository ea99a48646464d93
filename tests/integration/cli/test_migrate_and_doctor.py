"""`tallystick migrate` and `tallystick doctor` against real stores."""

import stat
import subprocess
import sys
from pathlib import Path

import pytest
import redis

from tallystick.cli.checks.database import examine_database
from tallystick.cli.checks.finding import Outcome
from tallystick.cli.checks.redis import examine_redis
from tallystick.cli.commands.migrate import wait_for_schema
from tallystick.cli.usage import CommandFailed
from tallystick.oauth2.opaque_token import CredentialType, digest, is_credential, new_credential
from tallystick.runtime.private_files import PrivateFileError
from tallystick.schema.first_operator import ensure_first_operator
from tallystick.schema.revision import REQUIRED
from tests.integration.cli.conftest import admin_settings
from tests.integration.cli.program import Tallystick
from tests.support.cluster import Cluster
from tests.support.databases import Database, Databases
from tests.support.environment import program_environment


def migrate(database: Database, folder: Path) -> Tallystick:
    return Tallystick(folder, {"MIGRATE_DSN": database.dsn()})


def operators(database: Database) -> list[tuple[str, str, bytes]]:
    with database.connect() as connection:
        rows = connection.execute("SELECT name, role, digest FROM operators ORDER BY name").fetchall()
    return [(row["name"], row["role"], bytes(row["digest"])) for row in rows]


def test_migrate_makes_schema_and_first_operator(databases: Databases, tmp_path: Path) -> None:
    """The first run makes both, later ones leave both as they are."""
    file = tmp_path / "operator"
    with databases.empty() as database:
        command = migrate(database, tmp_path)
        first = command("migrate", "--operator-file", file)
        assert (first.status, first.err) == (0, "")
        credential = file.read_text().strip()
        assert is_credential(CredentialType.OPERATOR, credential)
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert credential not in first.out
        assert operators(database) == [("first", "admin", digest(credential))]
        again = command("migrate", "--operator-file", file)
        assert (again.status, again.err) == (0, "")
        assert file.read_text().strip() == credential
        assert len(operators(database)) == 1


def test_several_may_start_at_once(databases: Databases, tmp_path: Path) -> None:
    """Four migrations at the same moment all succeed, with one operator and one file."""
    file = tmp_path / "operator"
    with databases.empty() as database:
        running = [
            subprocess.Popen(
                [sys.executable, "-m", "tallystick.cli", "migrate", "--operator-file", str(file)],
                cwd=tmp_path,
                env=program_environment({"MIGRATE_DSN": database.dsn()}),
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
            for _ in range(4)
        ]
        ended = [process.communicate(timeout=90) for process in running]
        assert [process.returncode for process in running] == [0] * 4, ended
        assert sum("operator first is made" in out for out, _ in ended) == 1
        assert operators(database) == [("first", "admin", digest(file.read_text().strip()))]


def test_an_operator_is_made_of_a_prepared_file(databases: Databases, tmp_path: Path) -> None:
    """A credential that is there beforehand, or was written before a crash, becomes the first operator's."""
    credential = new_credential(CredentialType.OPERATOR, bytes(32))
    file = tmp_path / "operator"
    file.touch(mode=0o600)
    file.write_text(credential)
    with databases.migrated() as database:
        assert ensure_first_operator(database.dsn(), file)
        assert not ensure_first_operator(database.dsn(), file)
        assert operators(database) == [("first", "admin", digest(credential))]
        assert file.read_text() == credential


def test_a_lost_or_foreign_file_is_refused(databases: Databases, tmp_path: Path) -> None:
    """A second file, one that holds something else, a deleted credential and an open file are each one clear line."""
    file = tmp_path / "operator"

    def refusal(name: str, content: str | None, mode: int = 0o600) -> str:
        other = tmp_path / name
        if content is not None:
            other.write_text(content)
            other.chmod(mode)
        with pytest.raises(PrivateFileError) as caught:
            ensure_first_operator(database.dsn(), other)
        return str(caught.value)

    with databases.migrated() as database:
        assert ensure_first_operator(database.dsn(), file)
        assert "does not hold its credential" in refusal("absent", None)
        assert "does not hold its credential" in refusal("empty", "")
        assert "another credential" in refusal("foreign", new_credential(CredentialType.OPERATOR, bytes(32)))
        assert "something else" in refusal("else", "hello")
        assert "chmod 600" in refusal("open", file.read_text(), 0o644)
        assert not (tmp_path / "absent").exists()
        with database.connect() as connection:
            connection.execute("UPDATE operators SET revoked_at = clock_timestamp()")
        assert "deleted or has expired" in refusal("revoked", file.read_text())
        assert len(operators(database)) == 1


def test_a_deleted_operator_stays_deleted(databases: Databases, tmp_path: Path) -> None:
    """Whoever runs the migration again, as a Job does, succeeds, and brings nobody back."""
    file = tmp_path / "operator"
    with databases.migrated() as database:
        command = Tallystick(tmp_path, {"MIGRATE_DSN": database.dsn()})
        assert command("migrate", "--operator-file", file).status == 0
        with database.connect() as connection:
            connection.execute("UPDATE operators SET revoked_at = clock_timestamp()")
        again = command("migrate", "--operator-file", file)
        assert (again.status, again.err) == (0, "")
        assert again.out.splitlines()[-1].endswith("was deleted or has expired, and stays so")
        with database.connect() as connection:
            [row] = connection.execute("SELECT revoked_at FROM operators").fetchall()
        assert row["revoked_at"] is not None


def test_nothing_is_left_in_the_database_when_the_file_cannot_be_written(databases: Databases, tmp_path: Path) -> None:
    """An operator whose credential nobody got is not made, so that the next run can make it."""
    with databases.migrated() as database:
        with pytest.raises(PrivateFileError, match="cannot write"):
            ensure_first_operator(database.dsn(), tmp_path / "no" / "such" / "folder")
        assert operators(database) == []
        assert ensure_first_operator(database.dsn(), tmp_path / "operator")


def test_wait_returns_when_the_schema_is_there(databases: Databases, tmp_path: Path) -> None:
    """An init container waits with its service's login, and changes nothing itself."""
    with databases.empty() as database:
        waiting = subprocess.Popen(
            [sys.executable, "-m", "tallystick.cli", "migrate", "--wait"],
            cwd=tmp_path,
            env=program_environment({"POSTGRES_DSN": database.dsn("tallystick_introspect")}),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        with pytest.raises(CommandFailed, match="has no schema"):
            wait_for_schema(database.dsn(), 0)
        with database.connect() as connection:
            assert connection.execute("SELECT FROM pg_tables WHERE schemaname = 'public'").fetchall() == []
        assert migrate(database, tmp_path)("migrate").status == 0
        out, err = waiting.communicate(timeout=60)
        assert (waiting.returncode, out, err) == (0, f"schema {REQUIRED} is there\n", "")


def test_wait_says_why_it_gave_up() -> None:
    """A database that does not answer in time is named as the reason, without its password."""
    with pytest.raises(CommandFailed, match="waited 0 s: the database cannot be used") as caught:
        wait_for_schema("postgresql://u:hunter2@127.0.0.1:1/x", 0)
    assert "hunter2" not in caught.value.format_message()


def test_migrate_says_what_it_lacks(bare: Tallystick) -> None:
    """Without a setting, or with a database that does not answer, migrate is refused in one line."""
    assert "TALLYSTICK_MIGRATE_DSN is not set" in bare("migrate").line()
    unreachable = bare.given(MIGRATE_DSN="postgresql://u:hunter2@127.0.0.1:1/x")("migrate")
    assert unreachable.status == 1
    assert "refused" in unreachable.line()
    assert "hunter2" not in unreachable.line()


def test_an_older_version_leaves_a_newer_schema_alone(databases: Databases, tmp_path: Path) -> None:
    """Where a rollback runs migrate again, the newer schema stays and nothing fails."""
    with databases.migrated() as database:
        with database.connect() as connection:
            connection.execute("UPDATE schema_revision SET version_num = '9999'")
        ended = migrate(database, tmp_path)("migrate")
        assert (ended.status, ended.out, ended.err) == (0, "schema 9999 is there\n", "")


def test_a_dsn_may_come_from_a_file(databases: Databases, tmp_path: Path) -> None:
    """The secret's _FILE twin does as well."""
    with databases.empty() as database:
        file = tmp_path / "dsn"
        file.write_text(f"{database.dsn()}\n")
        assert Tallystick(tmp_path, {"MIGRATE_DSN_FILE": file})("migrate").status == 0


def doctor_of(cluster: Cluster, folder: Path) -> Tallystick:
    settings = admin_settings(cluster, folder)
    return Tallystick(folder, {**settings, "POSTGRES_DSN": cluster.database.dsn(), "REDIS_URL": cluster.redis_url})


def test_the_doctor_finds_a_healthy_deployment_healthy(cluster: Cluster, tmp_path: Path) -> None:
    """Every check is one line, and the exit status 0."""
    doctor = doctor_of(cluster, tmp_path)
    ended = doctor("doctor")
    assert (ended.status, ended.err) == (0, "")
    lines = [line.split(maxsplit=2) for line in ended.out.splitlines()]
    names = ["settings", "database", "roles", "schema", "revocation", "durability"]
    names += ["redis", "authorize", "token", "introspect", "clocks"]
    assert [line[1] for line in lines] == names
    assert {line[0] for line in lines} == {"ok"}
    found = doctor.json("doctor")
    assert found["ok"] is True
    assert [check["check"] for check in found["checks"]] == names


def test_the_doctor_reads_what_up_left_behind(cluster: Cluster, bare: Tallystick) -> None:
    """Without settings the environment file of a running `tallystick up` stands in for them."""
    folder = bare.folder / ".tallystick"
    folder.mkdir()
    settings = doctor_of(cluster, bare.folder).settings
    (folder / "environment").write_text("".join(f"TALLYSTICK_{name}={value}\n" for name, value in settings.items()))
    ended = bare("doctor")
    assert ended.status == 0, ended.out
    assert str(folder / "environment") in ended.out


def test_the_doctor_fails_where_anything_fails(bare: Tallystick) -> None:
    """Services that do not answer make the exit status 1, and what has no setting is skipped."""
    nowhere = "127.0.0.1:1"
    ended = bare.given(AUTHORIZE_TARGET=nowhere, TOKEN_TARGET=nowhere, INTROSPECT_TARGET=nowhere)("doctor")
    assert (ended.status, ended.err) == (1, "")
    assert [line.split()[0] for line in ended.out.splitlines()] == ["ok", *["skipped"] * 6, *["fail"] * 3, "skipped"]
    assert "TALLYSTICK_TOKEN_TARGET" in ended.out


def test_a_database_is_examined_without_its_password_being_shown(databases: Databases) -> None:
    """A database without schema fails that check, one that does not answer the first, and without setting all skip."""
    with databases.empty() as database:
        findings, ahead = examine_database(database.dsn())
    skipped = [Outcome.SKIPPED, Outcome.SKIPPED]
    assert [finding.outcome for finding in findings] == [Outcome.OK, Outcome.OK, Outcome.FAIL, *skipped]
    assert findings[2].advice == "run `tallystick migrate`"
    assert ahead is not None
    assert abs(ahead) < 1

    findings, ahead = examine_database("postgresql://u:hunter2@127.0.0.1:1/x")
    assert [finding.outcome for finding in findings] == [Outcome.FAIL, *skipped, *skipped]
    assert "hunter2" not in str(findings)
    assert ahead is None

    findings, ahead = examine_database(None)
    assert {finding.outcome for finding in findings} == {Outcome.SKIPPED}


@pytest.mark.parametrize(
    ("url", "outcome"),
    [
        (None, Outcome.SKIPPED),
        ("redis://:hunter2@127.0.0.1:1/0", Outcome.FAIL),
        ("http://:hunter2@127.0.0.1/0", Outcome.FAIL),
        ("hunter2", Outcome.FAIL),
        ("redis://:hun/ter2@h:x/0", Outcome.FAIL),
    ],
)
def test_redis_is_examined_without_its_password_being_shown(url: str | None, outcome: Outcome) -> None:
    """What cannot be reached or read fails, and without setting it is skipped."""
    finding, ahead = examine_redis(url)
    assert finding.outcome is outcome
    assert "hunter2" not in str(finding)
    assert "ter2" not in str(finding)
    assert ahead is None


def test_redis_that_may_forget_is_a_warning(redis_url: str) -> None:
    """Any policy but noeviction may drop codes and sign-ins, and the doctor says so."""
    with redis.Redis.from_url(redis_url) as client:
        client.config_set("maxmemory-policy", "allkeys-lru")
        try:
            finding, ahead = examine_redis(redis_url)
        finally:
            client.config_set("maxmemory-policy", "noeviction")
    assert (finding.outcome, "allkeys-lru" in finding.message) == (Outcome.WARN, True)
    assert ahead is not None
    assert abs(ahead) < 1
    assert examine_redis(redis_url)[0].outcome is Outcome.OK
