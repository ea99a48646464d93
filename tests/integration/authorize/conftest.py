"""Who and what the tests of authorize's pages are about, registered once."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tallystick.oauth2.client import ClientType
from tests.integration.authorize.browser import Browser
from tests.support.cluster import Cluster
from tests.support.operator_client import Client, Scope, User


@dataclass(frozen=True, slots=True)
class World:
    """A user, another, two scopes, and a public and a confidential client that may ask for them."""

    bob: User
    alice: User
    see: Scope
    order: Scope
    public: Client
    confidential: Client


@pytest.fixture(scope="session")
def world(cluster: Cluster) -> World:
    operator = cluster.operator
    see, order = operator.create_scope(description="See your photos"), operator.create_scope(description="Order prints")
    return World(
        bob=operator.create_user(),
        alice=operator.create_user(),
        see=see,
        order=order,
        public=operator.create_client(scopes=(see, order)),
        confidential=operator.create_client(
            ClientType.CONFIDENTIAL, scopes=(see, order), redirect_uris=("https://photoprint.example/cb?x=1",)
        ),
    )


@pytest.fixture
def browser(cluster: Cluster) -> Iterator[Browser]:
    with Browser(cluster) as fresh:
        yield fresh


@pytest.fixture
def other_browser(cluster: Cluster) -> Iterator[Browser]:
    with Browser(cluster) as fresh:
        yield fresh
