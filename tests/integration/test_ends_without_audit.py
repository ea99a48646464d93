"""What ends something does not wait for the audit: without a partition for today it ends, and only the log tells."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from secrets import token_bytes
from uuid import uuid4

import pytest
from structlog.testing import capture_logs
from structlog.typing import EventDict

from services.authorize.adapters.postgres_account import PostgresAccount
from services.authorize.adapters.postgres_ended_sessions import PostgresEndedSessions
from services.token.adapters.postgres_token_revocations import PostgresTokenRevocations
from services.token.adapters.postgres_tokens import PostgresAccessTokens
from services.token.model import AccessTokenRecord
from tallystick.oauth2.opaque_token import bucket_of
from tallystick.runtime.audit_event import AuditEvent, EventKind
from tallystick.runtime.postgres import AsyncPostgres, NoPartition
from tests.integration.introspect.rows import Rows
from tests.support.databases import Database


@pytest.fixture(scope="module")
def untold(database: Database) -> Database:
    """A database that has no partition for the events of today."""
    with database.connect() as owner:
        owner.execute(f"DROP TABLE partitions.audit_events_{int(datetime.now(UTC).timestamp()) // 86400}")
    return database


@pytest.fixture
async def authorize(untold: Database) -> AsyncIterator[AsyncPostgres]:
    postgres = AsyncPostgres(untold.dsn("tallystick_authorize"), name="authorize", size=2)
    await postgres.open()
    yield postgres
    await postgres.close()


@pytest.fixture
async def token(untold: Database) -> AsyncIterator[AsyncPostgres]:
    postgres = AsyncPostgres(untold.dsn("tallystick_token"), name="token", size=2)
    await postgres.open()
    yield postgres
    await postgres.close()


def lost(logs: list[EventDict]) -> list[str]:
    """Return the events that only the log has."""
    return [line["lost"]["event"] for line in logs if line["event"] == "audit_event_lost"]


async def test_a_token_of_a_clients_own_is_revoked(untold: Database, token: AsyncPostgres) -> None:
    """A token without grant is over, is to be read again, and is revoked once (RFC 7009 §2.1)."""
    with untold.connect() as owner:
        rows = Rows(owner)
        issued = rows.access_token(rows.client("photos.read"), "photos.read", audience="https://photos.example")
        revocations = PostgresTokenRevocations(token)
        with capture_logs() as logs:
            assert await revocations.revoke(issued, AuditEvent(EventKind.TOKEN_REVOKED))
            assert not await revocations.revoke(issued, AuditEvent(EventKind.TOKEN_REVOKED))
        found = await revocations.find(issued)
        logged = owner.execute("SELECT kind FROM invalidations WHERE key = %s", (issued.digest.hex(),)).fetchall()
    assert found is not None
    assert (found.over, logged) == (True, [{"kind": "token"}])
    assert lost(logs)[0] == "token_revoked"


async def test_a_consent_is_withdrawn(untold: Database, authorize: AsyncPostgres) -> None:
    """What a user withdraws is gone, and is to be read again (REFR-07)."""
    with untold.connect() as owner:
        rows = Rows(owner)
        grant = rows.grant(rows.client("photos.read"), "photos.read")
        of = (grant.user.user_id, grant.client.client_id)
        owner.execute("UPDATE consents SET scopes = '{photos.read}', scope_versions = '{1}'")
        with capture_logs() as logs:
            await PostgresAccount(authorize, "authorize").withdraw(*of)
        [consent] = owner.execute(
            "SELECT scopes, epoch FROM consents WHERE (user_id, client_id) = (%s, %s)", of
        ).fetchall()
        logged = owner.execute("SELECT kind FROM invalidations WHERE key = %s || '/' || %s", of).fetchall()
    assert (consent, logged) == ({"scopes": [], "epoch": 1}, [{"kind": "consent"}])
    assert lost(logs) == ["consent_withdrawn"]


async def test_a_session_is_ended(authorize: AsyncPostgres) -> None:
    """Whoever signs out is signed out."""
    sessions, session = PostgresEndedSessions(authorize, "authorize"), token_bytes(32)
    with capture_logs() as logs:
        await sessions.end(session, AuditEvent(EventKind.SIGNED_OUT), seconds=60)
    found = await authorize.one("SELECT 1 AS ended FROM ended_sessions WHERE digest = %(d)s", {"d": session})
    assert found == {"ended": 1}
    assert lost(logs) == ["signed_out"]


async def test_nothing_is_issued(untold: Database, token: AsyncPostgres) -> None:
    """What gives access is not done when it cannot be told (OPS-04)."""
    now = datetime.now(UTC)
    expires_at = now + timedelta(minutes=10)
    with untold.connect() as owner:
        Rows(owner).partition(bucket_of(expires_at))
    record = AccessTokenRecord(
        bucket_of(expires_at), token_bytes(32), None, uuid4().hex, 0, ("photos.read",), "a", now, expires_at
    )
    with pytest.raises(NoPartition):
        await PostgresAccessTokens(token).keep(record, AuditEvent(EventKind.TOKEN_ISSUED))
    kept = await token.one("SELECT 1 AS kept FROM access_tokens WHERE digest = %(d)s", {"d": record.digest})
    assert kept is None
