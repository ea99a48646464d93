"""Everything that happens at a running system, once: what clients, people, resource servers and thieves do."""

from base64 import b64encode
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Self
from urllib.parse import urlencode, urljoin

import grpc
import httpx

from tallystick.introspect.v1 import introspection_pb2 as messages
from tallystick.introspect.v1.introspection_pb2_grpc import IntrospectionServiceStub
from tallystick.oauth2.client import ClientType, GrantType
from tests.support.cluster import Cluster
from tests.support.flow import (
    SECONDS,
    AuthorizationRequest,
    introspect,
    post_token,
    redeem,
    refresh,
    revoke,
    sign_in_and_approve,
)
from tests.support.operator_client import Client
from tests.support.overheard import OVERHEARD
from tests.support.pages import only_form

_SERVICE = "/photos.v1.Albums/Get"
# Every rotation of a client's grants is so much older than it was.
_AGE_ROTATIONS = """
UPDATE grants SET rotated_at = ARRAY(
    SELECT each - %(age)s * interval '1 second'
    FROM unnest(rotated_at) WITH ORDINALITY AS rotation (each, number) ORDER BY number
) WHERE client_id = %(client_id)s
"""
_LOST_SECONDS, _STOLEN_SECONDS = 3, 3600
"""Within the grace of a lost answer, and long after it."""


class Traffic:
    """A resource server with one user, an app and a robot, and what they do; each method does it once."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        operator = cluster.operator
        self._user, self._forgetful = operator.create_user(), operator.create_user()
        group = operator.create_group(users=[self._user])
        self._api, self._resource, self._scope = operator.create_resource_server(services=(_SERVICE,), groups=(group,))
        self._app = operator.create_client(scopes=[self._scope])
        self._robot = operator.create_client(
            ClientType.CONFIDENTIAL,
            redirect_uris=(),
            grant_types=(GrantType.CLIENT_CREDENTIALS,),
            scopes=[self._scope],
        )
        self._channel = grpc.insecure_channel(cluster.introspect.grpc_target)
        self._stub = IntrospectionServiceStub(self._channel)
        self._known_token = self._robots_token()

    def close(self) -> None:
        """Close the channel."""
        self._channel.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def words(self) -> tuple[str, ...]:
        """Return what its people and clients send and are known by."""
        clients = [self._api, self._app, self._robot]
        names = [client.client_id for client in clients] + [client.name for client in clients]
        users = [self._user.username, self._forgetful.username, self._user.user_id]
        return (*names, *users, self._scope.name, self._resource.identifier, self._known_token)

    def steps(self) -> Sequence[Callable[[], None]]:
        """Return everything that can be done, good and bad."""
        return (
            self.code_flow_and_refresh,
            self.a_race_and_a_lost_answer,
            self.a_stolen_refresh_token,
            self.a_stolen_code,
            self.a_robot,
            self.an_api_that_is_called,
            self.refusals,
        )

    def one_of_each(self) -> None:
        """Do everything."""
        for step in self.steps():
            step()

    def code_flow_and_refresh(self) -> None:
        """Sign in, approve, redeem, refresh, ask about the tokens in every way, revoke, ask again."""
        tokens = self._new_tokens()
        refreshed = _good(refresh(self._cluster, self._app, tokens["refresh_token"]))
        for token in (tokens["access_token"], refreshed["access_token"], "unknown"):
            self.questions(token)
        assert revoke(self._cluster, self._app, refreshed["refresh_token"]).status_code == httpx.codes.OK
        self.questions(refreshed["access_token"])

    def questions(self, token: str) -> None:
        """Ask about a token over HTTP and gRPC: alone, in a batch, and for a service."""
        introspect(self._cluster, self._api, token)
        metadata = (("authorization", _basic(self._api)),)
        question = messages.IntrospectRequest(token=token.encode())
        self._stub.Introspect(question, metadata=metadata, timeout=SECONDS)
        batch = messages.IntrospectBatchRequest(items=[question] * 3)
        self._stub.IntrospectBatch(batch, metadata=metadata, timeout=SECONDS)
        access = messages.CheckAccessRequest(
            token=token.encode(), resource=self._resource.identifier.encode(), service=_SERVICE.encode()
        )
        self._stub.CheckAccess(access, metadata=metadata, timeout=SECONDS)

    def a_race_and_a_lost_answer(self) -> None:
        """Present one refresh token again at once, and again some seconds later."""
        first = self._new_tokens()["refresh_token"]
        for age in (0, 0, _LOST_SECONDS):
            self._let_pass(age)
            _good(refresh(self._cluster, self._app, first))

    def a_stolen_refresh_token(self) -> None:
        """Present a refresh token an hour after it was replaced."""
        first = self._new_tokens()["refresh_token"]
        _good(refresh(self._cluster, self._app, first))
        self._let_pass(_STOLEN_SECONDS)
        _refused(refresh(self._cluster, self._app, first), httpx.codes.BAD_REQUEST)

    def a_stolen_code(self) -> None:
        """Present a code with another verifier, and one that was redeemed already."""
        mistaken = replace(sign_in_and_approve(self._cluster, self._app, self._user), verifier="A" * 43)
        _refused(redeem(self._cluster, mistaken), httpx.codes.BAD_REQUEST)
        approval = sign_in_and_approve(self._cluster, self._app, self._user)
        _good(redeem(self._cluster, approval))
        _refused(redeem(self._cluster, approval), httpx.codes.BAD_REQUEST)

    def a_robot(self) -> None:
        """Issue a token to a client that acts for itself."""
        self.questions(self._robots_token())

    def an_api_that_is_called(self) -> None:
        """Ask about a token that everybody has met before."""
        self.questions(self._known_token)

    def refusals(self) -> None:
        """Be refused everywhere: with wrong secrets, passwords, clients and callers."""
        form = {"grant_type": "client_credentials"}
        for client in (replace(self._robot, client_secret="wrong"), replace(self._robot, client_id="unknown")):
            _refused(self._token(client, form), httpx.codes.UNAUTHORIZED)
        _refused(self._token(self._robot, {"grant_type": "password"}), httpx.codes.BAD_REQUEST)
        self._wrong_password()
        self._unknown_client()
        stranger = (("authorization", _basic(replace(self._api, client_secret="wrong"))),)
        with suppress(grpc.RpcError):
            self._stub.Introspect(messages.IntrospectRequest(token=b"any"), metadata=stranger, timeout=SECONDS)

    def _wrong_password(self) -> None:
        with self._browser() as browser:
            page = browser.get(self._request(self._app).url)
            form = only_form(page.text)
            typed = form.filled({"username": self._forgetful.username, "password": "wrong"}, button="sign-in")
            headers = {"origin": self._cluster.issuer, "content-type": "application/x-www-form-urlencoded"}
            action = urljoin(str(page.url), form.action)
            again = browser.request(form.method, action, content=urlencode(typed), headers=headers)
            assert "password" in only_form(again.text).names()

    def _unknown_client(self) -> None:
        with self._browser() as browser:
            answer = browser.get(self._request(replace(self._app, client_id="unknown")).url)
            _refused(answer, httpx.codes.BAD_REQUEST)

    def _browser(self) -> httpx.Client:
        return httpx.Client(timeout=SECONDS, trust_env=False, follow_redirects=True, event_hooks=OVERHEARD)

    def _request(self, client: Client) -> AuthorizationRequest:
        return AuthorizationRequest(self._cluster.issuer, client, client.redirect_uris[0])

    def _new_tokens(self) -> Mapping[str, str]:
        return _good(redeem(self._cluster, sign_in_and_approve(self._cluster, self._app, self._user)))

    def _robots_token(self) -> str:
        form = {"grant_type": "client_credentials", "scope": self._scope.name}
        return _good(self._token(self._robot, form))["access_token"]

    def _token(self, client: Client, form: Mapping[str, str]) -> httpx.Response:
        return post_token(self._cluster.token.http_url, client, form)

    def _let_pass(self, seconds: float) -> None:
        if seconds:
            with self._cluster.database.connect() as connection:
                connection.execute(_AGE_ROTATIONS, {"client_id": self._app.client_id, "age": seconds})


def _good(answer: httpx.Response) -> Mapping[str, str]:
    assert answer.status_code == httpx.codes.OK, answer.text
    members: Mapping[str, str] = answer.json()
    return members


def _refused(answer: httpx.Response, status: int) -> None:
    assert answer.status_code == status, answer.text


def _basic(client: Client) -> str:
    return f"Basic {b64encode(f'{client.client_id}:{client.client_secret}'.encode()).decode()}"
