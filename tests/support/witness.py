"""What somebody was given before a server was mistreated, and whether it is all still worth something."""

from collections.abc import Iterator
from contextlib import contextmanager

import httpx

from tallystick.oauth2.client import ClientType
from tests.support.cluster import Cluster
from tests.support.flow import Visitor, introspect, redeem, refresh
from tests.support.operator_client import Client


class Witness:
    """A person who stays signed in, and an app that was given a code and tokens."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        scope = cluster.operator.create_scope()
        self._client: Client = cluster.operator.create_client(ClientType.CONFIDENTIAL, scopes=[scope])
        self._visitor = Visitor(cluster, cluster.operator.create_user())

    @contextmanager
    def nothing_is_lost(self) -> Iterator[None]:
        """Fail unless a code, an access token and a refresh token from before work afterwards, and the session too."""
        tokens = redeem(self._cluster, self._visitor.approve(self._client)).json()
        approval = self._visitor.approve(self._client)
        yield
        assert redeem(self._cluster, approval).status_code == httpx.codes.OK
        assert introspect(self._cluster, self._client, tokens["access_token"])["active"] is True
        renewed = refresh(self._cluster, self._client, tokens["refresh_token"])
        assert renewed.status_code == httpx.codes.OK
        assert introspect(self._cluster, self._client, renewed.json()["access_token"])["active"] is True
        self._visitor.approve(self._client)

    def close(self) -> None:
        """Close the browser."""
        self._visitor.close()
