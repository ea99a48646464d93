"""Who holds which tokens, and by what they shall end: made before anything befalls anybody."""

import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from urllib.parse import urljoin

import httpx

from tallystick.oauth2.client import ClientType, GrantType
from tallystick.token.v1 import grant_pb2
from tests.integration.lease.history import Thing
from tests.integration.lease.ways import Way
from tests.support.cluster import Cluster
from tests.support.flow import SECONDS, Approval, Visitor, credentials_of
from tests.support.operator_client import Client, Resource, Scope, User
from tests.support.overheard import OVERHEARD
from tests.support.pages import Field, forms

_BUYERS = 2


@dataclass(frozen=True, slots=True)
class Offer:
    """A resource, the scope that covers its service, and the group that may use it; of the shared one nobody may."""

    resource: Resource
    scope: Scope
    group: str = ""


@dataclass(frozen=True, slots=True)
class Holding:
    """The tokens of one client, and what it takes to end them in one way."""

    way: Way
    number: int
    client: Client
    access_tokens: tuple[str, ...] = field(repr=False)
    offer: Offer
    user: User | None = None
    grant_id: str = ""
    approval: Approval | None = None
    replaced_token: str = field(default="", repr=False)
    refresh_token: str = field(default="", repr=False)
    account: tuple[httpx.Client, Sequence[Field]] | None = None
    made_at: float = field(default_factory=time.monotonic)

    @property
    def thing(self) -> Thing:
        """What ends."""
        return (self.way.value, str(self.number))


Buyer = tuple[User, Visitor]
"""Somebody who approves, and his or her browser."""


class Cast:
    """Registers clients and users, and buys tokens for them."""

    def __init__(self, cluster: Cluster, resources: ExitStack) -> None:
        self._cluster = cluster
        self._resources = resources
        self._operator = cluster.operator
        self.resource_server, resource, scope = cluster.operator.create_resource_server()
        self._shared = Offer(resource, scope)
        self._http = resources.enter_context(httpx.Client(timeout=SECONDS, trust_env=False, event_hooks=OVERHEARD))
        self._threads = resources.enter_context(ThreadPoolExecutor(_BUYERS))
        self._buyers = list(self._threads.map(lambda _: self._visitor(), range(_BUYERS)))

    def holdings(self, stock: Mapping[Way, int]) -> Sequence[Holding]:
        """Return so many holdings for each way."""
        wanted = [(way, number) for way, count in stock.items() for number in range(count)]
        shares = [wanted[buyer::_BUYERS] for buyer in range(_BUYERS)]
        return [each for bought in self._threads.map(self._buy, shares, self._buyers) for each in bought]

    def _buy(self, wanted: Sequence[tuple[Way, int]], buyer: Buyer) -> Sequence[Holding]:
        return [self._holding(way, number, buyer) for way, number in wanted]

    def _visitor(self) -> Buyer:
        user = self._operator.create_user()
        return user, self._resources.enter_context(Visitor(self._cluster, user))

    def _holding(self, way: Way, number: int, buyer: Buyer) -> Holding:
        if way is Way.OWN_TOKEN:
            return self._own_token(number)
        of_a_user_alone = way in {Way.PASSWORD, Way.USER_DELETED, Way.USER_DISABLED}
        user, visitor = self._visitor() if of_a_user_alone else buyer
        offer = self._offer(user) if way.ends_access else self._shared
        client = self._operator.create_client(scopes=[offer.scope])
        approval = visitor.approve(client)
        first = self._tokens(client, approval.form())
        second = self._tokens(client, {"grant_type": "refresh_token", "refresh_token": first["refresh_token"]})
        request = grant_pb2.ListGrantsRequest(client_id=client.client_id)
        [grant] = self._operator.call(self._operator.grants.ListGrants, request).grants
        return Holding(
            way=way,
            number=number,
            client=client,
            access_tokens=(first["access_token"], second["access_token"]),
            offer=offer,
            user=user,
            grant_id=grant.grant_id,
            approval=approval,
            replaced_token=first["refresh_token"],
            refresh_token=second["refresh_token"],
            account=self._withdrawal(visitor, client) if way is Way.CONSENT else None,
        )

    def _own_token(self, number: int) -> Holding:
        client = self._operator.create_client(
            ClientType.CONFIDENTIAL,
            scopes=[self._shared.scope],
            redirect_uris=(),
            grant_types=(GrantType.CLIENT_CREDENTIALS,),
        )
        token = self._tokens(client, {"grant_type": "client_credentials"})["access_token"]
        return Holding(Way.OWN_TOKEN, number, client, (token,), self._shared)

    def _offer(self, user: User) -> Offer:
        """Return a resource of its own, whose service a user may use as a member of a group."""
        group = self._operator.create_group(users=[user])
        resource = self._operator.create_resource(callers=[self.resource_server], groups=[group])
        scope = self._operator.create_scope(covers=[(resource, service) for service in resource.services])
        return Offer(resource, scope, group)

    def _tokens(self, client: Client, form: Mapping[str, str]) -> Mapping[str, str]:
        own, auth = credentials_of(client)
        answer = self._http.post(f"{self._cluster.token.http_url}/oauth2/token", data={**form, **own}, auth=auth)
        if answer.status_code != httpx.codes.OK:
            raise AssertionError(answer.text)
        tokens: Mapping[str, str] = answer.json()
        return tokens

    def _withdrawal(self, visitor: Visitor, client: Client) -> tuple[httpx.Client, Sequence[Field]]:
        """Return a browser that is signed in, and what its button on the account page sends."""
        page = visitor.browser.get(urljoin(self._cluster.authorize.http_url, "/account"))
        [form] = [form for form in forms(page.text) if form.action == "account"]
        return visitor.browser, [*form.fields, ("withdraw", client.client_id)]
