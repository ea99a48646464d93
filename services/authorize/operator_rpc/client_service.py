"""`ClientService` over gRPC."""
# ruff: noqa: N802 - gRPC names methods as the proto does

from typing import Any

import grpc.aio

from services.authorize.operator_rpc.messages import EnumTable, masked_fields, timestamp
from services.authorize.registry.client_rules import grant_types
from services.authorize.registry.clients import Clients
from services.authorize.registry.model import Client, ClientSettings
from tallystick.authorize.v1 import client_pb2, client_pb2_grpc
from tallystick.oauth2.client import ApplicationType, AuthMethod, ClientType

Context = grpc.aio.ServicerContext[Any, Any]

_TYPES: EnumTable[client_pb2.ClientType.ValueType, ClientType | None] = EnumTable(
    "type",
    {
        client_pb2.CLIENT_TYPE_UNSPECIFIED: None,
        client_pb2.CLIENT_TYPE_CONFIDENTIAL: ClientType.CONFIDENTIAL,
        client_pb2.CLIENT_TYPE_PUBLIC: ClientType.PUBLIC,
    },
)
_APPLICATION_TYPES: EnumTable[client_pb2.ApplicationType.ValueType, ApplicationType | None] = EnumTable(
    "application_type",
    {
        client_pb2.APPLICATION_TYPE_UNSPECIFIED: None,
        client_pb2.APPLICATION_TYPE_WEB: ApplicationType.WEB,
        client_pb2.APPLICATION_TYPE_NATIVE: ApplicationType.NATIVE,
    },
)
_AUTH_METHODS: EnumTable[client_pb2.TokenEndpointAuthMethod.ValueType, AuthMethod | None] = EnumTable(
    "token_endpoint_auth_method",
    {
        client_pb2.TOKEN_ENDPOINT_AUTH_METHOD_UNSPECIFIED: None,
        client_pb2.TOKEN_ENDPOINT_AUTH_METHOD_CLIENT_SECRET_BASIC: AuthMethod.CLIENT_SECRET_BASIC,
        client_pb2.TOKEN_ENDPOINT_AUTH_METHOD_CLIENT_SECRET_POST: AuthMethod.CLIENT_SECRET_POST,
        client_pb2.TOKEN_ENDPOINT_AUTH_METHOD_NONE: AuthMethod.NONE,
    },
)
# What a client is cannot be changed: type and application type decide what its tokens and redirects are worth.
_MASK = {
    "name": ("name",),
    "version": ("version",),
    "description": ("description",),
    "redirect_uris": ("redirect_uris",),
    "grant_types": ("grant_types",),
    "token_endpoint_auth_method": ("auth_method",),
    "scopes": ("scopes",),
    "access_token_lifetime_seconds": ("access_token_lifetime_seconds",),
    "refresh_limit": ("refresh_limit",),
    "allow_plain_pkce": ("allow_plain_pkce",),
    "branding": ("branding_title", "branding_logo", "branding_header", "branding_footer"),
    "branding.title": ("branding_title",),
    "branding.logo": ("branding_logo",),
    "branding.header": ("branding_header",),
    "branding.footer": ("branding_footer",),
}


class ClientService(client_pb2_grpc.ClientServiceServicer):
    """Registers clients for operators."""

    def __init__(self, clients: Clients) -> None:
        self._clients = clients

    async def CreateClient(
        self, request: client_pb2.CreateClientRequest, _context: Context
    ) -> client_pb2.CreateClientResponse:
        """Register a client."""
        registered = await self._clients.create(_settings(request.client))
        return client_pb2.CreateClientResponse(client=_message(registered.client), client_secret=registered.secret)

    async def GetClient(self, request: client_pb2.GetClientRequest, _context: Context) -> client_pb2.GetClientResponse:
        """Read one client."""
        return client_pb2.GetClientResponse(client=_message(await self._clients.get(request.client_id)))

    async def ListClients(
        self, request: client_pb2.ListClientsRequest, _context: Context
    ) -> client_pb2.ListClientsResponse:
        """Read a page of clients, without their logos."""
        page = await self._clients.page(request.page_size, request.page_token)
        return client_pb2.ListClientsResponse(
            clients=[_message(client) for client in page.items], next_page_token=page.next_page_token
        )

    async def UpdateClient(
        self, request: client_pb2.UpdateClientRequest, _context: Context
    ) -> client_pb2.UpdateClientResponse:
        """Change the fields that the mask names."""
        fields = masked_fields(request.update_mask, _MASK)
        client = await self._clients.update(request.client.client_id, _settings(request.client), fields)
        return client_pb2.UpdateClientResponse(client=_message(client))

    async def DeleteClient(
        self, request: client_pb2.DeleteClientRequest, _context: Context
    ) -> client_pb2.DeleteClientResponse:
        """Remove a client."""
        await self._clients.delete(request.client_id)
        return client_pb2.DeleteClientResponse()

    async def EnableClient(
        self, request: client_pb2.EnableClientRequest, _context: Context
    ) -> client_pb2.EnableClientResponse:
        """Let a disabled client act again."""
        return client_pb2.EnableClientResponse(client=_message(await self._clients.enable(request.client_id)))

    async def DisableClient(
        self, request: client_pb2.DisableClientRequest, _context: Context
    ) -> client_pb2.DisableClientResponse:
        """Refuse a client and all that it holds."""
        return client_pb2.DisableClientResponse(client=_message(await self._clients.disable(request.client_id)))

    async def RotateClientSecret(
        self, request: client_pb2.RotateClientSecretRequest, _context: Context
    ) -> client_pb2.RotateClientSecretResponse:
        """Make a new secret."""
        rotated = await self._clients.rotate_secret(request.client_id, request.overlap_seconds)
        return client_pb2.RotateClientSecretResponse(
            client_secret=rotated.secret, previous_expire_at=timestamp(rotated.previous_expire_at)
        )

    async def RevokeAllOfClient(
        self, request: client_pb2.RevokeAllOfClientRequest, _context: Context
    ) -> client_pb2.RevokeAllOfClientResponse:
        """End all that a client holds."""
        return client_pb2.RevokeAllOfClientResponse(client=_message(await self._clients.revoke_all(request.client_id)))


def _settings(message: client_pb2.Client) -> ClientSettings:
    return ClientSettings(
        name=message.name,
        version=message.version,
        description=message.description,
        type=_TYPES.ours(message.type),
        application_type=_APPLICATION_TYPES.ours(message.application_type),
        redirect_uris=tuple(message.redirect_uris),
        grant_types=grant_types(message.grant_types),
        auth_method=_AUTH_METHODS.ours(message.token_endpoint_auth_method),
        scopes=tuple(message.scopes),
        access_token_lifetime_seconds=(
            message.access_token_lifetime_seconds if message.HasField("access_token_lifetime_seconds") else None
        ),
        refresh_limit=message.refresh_limit if message.HasField("refresh_limit") else None,
        allow_plain_pkce=message.allow_plain_pkce,
        branding_title=message.branding.title,
        branding_logo=message.branding.logo,
        branding_header=message.branding.header,
        branding_footer=message.branding.footer,
    )


def _message(client: Client) -> client_pb2.Client:
    settings = client.settings
    return client_pb2.Client(
        client_id=client.client_id,
        name=settings.name,
        version=settings.version,
        description=settings.description,
        type=_TYPES.theirs(settings.type),
        application_type=_APPLICATION_TYPES.theirs(settings.application_type),
        redirect_uris=settings.redirect_uris,
        grant_types=settings.grant_types,
        token_endpoint_auth_method=_AUTH_METHODS.theirs(settings.auth_method),
        scopes=settings.scopes,
        access_token_lifetime_seconds=settings.access_token_lifetime_seconds,
        refresh_limit=settings.refresh_limit,
        allow_plain_pkce=settings.allow_plain_pkce,
        enabled=client.enabled,
        branding=client_pb2.Branding(
            title=settings.branding_title,
            logo=settings.branding_logo,
            header=settings.branding_header,
            footer=settings.branding_footer,
        ),
        created_at=timestamp(client.created_at),
        epoch=client.epoch,
    )
