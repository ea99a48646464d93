"""Where the model is played: two replicas each of authorize and token, and who is there whatever is played."""

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from tests.model.world import GRACE, IDLE_LIFETIME, LIFETIME
from tests.support.cluster import Cluster, running_cluster
from tests.support.databases import Database
from tests.support.environment import ROOT
from tests.support.flow import SECONDS
from tests.support.operator_client import Client, Scope, User

SETTINGS = {
    # The longest that are allowed, so that no slow machine outlasts them: time passes by rewriting rows.
    "REFRESH_GRACE_SECONDS": GRACE,
    "CODE_LIFETIME_SECONDS": 600,
    "REFRESH_LIFETIME_SECONDS": LIFETIME,
    "REFRESH_IDLE_LIFETIME_SECONDS": IDLE_LIFETIME,
}


@dataclass(frozen=True, slots=True)
class Stage:
    """A running cluster, a resource server with two scopes, another one that serves something else, and two people."""

    cluster: Cluster
    http: tuple[httpx.Client, ...]
    threads: ThreadPoolExecutor
    resource_server: Client
    stranger: Client
    audience: str
    scopes: Mapping[str, Scope]
    users: dict[str, User]


@contextmanager
def stage(database: Database, redis_url: str, folder: Path, *, checkout: Path = ROOT) -> Iterator[Stage]:
    """Start two replicas each of authorize and token from a checkout, and set the stage."""
    # Time passes by rewriting rows, of which nobody tells the services.
    database.set_revocation_wait(0)
    with ExitStack() as open_:
        cluster = open_.enter_context(
            running_cluster(database, redis_url, folder, authorize=2, token=2, settings=SETTINGS, checkout=checkout)
        )
        replicas = cluster.replicas("token")
        http = tuple(open_.enter_context(httpx.Client(timeout=SECONDS, trust_env=False)) for _ in replicas)
        threads = open_.enter_context(ThreadPoolExecutor(len(replicas)))
        operator = cluster.operator
        resource_server, resource, read = operator.create_resource_server()
        stranger, _, _ = operator.create_resource_server()
        write = operator.create_scope(covers=[(resource, service) for service in resource.services])
        users = {name: operator.create_user() for name in ("alice", "bob")}
        yield Stage(
            cluster=cluster,
            http=http,
            threads=threads,
            resource_server=resource_server,
            stranger=stranger,
            audience=resource.identifier,
            scopes={"read": read, "write": write},
            users=users,
        )
