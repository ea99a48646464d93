"""A grant store and the world around it, in memory and in Postgres, so that one suite holds for both."""

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import LiteralString, Protocol
from uuid import UUID, uuid4

from psycopg import AsyncConnection
from psycopg.rows import DictRow, dict_row

from services.token.adapters.postgres_families import PostgresFamilies
from services.token.adapters.postgres_grant_records import PostgresGrantRecords
from services.token.adapters.postgres_grants import PostgresGrants
from services.token.adapters.postgres_partitions import PostgresPartitions
from services.token.adapters.postgres_tokens import PostgresAccessTokens
from services.token.partition_plan import ACCESS_TOKENS
from services.token.partitions import PartitionKeeper
from services.token.ports import AccessTokens, GrantRecords, Grants, RefreshFamilies
from tallystick.runtime.audit_event import AuditEvent, EventKind, Outcome
from tallystick.runtime.postgres import AsyncPostgres
from tests.fakes.grants import FakeGrantStore, Party
from tests.support.databases import Database


@dataclass(frozen=True, slots=True)
class Couple:
    """A client that may refresh, and a user who consented to it; all epochs are 0."""

    client_id: str
    user_id: UUID


def new_couple() -> Couple:
    """Draw ids for a couple."""
    return Couple("".join(secrets.choice("abcdefghijklmnopqrstuvwxyz234567") for _ in range(26)), uuid4())


class World(Protocol):
    """A grant store, and what a test does to the rows around it."""

    @property
    def grants(self) -> Grants: ...
    @property
    def families(self) -> RefreshFamilies: ...
    @property
    def records(self) -> GrantRecords: ...
    @property
    def access_tokens(self) -> AccessTokens: ...

    def now(self) -> datetime:
        """Return the store's time."""

    async def couple(self) -> Couple:
        """Register a client and a user with a consent."""

    async def disable_client(self, couple: Couple) -> None: ...
    async def raise_client_epoch(self, couple: Couple) -> None: ...
    async def delete_client(self, couple: Couple) -> None: ...
    async def disable_user(self, couple: Couple) -> None: ...
    async def raise_user_epoch(self, couple: Couple) -> None: ...
    async def delete_user(self, couple: Couple) -> None: ...
    async def withdraw_consent(self, couple: Couple) -> None: ...
    async def delete_consent(self, couple: Couple) -> None: ...

    async def pass_time(self, grant_id: UUID, by: timedelta) -> None:
        """Make everything about one grant older, which is what waiting would do."""

    async def tokens_of(self, grant_id: UUID) -> set[bytes]:
        """Return the digests of the access tokens that were kept for a grant."""

    async def invalidations_of(self, grant_id: UUID) -> int:
        """Count how often the log says that a grant must be read again."""

    async def events_of(self, grant_id: UUID) -> list[AuditEvent]:
        """Return what was told of a grant, oldest first."""

    async def events_of_client(self, client_id: str) -> list[AuditEvent]:
        """Return what was told of a client, oldest first."""


class FakeWorld:
    """The world of the fake."""

    def __init__(self) -> None:
        self._store = FakeGrantStore(now=datetime.now(UTC))
        self.grants = self.families = self.records = self.access_tokens = self._store

    def now(self) -> datetime:
        return self._store.now

    async def couple(self) -> Couple:
        couple = new_couple()
        self._store.clients[couple.client_id] = Party()
        self._store.users[couple.user_id] = Party()
        self._store.consents[couple.user_id, couple.client_id] = Party()
        return couple

    async def disable_client(self, couple: Couple) -> None:
        self._store.clients[couple.client_id].enabled = False

    async def raise_client_epoch(self, couple: Couple) -> None:
        self._store.clients[couple.client_id].epoch += 1

    async def delete_client(self, couple: Couple) -> None:
        del self._store.clients[couple.client_id]

    async def disable_user(self, couple: Couple) -> None:
        self._store.users[couple.user_id].enabled = False

    async def raise_user_epoch(self, couple: Couple) -> None:
        self._store.users[couple.user_id].epoch += 1

    async def delete_user(self, couple: Couple) -> None:
        del self._store.users[couple.user_id]

    async def withdraw_consent(self, couple: Couple) -> None:
        self._store.consents[couple.user_id, couple.client_id].epoch += 1

    async def delete_consent(self, couple: Couple) -> None:
        del self._store.consents[couple.user_id, couple.client_id]

    async def pass_time(self, grant_id: UUID, by: timedelta) -> None:
        self._store.pass_time(grant_id, by)

    async def tokens_of(self, grant_id: UUID) -> set[bytes]:
        return {digest for digest, token in self._store.tokens.items() if token.grant_id == grant_id}

    async def invalidations_of(self, grant_id: UUID) -> int:
        return self._store.invalidations.count(("grant", str(grant_id)))

    async def events_of(self, grant_id: UUID) -> list[AuditEvent]:
        return [event for event in self._store.events if event.grant_id == grant_id]

    async def events_of_client(self, client_id: str) -> list[AuditEvent]:
        return [event for event in self._store.events if event.client_id == client_id]


_ADD_CLIENT: LiteralString = """
INSERT INTO clients (client_id, name, version, client_type, application_type, redirect_uris, grant_types,
    token_endpoint_auth_method)
VALUES (%(client_id)s, %(client_id)s, '1', 'public', 'web', '{https://client.example/callback}',
    '{authorization_code,refresh_token}', 'none')
"""
_ADD_USER: LiteralString = (
    "INSERT INTO users (user_id, username, password_hash) VALUES (%(user_id)s, %(user_id)s::text, '$argon2id$')"
)
_ADD_CONSENT: LiteralString = """
INSERT INTO consents (user_id, client_id, scopes, scope_versions, redirect_uri)
VALUES (%(user_id)s, %(client_id)s, '{photos.read}', '{1}', 'https://client.example/callback')
"""
_PASS_TIME: LiteralString = """
UPDATE grants SET
    created_at = created_at - %(by)s::interval,
    refresh_idle_expires_at = refresh_idle_expires_at - %(by)s::interval,
    refresh_expires_at = refresh_expires_at - %(by)s::interval,
    rotated_at = ARRAY(SELECT at - %(by)s::interval FROM unnest(rotated_at) WITH ORDINALITY AS r (at, n) ORDER BY n)
WHERE grant_id = %(grant_id)s
"""
_EVENTS: LiteralString = """
SELECT event, outcome, actor, client_id, user_id, grant_id, error, detail, attributes, service
FROM audit_events WHERE grant_id = %(grant_id)s OR client_id = %(client_id)s
ORDER BY occurred_at, event = 'grant_ended', event_id
"""


class PostgresWorld:
    """The world of Postgres: the store acts as token does, the test as the owner."""

    def __init__(self, postgres: AsyncPostgres, owner: AsyncConnection[DictRow]) -> None:
        self.grants, self.families = PostgresGrants(postgres), PostgresFamilies(postgres)
        self.records = PostgresGrantRecords(postgres)
        self.access_tokens = PostgresAccessTokens(postgres)
        self._owner = owner

    def now(self) -> datetime:
        return datetime.now(UTC)

    async def couple(self) -> Couple:
        couple = new_couple()
        for statement in (_ADD_CLIENT, _ADD_USER, _ADD_CONSENT):
            await self._change(couple, statement)
        return couple

    async def disable_client(self, couple: Couple) -> None:
        await self._change(couple, "UPDATE clients SET enabled = false WHERE client_id = %(client_id)s")

    async def raise_client_epoch(self, couple: Couple) -> None:
        await self._change(couple, "UPDATE clients SET epoch = epoch + 1 WHERE client_id = %(client_id)s")

    async def delete_client(self, couple: Couple) -> None:
        await self._change(couple, "DELETE FROM clients WHERE client_id = %(client_id)s")

    async def disable_user(self, couple: Couple) -> None:
        await self._change(couple, "UPDATE users SET enabled = false WHERE user_id = %(user_id)s")

    async def raise_user_epoch(self, couple: Couple) -> None:
        await self._change(couple, "UPDATE users SET epoch = epoch + 1 WHERE user_id = %(user_id)s")

    async def delete_user(self, couple: Couple) -> None:
        await self._change(couple, "DELETE FROM users WHERE user_id = %(user_id)s")

    async def withdraw_consent(self, couple: Couple) -> None:
        await self._change(
            couple, "UPDATE consents SET epoch = epoch + 1 WHERE (user_id, client_id) = (%(user_id)s, %(client_id)s)"
        )

    async def delete_consent(self, couple: Couple) -> None:
        await self._change(couple, "DELETE FROM consents WHERE (user_id, client_id) = (%(user_id)s, %(client_id)s)")

    async def pass_time(self, grant_id: UUID, by: timedelta) -> None:
        await self._owner.execute(_PASS_TIME, {"grant_id": grant_id, "by": by})

    async def tokens_of(self, grant_id: UUID) -> set[bytes]:
        found = await self._owner.execute("SELECT digest FROM access_tokens WHERE grant_id = %s", (grant_id,))
        return {row["digest"] for row in await found.fetchall()}

    async def invalidations_of(self, grant_id: UUID) -> int:
        statement = "SELECT key FROM invalidations WHERE kind = 'grant' AND key = %s::uuid::text"
        return len(await (await self._owner.execute(statement, (grant_id,))).fetchall())

    async def events_of(self, grant_id: UUID) -> list[AuditEvent]:
        return await self._events({"grant_id": grant_id, "client_id": None})

    async def events_of_client(self, client_id: str) -> list[AuditEvent]:
        return await self._events({"grant_id": None, "client_id": client_id})

    async def _events(self, values: dict[str, object]) -> list[AuditEvent]:
        rows = await (await self._owner.execute(_EVENTS, values)).fetchall()
        assert {row.pop("service") for row in rows} <= {"token"}
        return [
            AuditEvent(kind=EventKind(row.pop("event")), outcome=Outcome(row.pop("outcome")), **row) for row in rows
        ]

    async def _change(self, couple: Couple, statement: LiteralString) -> None:
        values = {"client_id": couple.client_id, "user_id": couple.user_id}
        changed = await self._owner.execute(statement, values)
        assert changed.rowcount == 1


@asynccontextmanager
async def postgres_world(database: Database) -> AsyncIterator[PostgresWorld]:
    """Give a world over a migrated database, with partitions."""
    postgres = AsyncPostgres(database.dsn("tallystick_token"), name="token", size=10)
    await postgres.open()
    try:
        partitions = PostgresPartitions(postgres, database.dsn("tallystick_partitions"), ACCESS_TOKENS)
        await PartitionKeeper(partitions, interval_seconds=300, start_seconds=30).prepare()
        owner = await AsyncConnection.connect(database.dsn(), autocommit=True, row_factory=dict_row)
        async with owner:
            yield PostgresWorld(postgres, owner)
    finally:
        await postgres.close()
