"""The end of a grant waits for nobody who holds a lock and is frozen."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from uuid import uuid4

import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from services.token.adapters.postgres_grants import PostgresGrants
from services.token.model import EndReason
from tallystick.runtime.failures import Unavailable
from tallystick.runtime.postgres import AsyncPostgres
from tests.support.databases import Database

_ADD_GRANT = """
INSERT INTO grants (grant_id, code_id, code_digest, redemption_id, client_id, user_id, scopes, redirect_uri,
    redirect_uri_sent, client_epoch, user_epoch, consent_epoch)
VALUES (%(grant_id)s, %(grant_id)s::text, sha256('c'), gen_random_uuid(), 'c', gen_random_uuid(), '{}', 'u', true,
    0, 0, 0)
"""


@dataclass(slots=True)
class Relay:
    """Carries what a client and a server say, until the client writes the log: from then on it hears no answer."""

    host: str
    port: int
    silent: asyncio.Event = field(default_factory=asyncio.Event)

    @asynccontextmanager
    async def open(self) -> AsyncIterator[int]:
        """Listen, and give the port."""
        async with await asyncio.start_server(self._serve, "127.0.0.1", 0) as server:
            yield server.sockets[0].getsockname()[1]

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        from_server, to_server = await asyncio.open_connection(self.host, self.port)
        answers = asyncio.create_task(self._answer(from_server, writer))
        try:
            while octets := await reader.read(65536):
                if b"INSERT INTO invalidations" in octets:
                    self.silent.set()
                to_server.write(octets)
                await to_server.drain()
        finally:
            answers.cancel()
            to_server.close()
            writer.close()

    async def _answer(self, from_server: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while octets := await from_server.read(65536):
            if not self.silent.is_set():
                writer.write(octets)
                await writer.drain()


async def test_the_log_waits_for_no_replica(database: Database) -> None:
    """A replica that hears nothing after writing the log has committed already, and holds no lock (promise 4)."""
    grant_id = uuid4()
    parts = conninfo_to_dict(database.dsn("tallystick_token"))
    relay = Relay(str(parts["host"]), int(str(parts.get("port") or 5432)))
    with database.connect() as owner:
        owner.execute(_ADD_GRANT, {"grant_id": grant_id})
        async with relay.open() as port:
            dsn = make_conninfo(database.dsn("tallystick_token"), host="127.0.0.1", port=port, sslmode="disable")
            postgres = AsyncPostgres(dsn, name="token", size=1)
            await postgres.open()
            try:
                with pytest.raises(Unavailable):
                    await PostgresGrants(postgres).end(grant_id, EndReason.REVOKED_BY_OPERATOR)
            finally:
                await postgres.close()
        assert relay.silent.is_set()
        logged = "SELECT key FROM invalidations WHERE kind = 'grant' AND key = %s::uuid::text"
        assert len(owner.execute(logged, (grant_id,)).fetchall()) == 1
