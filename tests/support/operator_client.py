"""An operator's work over gRPC: users, clients, scopes and resources, each under a name of its own."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self, TypeVar

import grpc

from tallystick.authorize.v1 import client_pb2, group_pb2, resource_pb2, scope_pb2, user_pb2
from tallystick.authorize.v1.client_pb2_grpc import ClientServiceStub
from tallystick.authorize.v1.group_pb2_grpc import GroupServiceStub
from tallystick.authorize.v1.operator_pb2_grpc import OperatorServiceStub
from tallystick.authorize.v1.resource_pb2_grpc import ResourceServiceStub
from tallystick.authorize.v1.scope_pb2_grpc import ScopeServiceStub
from tallystick.authorize.v1.user_pb2_grpc import UserServiceStub
from tallystick.oauth2.client import AuthMethod, ClientType, GrantType
from tallystick.token.v1.grant_pb2_grpc import GrantServiceStub
from tests.support.secrets_ledger import LEDGER

_SECONDS = 10.0
_CODE_AND_REFRESH = (GrantType.AUTHORIZATION_CODE, GrantType.REFRESH_TOKEN)

Request = TypeVar("Request")
Response = TypeVar("Response")


@dataclass(frozen=True, slots=True)
class User:
    """A resource owner, with the password to sign in by."""

    user_id: str
    username: str
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Client:
    """A registered client; `client_secret` is None for a public one."""

    client_id: str
    name: str
    client_secret: str | None = field(repr=False)
    auth_method: AuthMethod
    redirect_uris: tuple[str, ...]
    scopes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Scope:
    """A scope and its description."""

    name: str
    description: str


@dataclass(frozen=True, slots=True)
class Resource:
    """A protected resource: its identifier, which is the audience of its tokens, and its services."""

    identifier: str
    services: tuple[str, ...]


class OperatorClient:
    """What an operator with the role `admin` can do; a refusal raises `grpc.RpcError`.

    What has no method here goes through `call`: `operator.call(operator.users.DisableUser, DisableUserRequest(…))`.
    """

    def __init__(
        self,
        authorize_target: str,
        token_target: str,
        credential: str,
        channel_credentials: grpc.ChannelCredentials | None = None,
    ) -> None:
        self._channels = [_channel(target, channel_credentials) for target in (authorize_target, token_target)]
        self._metadata = (("authorization", f"Bearer {credential}"),)
        authorize, token = self._channels
        self.clients = ClientServiceStub(authorize)
        self.scopes = ScopeServiceStub(authorize)
        self.resources = ResourceServiceStub(authorize)
        self.groups = GroupServiceStub(authorize)
        self.users = UserServiceStub(authorize)
        self.operators = OperatorServiceStub(authorize)
        self.grants = GrantServiceStub(token)
        self.passwords: list[str] = []

    def call(self, method: "grpc.UnaryUnaryMultiCallable[Request, Response]", request: Request) -> Response:
        """Make a call with the credential and a deadline."""
        LEDGER.note("password", getattr(request, "password", None))
        answer = method(request, timeout=_SECONDS, metadata=self._metadata)
        LEDGER.note("client_secret", getattr(answer, "client_secret", None))
        LEDGER.note("operator's credential", getattr(answer, "credential", None))
        return answer

    def create_user(self, username: str | None = None, password: str | None = None) -> User:
        """Add a resource owner."""
        username, password = username or _unique("user"), password or secrets.token_urlsafe(12)
        self.passwords.append(password)
        answer = self.call(self.users.CreateUser, user_pb2.CreateUserRequest(username=username, password=password))
        return User(answer.user.user_id, username, password)

    def create_client(
        self,
        client_type: ClientType = ClientType.PUBLIC,
        *,
        scopes: Sequence[Scope | str] = (),
        redirect_uris: Sequence[str] = ("http://127.0.0.1:8090/callback",),
        grant_types: Sequence[GrantType] = _CODE_AND_REFRESH,
        auth_method: AuthMethod | None = None,
        name: str | None = None,
        version: str = "1",
        access_token_lifetime_seconds: int | None = None,
        refresh_limit: int | None = None,
        allow_plain_pkce: bool = False,
        branding: client_pb2.Branding | None = None,
    ) -> Client:
        """Register a client: a public one that may use codes and refresh, unless told otherwise."""
        record = client_pb2.Client(
            name=name or _unique("Client"),
            version=version,
            type=client_pb2.ClientType.Value(f"CLIENT_TYPE_{client_type.upper()}"),
            redirect_uris=redirect_uris,
            grant_types=grant_types,
            scopes=[str(getattr(scope, "name", scope)) for scope in scopes],
            access_token_lifetime_seconds=access_token_lifetime_seconds,
            refresh_limit=refresh_limit,
            allow_plain_pkce=allow_plain_pkce,
            branding=branding,
        )
        if auth_method is not None:
            record.token_endpoint_auth_method = client_pb2.TokenEndpointAuthMethod.Value(
                f"TOKEN_ENDPOINT_AUTH_METHOD_{auth_method.upper()}"
            )
        answer = self.call(self.clients.CreateClient, client_pb2.CreateClientRequest(client=record))
        made = answer.client
        method = client_pb2.TokenEndpointAuthMethod.Name(made.token_endpoint_auth_method)
        return Client(
            client_id=made.client_id,
            name=made.name,
            client_secret=answer.client_secret if answer.HasField("client_secret") else None,
            auth_method=AuthMethod(method.removeprefix("TOKEN_ENDPOINT_AUTH_METHOD_").lower()),
            redirect_uris=tuple(made.redirect_uris),
            scopes=tuple(made.scopes),
        )

    def create_scope(
        self, name: str | None = None, description: str = "", *, covers: Sequence[tuple[Resource | str, str]] = ()
    ) -> Scope:
        """Add a scope that covers services of resources."""
        name = name or _unique("scope")
        record = scope_pb2.Scope(name=name, description=description or f"Use {name}")
        for resource, service in covers:
            record.covers.add(resource=str(getattr(resource, "identifier", resource)), service=service)
        made = self.call(self.scopes.CreateScope, scope_pb2.CreateScopeRequest(scope=record)).scope
        return Scope(made.name, made.description)

    def create_group(
        self, name: str | None = None, *, users: Sequence[User] = (), clients: Sequence[Client] = ()
    ) -> str:
        """Add a group and return its name."""
        group = group_pb2.Group(
            name=name or _unique("group"),
            users=[user.username for user in users],
            clients=[client.client_id for client in clients],
        )
        return self.call(self.groups.CreateGroup, group_pb2.CreateGroupRequest(group=group)).group.name

    def create_resource(
        self,
        identifier: str | None = None,
        *,
        callers: Sequence[Client] = (),
        services: Sequence[str] = ("/photos.v1.Albums/Get",),
        groups: Sequence[str] = (),
    ) -> Resource:
        """Add a protected resource whose callers may introspect its tokens, and whose groups may use its services."""
        record = resource_pb2.Resource(
            identifier=identifier or f"https://{_unique('api')}.example",
            callers=[caller.client_id for caller in callers],
            services=services,
            service_groups=[resource_pb2.ServiceGroups(service=service, groups=groups) for service in services],
        )
        made = self.call(self.resources.CreateResource, resource_pb2.CreateResourceRequest(resource=record)).resource
        return Resource(made.identifier, tuple(made.services))

    def create_resource_server(
        self, *, services: Sequence[str] = ("/photos.v1.Albums/Get",), groups: Sequence[str] = ()
    ) -> tuple[Client, Resource, Scope]:
        """Add a resource, the confidential client that may introspect for it, and a scope that covers all of it."""
        caller = self.create_client(
            ClientType.CONFIDENTIAL,
            redirect_uris=(),
            grant_types=(GrantType.CLIENT_CREDENTIALS,),
            scopes=("introspect",),
        )
        resource = self.create_resource(callers=(caller,), services=services, groups=groups)
        scope = self.create_scope(covers=[(resource, service) for service in services])
        return caller, resource, scope

    def close(self) -> None:
        """Close the channels."""
        for channel in self._channels:
            channel.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


def _unique(prefix: str) -> str:
    return f"{prefix}-{secrets.token_hex(4)}"


def _channel(target: str, credentials: grpc.ChannelCredentials | None) -> grpc.Channel:
    return grpc.insecure_channel(target) if credentials is None else grpc.secure_channel(target, credentials)
