"""The client behind an interaction, as it is now: minutes may pass between the request and a person's answer."""

from services.authorize.errors import ShownHere
from services.authorize.model import Client
from services.authorize.pages.error_kind import ErrorKind
from services.authorize.ports import ClientDirectory
from services.authorize.request import AuthorizationRequest
from tallystick.oauth2.redirect_uri import matching


class AskingClient:
    """Finds the client that asks."""

    def __init__(self, clients: ClientDirectory) -> None:
        self._clients = clients

    async def find(self, request: AuthorizationRequest) -> Client:
        """Return the client; raise `ShownHere` when it or its redirect URI is not to be trusted any more."""
        client = await self._clients.find(request.client_id)
        if client is None or not client.enabled:
            raise ShownHere(ErrorKind.UNTRUSTED_REQUEST, detail="the client has been disabled meanwhile")
        if not matching(client.redirect_uris, request.redirect_uri, client.application_type):
            raise ShownHere(ErrorKind.UNTRUSTED_REQUEST, detail="the redirect URI has been taken away meanwhile")
        return client
