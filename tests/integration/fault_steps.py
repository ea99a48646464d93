"""The steps of a grant's life, each ready to be taken once: what it needs, what it says, and what is true then."""

import time
from abc import ABC, abstractmethod
from typing import ClassVar, LiteralString, Self

import grpc
import httpx

from tallystick.authorize.v1 import client_pb2
from tallystick.introspect.v1 import introspection_pb2, introspection_pb2_grpc
from tallystick.oauth2.client import ClientType, GrantType
from tallystick.token.v1 import grant_pb2
from tests.integration.authorize.browser import told
from tests.integration.fault_scene import Answer, Need, Scene, operator_at, post, status_of
from tests.support.doors import Basic
from tests.support.flow import SECONDS, Approval, Pkce
from tests.support.operator_client import Client


class Step(ABC):
    """One step. It is prepared when it is made, and can be taken again."""

    service: ClassVar[str]
    needs: ClassVar[Need]
    traces: ClassVar[LiteralString] = ""
    """Finds, for a client, what a step leaves; all columns are true or none is."""

    answer: Answer = None
    seconds = 0.0

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self.client = self.register()
        self.prepare()

    def register(self) -> Client:
        """Return the client that it is about, known to no other step."""
        return self.scene.client()

    @abstractmethod
    def prepare(self) -> None:
        """Do what comes before."""

    @abstractmethod
    def send(self) -> Answer:
        """Ask for it."""

    @abstractmethod
    def is_done(self) -> bool:
        """Tell whether the answer acknowledges the step."""

    @abstractmethod
    def holds(self) -> bool:
        """Tell whether what was acknowledged is true."""

    def begin_again(self) -> None:
        """Come back, as whoever had no answer would, to replicas that run."""
        cluster = self.scene.cluster
        for replica in (cluster.authorize, cluster.token, cluster.introspect):
            self.scene = self.scene.moved(replica)

    def take(self) -> Self:
        """Take the step, and keep the answer and how long it took."""
        began = time.monotonic()
        try:
            self.answer = self.send()
        except httpx.TransportError:
            self.answer = None
        self.seconds = time.monotonic() - began
        return self

    @property
    def page(self) -> httpx.Response:
        """The answer over HTTP."""
        assert isinstance(self.answer, httpx.Response), str(self)
        return self.answer

    def is_ok(self) -> bool:
        """Tell whether a program's endpoint answered well."""
        return self.answer is grpc.StatusCode.OK or (
            isinstance(self.answer, httpx.Response) and self.answer.status_code == httpx.codes.OK
        )

    def is_unavailable(self) -> bool:
        """Tell whether it was answered that it cannot be done now, in the words that this endpoint has for it."""
        if not isinstance(self.answer, httpx.Response):
            return self.answer is grpc.StatusCode.UNAVAILABLE
        if self.answer.is_redirect:
            return bool(self.answer.next_request) and "error=temporarily_unavailable" in self.answer.headers["location"]
        words = "temporarily_unavailable" if "json" in self.answer.headers["content-type"] else "<html"
        return (
            self.answer.status_code == httpx.codes.SERVICE_UNAVAILABLE
            and int(self.answer.headers["retry-after"]) >= 1
            and words in self.answer.text
        )

    def traced(self) -> set[object]:
        """Return what the step left in the database, column by column."""
        return self.scene.traces(self.traces, self.client)

    def __repr__(self) -> str:
        told = self.answer
        if isinstance(told, httpx.Response):
            return f"{type(self).__name__}: {told.status_code} {told.headers.get('location', '')} {told.text[:300]}"
        return f"{type(self).__name__}: {told}"


class Asked(Step):
    """An authorization request is taken."""

    service = "authorize"
    needs = Need.POSTGRES_READ | Need.REDIS_WRITE

    def prepare(self) -> None:
        self.browser = self.scene.browser()

    def send(self) -> Answer:
        return self.browser.ask(self.client)

    def is_done(self) -> bool:
        return self.went_to("/consent")

    def went_to(self, path: str) -> bool:
        """Tell whether the browser is sent on to a page of ours."""
        return self.page.is_redirect and httpx.URL(self.page.headers["location"]).path == path

    def holds(self) -> bool:
        return self.browser.follow(self.page).status_code == httpx.codes.OK

    def begin_again(self) -> None:
        super().begin_again()
        self.prepare()


class SignedIn(Asked):
    """A password is posted."""

    needs = Need.POSTGRES_READ | Need.REDIS

    def prepare(self) -> None:
        super().prepare()
        self.form = self.browser.sign_in_page(self.client)

    def send(self) -> Answer:
        return self.browser.sign_in(self.form, self.scene.user.username, self.scene.user.password)

    def holds(self) -> bool:
        return bool(self.browser.session_cookie()) and super().holds()


class Approved(Asked):
    """A consent is posted, and a code issued."""

    needs = Need.POSTGRES | Need.REDIS
    traces = """
        SELECT EXISTS (SELECT FROM consents WHERE client_id = %(client_id)s) AS consent,
            EXISTS (SELECT FROM audit_events WHERE client_id = %(client_id)s AND event = 'consent_given') AS event
    """

    def prepare(self) -> None:
        super().prepare()
        self.pkce = Pkce()
        self.form = self.browser.consent_page(self.client, self.scene.user, code_challenge=self.pkce.challenge)

    def send(self) -> Answer:
        return self.browser.answer(self.form)

    def is_done(self) -> bool:
        return self.page.is_redirect and "code" in told(self.page, self.client)

    def holds(self) -> bool:
        code, uri = told(self.page, self.client)["code"], self.client.redirect_uris[0]
        approval = Approval(self.client, code, self.pkce.verifier, uri, "xyz", self.browser.issuer)
        return post(self.scene.cluster.token, "token", self.client, approval.form()).status_code == httpx.codes.OK


class Redeemed(Step):
    """A code is redeemed."""

    service = "token"
    needs = Need.POSTGRES | Need.REDIS_READ
    traces = """
        SELECT EXISTS (SELECT FROM grants WHERE client_id = %(client_id)s) AS granted,
            EXISTS (SELECT FROM access_tokens WHERE client_id = %(client_id)s) AS token,
            EXISTS (SELECT FROM audit_events WHERE client_id = %(client_id)s AND event = 'token_issued') AS event
    """

    def prepare(self) -> None:
        self.approval = self.scene.approve(self.client)

    def send(self) -> Answer:
        return post(self.scene.token, "token", self.client, self.approval.form())

    def is_done(self) -> bool:
        return self.is_ok()

    def holds(self) -> bool:
        tokens = self.page.json()
        form = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
        refreshed = post(self.scene.cluster.token, "token", self.client, form)
        return self.scene.is_live(tokens["access_token"]) and refreshed.status_code == httpx.codes.OK


class Refreshed(Redeemed):
    """A refresh token is used."""

    needs = Need.POSTGRES
    traces = """
        SELECT EXISTS (SELECT FROM grants WHERE client_id = %(client_id)s AND refresh_generation > 0) AS rotated,
            (SELECT count(*) > 1 FROM access_tokens WHERE client_id = %(client_id)s) AS token,
            EXISTS (SELECT FROM audit_events WHERE client_id = %(client_id)s AND event = 'refreshed') AS event
    """

    def prepare(self) -> None:
        self.tokens = self.scene.tokens(self.client)

    def send(self) -> Answer:
        form = {"grant_type": "refresh_token", "refresh_token": self.tokens.refresh_token}
        return post(self.scene.token, "token", self.client, form)


class IssuedToItself(Step):
    """A client asks for a token of its own."""

    service = "token"
    needs = Need.POSTGRES
    traces = """
        SELECT EXISTS (SELECT FROM access_tokens WHERE client_id = %(client_id)s) AS token,
            EXISTS (SELECT FROM audit_events WHERE client_id = %(client_id)s AND event = 'token_issued') AS event
    """

    def register(self) -> Client:
        return self.scene.cluster.operator.create_client(
            ClientType.CONFIDENTIAL,
            scopes=[self.scene.scope],
            grant_types=(GrantType.CLIENT_CREDENTIALS,),
            redirect_uris=(),
        )

    def prepare(self) -> None:
        """Nothing comes before."""

    def send(self) -> Answer:
        return post(self.scene.token, "token", self.client, {"grant_type": "client_credentials"})

    def is_done(self) -> bool:
        return self.is_ok()

    def holds(self) -> bool:
        return self.scene.is_live(self.page.json()["access_token"])


class Revoked(Step):
    """A client revokes what it holds (RFC 7009)."""

    service = "token"
    needs = Need.POSTGRES
    traces = """
        SELECT ended_at IS NOT NULL AS ended,
            EXISTS (SELECT FROM audit_events WHERE client_id = %(client_id)s AND event = 'grant_ended') AS event,
            EXISTS (SELECT FROM invalidations WHERE kind = 'grant' AND key = grant_id::text) AS logged
        FROM grants WHERE client_id = %(client_id)s
    """

    def prepare(self) -> None:
        self.tokens = self.scene.tokens(self.client)

    def send(self) -> Answer:
        return post(self.scene.token, "revoke", self.client, {"token": self.tokens.refresh_token})

    def is_done(self) -> bool:
        return self.is_ok()

    def holds(self) -> bool:
        return not self.scene.is_live(self.tokens.access_token)


class RevokedByOperator(Revoked):
    """An operator revokes a grant."""

    def prepare(self) -> None:
        super().prepare()
        with self.scene.cluster.database.connect() as owner:
            row = owner.execute("SELECT grant_id FROM grants WHERE client_id = %s", (self.client.client_id,)).fetchone()
        assert row is not None
        self.grant_id = str(row["grant_id"])

    def send(self) -> Answer:
        request = grant_pb2.RevokeGrantRequest(grant_id=self.grant_id)
        with operator_at(self.scene) as operator:
            return status_of(lambda: operator.call(operator.grants.RevokeGrant, request))


class Disabled(Revoked):
    """An operator disables a client."""

    service = "authorize"
    traces = """
        SELECT NOT enabled AS disabled,
            EXISTS (SELECT FROM audit_events WHERE client_id = %(client_id)s AND event = 'client_disabled') AS event,
            EXISTS (SELECT FROM invalidations WHERE kind = 'client' AND key = %(client_id)s) AS logged
        FROM clients WHERE client_id = %(client_id)s
    """

    def send(self) -> Answer:
        request = client_pb2.DisableClientRequest(client_id=self.client.client_id)
        with operator_at(self.scene) as operator:
            return status_of(lambda: operator.call(operator.clients.DisableClient, request))


class Introspected(Step):
    """A resource server asks over HTTP about a token that is live."""

    service = "introspect"
    needs = Need.POSTGRES_READ

    def prepare(self) -> None:
        self.tokens = self.scene.tokens(self.client)

    def send(self) -> Answer:
        form = {"token": self.tokens.access_token}
        return post(self.scene.introspect, "introspect", self.scene.resource_server, form)

    def is_done(self) -> bool:
        return self.is_ok() and self.page.json()["active"] is True

    def holds(self) -> bool:
        return self.scene.is_live(self.tokens.access_token)


class IntrospectedOverGrpc(Introspected):
    """A resource server asks over gRPC about a token that is live."""

    def send(self) -> Answer:
        caller = self.scene.resource_server
        metadata = tuple(Basic(caller.client_id, caller.client_secret or "").header.items())
        request = introspection_pb2.IntrospectRequest(token=self.tokens.access_token.encode())
        self.found: list[bool] = []
        with grpc.insecure_channel(self.scene.introspect.grpc_target) as channel:
            ask = introspection_pb2_grpc.IntrospectionServiceStub(channel).Introspect
            return status_of(lambda: self.found.append(ask(request, timeout=SECONDS, metadata=metadata).active))

    def is_done(self) -> bool:
        return self.is_ok() and self.found == [True]


EVERY_STEP: tuple[type[Step], ...] = (
    Asked, SignedIn, Approved, Redeemed, Refreshed, IssuedToItself, Revoked, RevokedByOperator, Disabled, Introspected,
    IntrospectedOverGrpc,
)  # fmt: skip
WRITING_STEPS = tuple(step for step in EVERY_STEP if Need.POSTGRES_WRITE in step.needs)
