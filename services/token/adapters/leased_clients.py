"""Clients, with their scopes and what these cover: from memory while a lease holds."""

from services.token.adapters.postgres_clients import PostgresClients
from services.token.model import Client, ClientLookup
from tallystick.runtime.lease.leased_reads import LeasedReads, Log
from tallystick.runtime.lease.view import POLICY

# How many are remembered; one takes a few kilobytes.
_ROOM = 5_000


class LeasedClients:
    """Implements `Clients`.

    A disabled client is read again each time, so that it can act as soon as it is enabled.
    """

    def __init__(self, clients: PostgresClients, log: Log) -> None:
        self._reads = LeasedReads[str, Client](
            clients.read,
            log,
            subjects=lambda client_id: frozenset({("client", client_id), POLICY}),
            is_passing=lambda _, client: not client.enabled,
            room=_ROOM,
        )

    async def find(self, client_id: str) -> ClientLookup:
        """Return a client with everything that a token request needs of it, as one statement told it."""
        answer = await self._reads.find(client_id)
        return ClientLookup(answer.now, answer.found)
