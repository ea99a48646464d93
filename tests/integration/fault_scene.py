"""Who takes the steps of a grant's life, at which replicas, and what they cannot do without."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from enum import Flag, auto
from typing import LiteralString

import grpc
import httpx

from tests.integration.authorize.browser import Browser
from tests.support.cluster import Cluster
from tests.support.flow import SECONDS, Approval, Visitor, credentials_of, introspect
from tests.support.operator_client import Client, OperatorClient, Scope, User
from tests.support.service_process import ServiceProcess

Answer = httpx.Response | grpc.StatusCode | None
"""What a step was answered; None when nobody answered."""


class Need(Flag):
    """What a step cannot be taken without."""

    NOTHING = 0
    POSTGRES_READ = auto()
    POSTGRES_WRITE = auto()
    REDIS_READ = auto()
    REDIS_WRITE = auto()
    POSTGRES = POSTGRES_READ | POSTGRES_WRITE
    REDIS = REDIS_READ | REDIS_WRITE


@dataclass(frozen=True, slots=True)
class Tokens:
    """What a client holds of a grant."""

    access_token: str
    refresh_token: str


@dataclass(frozen=True, slots=True)
class Scene:
    """Who takes the steps, and at which replicas."""

    cluster: Cluster
    authorize: ServiceProcess
    token: ServiceProcess
    introspect: ServiceProcess
    resource_server: Client
    scope: Scope
    user: User
    visitor: Visitor
    resources: ExitStack

    @classmethod
    @contextmanager
    def at(cls, cluster: Cluster) -> "Iterator[Scene]":
        """Give a scene at the first replicas."""
        resource_server, _, scope = cluster.operator.create_resource_server()
        user = cluster.operator.create_user()
        processes = (cluster.authorize, cluster.token, cluster.introspect)
        with ExitStack() as resources, Visitor(cluster, user) as visitor:
            yield cls(cluster, *processes, resource_server, scope, user, visitor, resources)

    def moved(self, replica: ServiceProcess) -> "Scene":
        """Return the same at another replica of a service."""
        match replica.service:
            case "authorize":
                return replace(self, authorize=replica)
            case "token":
                return replace(self, token=replica)
        return replace(self, introspect=replica)

    def client(self) -> Client:
        """Register a client."""
        return self.cluster.operator.create_client(scopes=[self.scope])

    def browser(self) -> Browser:
        """Open a browser that nobody has used before."""
        return self.resources.enter_context(Browser(self.cluster, self.authorize))

    def approve(self, client: Client) -> Approval:
        """Return a code for a client."""
        return self.visitor.approve(client)

    def tokens(self, client: Client) -> Tokens:
        """Return the tokens of a grant."""
        answer = post(self.cluster.token, "token", client, self.approve(client).form()).json()
        return Tokens(answer["access_token"], answer["refresh_token"])

    def is_live(self, access_token: str) -> bool:
        """Tell whether the resource server would accept a token."""
        return introspect(self.cluster, self.resource_server, access_token)["active"] is True

    def traces(self, statement: LiteralString, client: Client) -> set[object]:
        """Return what is left of a step in the database, column by column."""
        with self.cluster.database.connect() as owner:
            row = owner.execute(statement, {"client_id": client.client_id}).fetchone()
        return set((row or {}).values())


def post(replica: ServiceProcess, endpoint: str, client: Client, form: dict[str, str]) -> httpx.Response:
    """Send a form to an endpoint of a replica, with the client's credentials."""
    own, auth = credentials_of(client)
    with httpx.Client(timeout=SECONDS, trust_env=False) as http:
        return http.post(f"{replica.http_url}/oauth2/{endpoint}", data={**form, **own}, auth=auth)


def status_of(call: Callable[[], object]) -> grpc.StatusCode:
    """Make a call and return how it ended."""
    try:
        call()
    except grpc.RpcError as error:
        code: grpc.StatusCode = error.code()
        return code
    return grpc.StatusCode.OK


def operator_at(scene: Scene) -> OperatorClient:
    """Return an operator who talks to the scene's replicas."""
    return OperatorClient(scene.authorize.grpc_target, scene.token.grpc_target, scene.cluster.admin_credential)
