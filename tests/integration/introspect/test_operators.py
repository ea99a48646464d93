"""Operators, as introspect knows them."""

import secrets
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import timedelta

import pytest

from tallystick.oauth2.opaque_token import CredentialType, digest, new_credential
from tallystick.runtime.callers import Caller, CallerKind
from tallystick.runtime.failures import Unauthenticated, Unavailable
from tallystick.runtime.operator_credentials import Operators
from tallystick.runtime.postgres import SyncPostgres
from tests.integration.introspect.conftest import ROLE
from tests.integration.introspect.rows import Rows
from tests.support.databases import Database

_MOST_AT_ONCE = 4

INSERT_OPERATOR = """
INSERT INTO operators (name, digest, role, expires_at, revoked_at)
VALUES (%(name)s, %(digest)s, %(role)s, clock_timestamp() + %(lasts)s, CASE WHEN %(revoked)s THEN now() END)
"""
COUNT_WAITING = "SELECT count(*) AS waiting FROM pg_locks WHERE relation = 'operators'::regclass AND NOT granted"


@pytest.fixture(scope="module")
def operators(database: Database) -> Iterator[Operators]:
    """Looks operators up with the rights of introspect."""
    with closing(SyncPostgres(database.dsn(ROLE), name="introspect", size=8)) as postgres:
        postgres.open()
        yield Operators(postgres)


def add(rows: Rows, role: str, *, lasts: timedelta | None = None, revoked: bool = False) -> tuple[str, str]:
    """Add an operator and return name and credential."""
    name, credential = f"the-{secrets.token_hex(4)}", new_credential(CredentialType.OPERATOR, secrets.token_bytes(32))
    rows.execute(INSERT_OPERATOR, name=name, digest=digest(credential), role=role, lasts=lasts, revoked=revoked)
    return name, credential


@pytest.mark.parametrize("kind", [CallerKind.VIEWER, CallerKind.ADMIN])
def test_an_operator_is_known_by_its_credential(operators: Operators, rows: Rows, kind: CallerKind) -> None:
    """Name and role are what the database says (GRPC-01)."""
    name, credential = add(rows, kind.value, lasts=timedelta(hours=1))
    assert operators.identify(credential) == Caller(kind, name)


def test_a_credential_that_works_no_more(operators: Operators, rows: Rows) -> None:
    """Expired, revoked and invented credentials are nobody's (GRPC-01)."""
    _, expired = add(rows, "admin", lasts=timedelta(seconds=-1))
    _, revoked = add(rows, "admin", revoked=True)
    for credential in (expired, revoked, new_credential(CredentialType.OPERATOR, b"x" * 32)):
        with pytest.raises(Unauthenticated):
            operators.identify(credential)


def test_few_threads_wait_for_operators(operators: Operators, rows: Rows, database: Database) -> None:
    """However many strangers pose as operators, most threads stay free for resource servers."""
    name, credential = add(rows, "viewer")
    with ThreadPoolExecutor(_MOST_AT_ONCE) as threads, database.connect() as owner, database.connect() as watcher:
        with owner.transaction():
            owner.execute("LOCK TABLE operators IN ACCESS EXCLUSIVE MODE")
            asked = [threads.submit(operators.identify, credential) for _ in range(_MOST_AT_ONCE)]
            while [row["waiting"] for row in watcher.execute(COUNT_WAITING)] != [_MOST_AT_ONCE]:
                assert not any(each.done() for each in asked)
            with pytest.raises(Unavailable):
                operators.identify(credential)
        assert {each.result().name for each in asked} == {name}
    assert operators.identify(credential).name == name
