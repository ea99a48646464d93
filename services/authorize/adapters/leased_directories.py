"""Clients and resources: from memory while a lease holds."""

from collections.abc import Collection

from services.authorize.adapters.postgres_clients import PostgresClients
from services.authorize.adapters.postgres_resources import PostgresResources
from services.authorize.model import Client
from tallystick.runtime.lease.leased_reads import LeasedReads, Log
from tallystick.runtime.lease.view import POLICY

# How many clients are remembered; one may have a logo of 64 KiB.
_ROOM_FOR_CLIENTS = 250
# How many combinations of resources.
_ROOM_FOR_RESOURCES = 1000


class LeasedClients:
    """Implements `ClientDirectory`.

    A disabled client is read again each time, so that it can act as soon as it is enabled.
    """

    def __init__(self, clients: PostgresClients, log: Log) -> None:
        self._reads = LeasedReads[str, Client](
            clients.read,
            log,
            subjects=lambda client_id: frozenset({("client", client_id), POLICY}),
            is_passing=lambda _, client: not client.enabled,
            room=_ROOM_FOR_CLIENTS,
        )

    async def find(self, client_id: str) -> Client | None:
        """Return a client, enabled or not; None when there is none."""
        return (await self._reads.find(client_id)).found


class LeasedResources:
    """Implements `ResourceDirectory`.

    Only what is registered is remembered, so that a new resource is known at once.
    """

    def __init__(self, resources: PostgresResources, log: Log) -> None:
        self._reads = LeasedReads[frozenset[str], frozenset[str]](
            resources.read,
            log,
            subjects=lambda _: frozenset({POLICY}),
            is_passing=lambda asked, known: asked != known,
            room=_ROOM_FOR_RESOURCES,
        )

    async def known(self, identifiers: Collection[str]) -> frozenset[str]:
        """Return those identifiers that are registered."""
        return (await self._reads.find(frozenset(identifiers))).found or frozenset()
