"""A cluster whose stores tests disturb: lent to one test after another, each of which gets it whole."""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import redis

from tests.support.cluster import Cluster, running_cluster
from tests.support.databases import Databases
from tests.support.flow import SECONDS, AuthorizationRequest, credentials_of, post_token
from tests.support.operator_client import Client
from tests.support.stores import PostgresServer, RedisServer

_PATIENCE_SECONDS = 20.0
_UNKNOWN_CODE = {"grant_type": "authorization_code", "code": f"{'A' * 22}.{'A' * 43}", "code_verifier": "A" * 43}


@dataclass(frozen=True, slots=True)
class _Running:
    """A cluster, and two clients by whose requests it shows that its stores answer it."""

    cluster: Cluster
    app: Client
    resource_server: Client

    @classmethod
    def of(cls, cluster: Cluster) -> "_Running":
        caller, _, scope = cluster.operator.create_resource_server()
        return cls(cluster, cluster.operator.create_client(scopes=[scope]), caller)

    def is_served(self) -> bool:
        """Tell whether each service reaches what it needs: Postgres, Redis, and token authorize."""
        request = AuthorizationRequest(self.cluster.issuer, self.app, self.app.redirect_uris[0])
        fields, auth = credentials_of(self.resource_server)
        question = {"token": "unknown", **fields}
        with httpx.Client(timeout=SECONDS, trust_env=False) as http:
            asked = http.get(request.url)
            introspected = http.post(f"{self.cluster.introspect.http_url}/oauth2/introspect", data=question, auth=auth)
        redeemed = post_token(self.cluster.token.http_url, self.app, _UNKNOWN_CODE)
        answers = (asked.status_code, redeemed.status_code, introspected.status_code)
        return answers == (httpx.codes.SEE_OTHER, httpx.codes.BAD_REQUEST, httpx.codes.OK)


class ClusterLender:
    """Lends one cluster for as long as tests leave its processes running.

    What tests register in Postgres stays; Redis is empty each time.
    """

    def __init__(self, databases: Databases, new_folder: Callable[[], Path]) -> None:
        self._databases = databases
        self._new_folder = new_folder
        self._resources = ExitStack()
        self._running: _Running | None = None

    @contextmanager
    def lent(self, postgres: PostgresServer, redis_server: RedisServer) -> Iterator[Cluster]:
        """Give a cluster of one replica each, as it was started, whose stores answer it; mend these afterwards."""
        with redis.Redis.from_url(redis_server.url(), socket_timeout=5, socket_connect_timeout=5) as client:
            client.flushdb()
        if self._running is None:
            self._running = self._start(redis_server)
        _wait_until_served(self._running)
        yield self._running.cluster
        postgres.mend()
        redis_server.mend()
        if not self._running.cluster.is_as_started():
            self.close()

    def close(self) -> None:
        """End the cluster, if there is one."""
        self._running = None
        self._resources.close()

    def _start(self, redis_server: RedisServer) -> _Running:
        database = self._resources.enter_context(self._databases.migrated())
        cluster = running_cluster(database, redis_server.url(), self._new_folder())
        return _Running.of(self._resources.enter_context(cluster))


def _wait_until_served(running: _Running) -> None:
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while not running.is_served():
        if time.monotonic() > deadline:
            raise TimeoutError(f"the cluster has not found its stores again\n{running.cluster.tail()}")
        time.sleep(0.05)
