"""A grant's timeline, read from the audit in Postgres (`services.token.adapters.postgres_timeline`)."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
import pytest_asyncio
from psycopg import AsyncConnection
from structlog.testing import capture_logs

from services.token.adapters.postgres_grant_records import GET_GRANT
from services.token.adapters.postgres_grants import PostgresGrants
from services.token.adapters.postgres_timeline import FIND_EVENTS, PostgresGrantTimelines
from services.token.events import Actor, grant_ended
from services.token.model import EndReason, GrantParties, GrantRecord
from tallystick.runtime.postgres import AsyncPostgres
from tests.support.databases import Database

NOW = datetime.now(UTC)
_ADD_EVENT = """
INSERT INTO audit_events (day, event_id, occurred_at, service, event, outcome, client_id, user_id, grant_id, attributes)
VALUES (floor(extract(epoch FROM %(at)s::timestamptz) / 86400), gen_random_uuid(), %(at)s, 'authorize', %(event)s,
    'success', %(client_id)s, %(user_id)s, %(grant_id)s, '{"generation": "1"}')
"""
_ADD_DAY = "CREATE TABLE partitions.audit_events_{0} PARTITION OF audit_events FOR VALUES IN ({0})"
_ADD_GRANT = """
INSERT INTO grants (grant_id, code_id, code_digest, redemption_id, client_id, user_id, scopes, redirect_uri,
    redirect_uri_sent, client_epoch, user_epoch, consent_epoch)
VALUES (%(grant_id)s, %(grant_id)s::text, sha256('c'), gen_random_uuid(), 'c', gen_random_uuid(), '{}', 'u', true,
    0, 0, 0)
"""


class Audit:
    """The audit of a database, and a reader of it."""

    def __init__(self, owner: AsyncConnection, timelines: PostgresGrantTimelines) -> None:
        self._owner = owner
        self._timelines = timelines

    async def add(
        self,
        event: str,
        minutes: float = 0,
        *,
        client_id: str | None = None,
        user_id: UUID | None = None,
        grant_id: UUID | None = None,
    ) -> None:
        """Add an event of so many minutes from now."""
        values = {"event": event, "client_id": client_id, "user_id": user_id, "grant_id": grant_id}
        await self._owner.execute(_ADD_EVENT, {**values, "at": NOW + timedelta(minutes=minutes)})

    async def told(self, grant: GrantRecord, limit: int = 1000) -> list[str]:
        """Return the events of a timeline."""
        return [event.event for event in await self._timelines.of(grant, limit=limit)]

    async def plan(self, statement: str, values: dict[str, object]) -> str:
        """Return how a statement is run where no table is small enough to be read from end to end."""
        await self._owner.execute("SET enable_seqscan = off")
        found = await self._owner.execute("EXPLAIN (COSTS OFF) " + statement, values)
        return "\n".join(str(line) for (line,) in await found.fetchall())


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def audit(database: Database) -> AsyncIterator[Audit]:
    postgres = AsyncPostgres(database.dsn("tallystick_token"), name="token", size=2)
    await postgres.open()
    try:
        owner = await AsyncConnection.connect(database.dsn(), autocommit=True)
        async with owner:
            yesterday = int(NOW.timestamp()) // 86400 - 1
            await owner.execute(_ADD_DAY.format(yesterday))
            yield Audit(owner, PostgresGrantTimelines(postgres))
    finally:
        await postgres.close()


def new_grant() -> GrantRecord:
    """Return a grant that was made now."""
    return GrantRecord(
        grant_id=uuid4(),
        client_id=uuid4().hex,
        user_id=uuid4(),
        scopes=("photos.read",),
        created_at=NOW,
        refreshed_at=None,
        refresh_generation=None,
        refresh_limit_left=None,
        refresh_expires_at=None,
        ended_at=None,
        end_reason=None,
        live=True,
    )


async def test_a_grants_own_events_come_oldest_first(audit: Audit) -> None:
    """Whatever names the grant belongs to its story, back to before it was made, and an end follows its cause."""
    grant = new_grant()
    for event, minutes in (("grant_ended", 5), ("refresh_reused", 5), ("refreshed", 3), ("code_issued", -1)):
        await audit.add(event, minutes, grant_id=grant.grant_id, client_id=grant.client_id, user_id=grant.user_id)
    await audit.add("token_issued", 1, grant_id=uuid4(), client_id=grant.client_id, user_id=grant.user_id)
    assert await audit.told(grant) == ["code_issued", "refreshed", "refresh_reused", "grant_ended"]


@pytest.mark.parametrize(
    "event",
    [
        "client_updated",
        "client_enabled",
        "client_disabled",
        "client_deleted",
        "client_secret_rotated",
        "client_revoked",
    ],
)
async def test_what_happens_to_the_client_is_told(audit: Audit, event: str) -> None:
    """What suspends, restores or ends the client is part of the story since the grant was made; others' is not."""
    grant = new_grant()
    await audit.add(event, -1, client_id=grant.client_id)
    await audit.add(event, 1, client_id="another")
    assert await audit.told(grant) == []
    await audit.add(event, 1, client_id=grant.client_id)
    assert await audit.told(grant) == [event]


@pytest.mark.parametrize("event", ["user_enabled", "user_disabled", "user_deleted", "user_password_set"])
async def test_what_happens_to_the_user_is_told(audit: Audit, event: str) -> None:
    """What suspends, restores or ends the user is part of the story since the grant was made; others' is not."""
    grant = new_grant()
    await audit.add(event, -1, user_id=grant.user_id)
    await audit.add(event, 1, user_id=uuid4())
    assert await audit.told(grant) == []
    await audit.add(event, 1, user_id=grant.user_id)
    assert await audit.told(grant) == [event]


async def test_a_withdrawn_consent_is_told_of_both(audit: Audit) -> None:
    """A withdrawal counts only for this user and this client, and once though it names the grant (REFR-07)."""
    grant = new_grant()
    await audit.add("consent_withdrawn", 1, user_id=grant.user_id, client_id="another")
    await audit.add("consent_withdrawn", 1, user_id=uuid4(), client_id=grant.client_id)
    assert await audit.told(grant) == []
    await audit.add("consent_withdrawn", 2, user_id=grant.user_id, client_id=grant.client_id)
    assert await audit.told(grant) == ["consent_withdrawn"]
    await audit.add("consent_withdrawn", 3, user_id=grant.user_id, client_id=grant.client_id, grant_id=grant.grant_id)
    assert await audit.told(grant) == ["consent_withdrawn"] * 2


async def test_other_events_of_client_and_user_are_not_told(audit: Audit) -> None:
    """Other grants' tokens, sign-ins and the client's own tokens are no part of the story."""
    grant = new_grant()
    for event in ("token_issued", "token_refused", "signed_in", "consent_given", "client_created", "user_created"):
        await audit.add(event, 1, client_id=grant.client_id, user_id=grant.user_id)
    assert await audit.told(grant) == []


async def test_of_a_long_story_the_newest_is_told(audit: Audit) -> None:
    """The limit holds for all parts together and leaves out the oldest."""
    grant = new_grant()
    for minutes in range(5):
        await audit.add("refreshed", minutes, grant_id=grant.grant_id)
    await audit.add("user_disabled", 3.5, user_id=grant.user_id)
    assert await audit.told(grant, 3) == ["refreshed", "user_disabled", "refreshed"]


async def test_an_end_that_cannot_be_told_is_an_end(database: Database) -> None:
    """Without a partition for its events a grant ends all the same, for all to hear, and the log tells why (OPS-04)."""
    partition = f"partitions.audit_events_{int(datetime.now(UTC).timestamp()) // 86400}"
    grant_id = uuid4()
    parties = GrantParties("c", uuid4())
    events = grant_ended(grant_id, parties, EndReason.REVOKED_BY_OPERATOR, actor=Actor("operator:test"))
    postgres = AsyncPostgres(database.dsn("tallystick_token"), name="token", size=2)
    await postgres.open()
    try:
        grants = PostgresGrants(postgres)
        with database.connect() as owner:
            owner.execute(_ADD_GRANT, {"grant_id": grant_id})
            owner.execute(f"ALTER TABLE audit_events DETACH PARTITION {partition}")
            with capture_logs() as logs:
                assert await grants.end(grant_id, EndReason.REVOKED_BY_OPERATOR, *events)
                assert not await grants.end(grant_id, EndReason.REVOKED_BY_OPERATOR, *events)
            lost = [line["lost"] for line in logs if line["event"] == "audit_event_lost"]
            assert [(row["event"], row["grant_id"], row["actor"]) for row in lost] == [
                ("grant_ended", str(grant_id), "operator:test")
            ]
            row = owner.execute("SELECT end_reason FROM grants WHERE grant_id = %s", (grant_id,)).fetchone()
            log = owner.execute("SELECT kind FROM invalidations WHERE key = %s::uuid::text", (grant_id,)).fetchall()
            assert (row, log) == ({"end_reason": "revoked_by_operator"}, [{"kind": "grant"}])
            day = partition.rpartition("_")[2]
            owner.execute(f"ALTER TABLE audit_events ATTACH PARTITION {partition} FOR VALUES IN ({day})")
    finally:
        await postgres.close()


async def test_each_part_is_found_by_its_index(audit: Audit) -> None:
    """No part of the timeline, and no question whether a grant lives, reads more than it needs."""
    grant = new_grant()
    values: dict[str, object] = {
        "grant_id": grant.grant_id,
        "client_id": grant.client_id,
        "user_id": grant.user_id,
        "since": grant.created_at,
        "first_day": int(grant.created_at.timestamp()) // 86400,
        "limit": 1000,
    }
    plan = await audit.plan(FIND_EVENTS, values)
    assert "Seq Scan" not in plan
    for index in ("grant_id_occurred_at", "client_id_occurred_at_idx1", "user_id_occurred_at_idx1"):
        assert index in plan, plan
    assert "audit_events" not in await audit.plan(GET_GRANT, values)


async def test_days_before_the_grant_are_not_looked_at(audit: Audit) -> None:
    """Events older than the code can be belong to nobody's story."""
    grant = replace(new_grant(), created_at=NOW + timedelta(days=3))
    await audit.add("code_issued", -1, grant_id=grant.grant_id)
    assert await audit.told(grant) == []
