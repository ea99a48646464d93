"""Who asks: one path by which the token and the revocation endpoint know their clients (RFC 6749 §2.3)."""

from dataclasses import dataclass
from datetime import datetime

from services.token.model import Client
from services.token.ports import Clients, Finality
from tallystick.oauth2.client_authentication import (
    ClientDisabled,
    PresentedCredentials,
    UnknownClient,
    authenticate,
    presented_credentials,
)
from tallystick.oauth2.errors import InvalidClient
from tallystick.oauth2.parameters import Parameters
from tallystick.runtime import client_address
from tallystick.runtime.failure_throttle import FailureThrottle


@dataclass(frozen=True, slots=True)
class Asking:
    """Whom a request says it comes from, before anybody has looked whether that is true.

    `client` is None when none is registered under that name; `now` is Postgres's time, by which the request is judged.
    """

    presented: PresentedCredentials
    client: Client | None
    now: datetime


class ClientAuthentication:
    """Finds and authenticates the client behind a request, and counts those that turn out to be somebody else."""

    def __init__(self, clients: Clients, throttle: FailureThrottle, finality: Finality) -> None:
        self._clients = clients
        self._throttle = throttle
        self._finality = finality

    async def asking(self, parameters: Parameters, authorization: str | None) -> Asking:
        """Return whom a form and its `Authorization` header name; raise `InvalidClient` or `InvalidRequest`."""
        presented = presented_credentials(authorization, parameters)
        lookup = await self._clients.find(presented.client_id)
        return Asking(presented, lookup.client, lookup.now)

    async def authenticated(self, asking: Asking) -> Client:
        """Return the client if the request is its own; raise `InvalidClient`, or `TooManyFailures` after many of them.

        A public client passes by its id alone, which proves nothing. A client that learns that it was disabled is told
        no earlier than whoever disabled it.
        """
        try:
            authenticate(asking.presented, asking.client, now=asking.now)
        except InvalidClient as refused:
            self._throttle.failed(asking.presented.client_id, client_address.current_network())
            if isinstance(refused, ClientDisabled):
                await self._finality.until_final()
            raise
        if asking.client is None:
            raise UnknownClient("client authentication failed", detail="unknown client")
        return asking.client
