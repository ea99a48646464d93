"""`tallystick migrate --revocation-wait`, and what `tallystick doctor` says of it."""

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg.errors import CheckViolation

from tallystick.cli.checks.database import CHECKS, ROLES, examine_database
from tallystick.cli.checks.durability import examine_durability
from tallystick.cli.checks.finding import Finding, Outcome
from tallystick.schema.revocation_wait import LONGEST_MS, set_revocation_wait
from tests.integration.cli.program import Tallystick
from tests.support.databases import Database, Databases

SET_TERMS = "UPDATE lease_terms SET granted_ms = %s, waited_ms = %s"


@pytest.fixture
def fresh(databases: Databases) -> Iterator[Database]:
    """A database of the test's own."""
    with databases.migrated() as database:
        database.set_revocation_wait(1000)
        yield database


class Night:
    """A clock, a sleep that ends early, and what the table said during it."""

    def __init__(self, database: Database) -> None:
        self.now = 0.0
        self.seen: list[tuple[int, int]] = []
        self._database = database

    def clock(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.seen.append(terms(self._database))
        self.now += max(seconds / 2, 0.1)

    def set(self, milliseconds: int) -> None:
        """Set R, and remember what the table says on the way."""
        set_revocation_wait(self._database.dsn(), milliseconds, clock=self.clock, sleep=self.sleep)


def terms(database: Database) -> tuple[int, int]:
    """Return what is granted and what is waited for, in milliseconds."""
    with database.connect() as connection:
        [row] = connection.execute("SELECT granted_ms, waited_ms FROM lease_terms").fetchall()
    return row["granted_ms"], row["waited_ms"]


def finding(database: Database, check: str) -> Finding:
    """Return what the doctor says of one subject."""
    found, _ = examine_database(database.dsn())
    assert tuple(each.check for each in found) == CHECKS
    return next(each for each in found if each.check == check)


@pytest.mark.parametrize("milliseconds", [0, 1, 999])
def test_it_is_lowered_in_two_steps(fresh: Database, milliseconds: int) -> None:
    """Nothing longer is granted first; nobody waits for less before the leases of the former R are over."""
    night = Night(fresh)
    night.set(milliseconds)
    assert terms(fresh) == (milliseconds, milliseconds)
    assert set(night.seen) == {(milliseconds, 1000)}
    assert night.now >= 1.0


@pytest.mark.parametrize("milliseconds", [1000, 1001, LONGEST_MS])
def test_it_rises_in_one_step(fresh: Database, milliseconds: int) -> None:
    """Who waits for longer than anything was granted waits for nothing in vain."""
    night = Night(fresh)
    night.set(milliseconds)
    assert terms(fresh) == (milliseconds, milliseconds)
    assert night.seen == []


@pytest.mark.parametrize("milliseconds", [200, 500, 700])
def test_a_change_that_was_interrupted_is_finished_by_the_next(fresh: Database, milliseconds: int) -> None:
    """Leases of the R before the last may still hold, so the longest wait is kept for once more."""
    with fresh.connect() as owner:
        owner.execute(SET_TERMS, (500, 1000))
    night = Night(fresh)
    night.set(milliseconds)
    assert set(night.seen) == {(milliseconds, 1000)}
    assert night.now >= 1.0
    assert terms(fresh) == (milliseconds, milliseconds)


@pytest.mark.parametrize(("granted", "waited"), [(1001, 1000), (-1, 1000), (0, LONGEST_MS + 1)])
def test_the_table_takes_no_terms_that_break_the_promise(fresh: Database, granted: int, waited: int) -> None:
    """Nobody can grant more than is waited for, or have calls wait until they are given up."""
    with fresh.connect() as owner, pytest.raises(CheckViolation):
        owner.execute(SET_TERMS, (granted, waited))


def test_the_command_sets_it(fresh: Database, tmp_path: Path) -> None:
    """The schema comes first, then R, which may be written in either unit."""
    command = Tallystick(tmp_path, {"MIGRATE_DSN": fresh.dsn()})
    ended = command("migrate", "--revocation-wait", "2s")
    assert (ended.status, ended.err) == (0, "")
    assert ended.out.splitlines()[-1] == "a revocation takes 2000 ms"
    assert terms(fresh) == (2000, 2000)
    assert finding(fresh, "revocation").outcome is Outcome.OK
    assert "2000 ms" in finding(fresh, "revocation").message


@pytest.mark.parametrize("arguments", [("6s",), ("1",), ("soon",), ("1s", "--wait")])
def test_a_wrong_one_changes_nothing(fresh: Database, tmp_path: Path, arguments: tuple[str, ...]) -> None:
    """What is no duration, too long or contradictory is a wrong call."""
    command = Tallystick(tmp_path, {"MIGRATE_DSN": fresh.dsn()})
    assert command("migrate", "--revocation-wait", *arguments).status == 2
    assert terms(fresh) == (1000, 1000)


def test_the_doctor_says_how_long_a_revocation_takes(fresh: Database) -> None:
    """R, none, and one that somebody began to lower."""
    assert "1000 ms" in finding(fresh, "revocation").message
    fresh.set_revocation_wait(0)
    assert (finding(fresh, "revocation").outcome, "at once" in finding(fresh, "revocation").message) == (
        Outcome.OK,
        True,
    )
    with fresh.connect() as owner:
        owner.execute(SET_TERMS, (100, 900))
    assert finding(fresh, "revocation").outcome is Outcome.WARN


def test_the_doctor_says_nothing_of_it_without_schema(databases: Databases) -> None:
    """What is not there is not examined."""
    with databases.empty() as database:
        assert finding(database, "revocation").outcome is Outcome.SKIPPED
        assert finding(database, "durability").outcome is Outcome.SKIPPED


def test_the_doctor_warns_of_commits_that_are_answered_too_early(fresh: Database) -> None:
    """A login, or one of our roles, that does not wait for the disk makes a warning."""
    assert finding(fresh, "durability").outcome is Outcome.OK
    with psycopg.connect(fresh.dsn(), options="-c synchronous_commit=off") as hasty:
        assert examine_durability(hasty, list(ROLES)).outcome is Outcome.WARN
    with psycopg.connect(fresh.dsn()) as connection:
        # The role is everybody's, so what is said of it here is taken back.
        connection.execute("ALTER ROLE tallystick_token SET synchronous_commit = off")
        found = examine_durability(connection, list(ROLES))
        connection.rollback()
    assert found.outcome is Outcome.WARN
    assert "tallystick_token" in found.message
