"""What the running services tell Prometheus: each counter moves with what it counts, and nobody outside adds any."""

import secrets
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import grpc
import httpx
import pytest

from tallystick.introspect.v1 import introspection_pb2, introspection_pb2_grpc
from tests.support.cluster import SECRET, Cluster
from tests.support.flow import SECONDS, introspect, post_token, redeem, refresh, revoke, sign_in_and_approve
from tests.support.operator_client import Client, Resource, Scope, User
from tests.support.scrape import Scrape, counters, scrape, scrape_until
from tests.support.service_process import ServiceProcess

CHECK_CODE = "/tallystick.authorize.v1.AuthorizationCodeService/CheckCode"
CHECK_ACCESS = "/tallystick.introspect.v1.IntrospectionService/CheckAccess"
SERVICE = "/photos.v1.Albums/Get"

# An hour passes since every rotation of a client's grants.
LET_AN_HOUR_PASS = """
UPDATE grants SET rotated_at = ARRAY(SELECT at - interval '1 h' FROM unnest(rotated_at) WITH ORDINALITY AS r (at, n)
    ORDER BY n) WHERE client_id = %s
"""


@dataclass(frozen=True, slots=True)
class Moment:
    """One look at the three services."""

    authorize: Scrape
    token: Scrape
    introspect: Scrape


@dataclass(frozen=True, slots=True)
class World:
    """The services, and whoever uses them."""

    cluster: Cluster
    user: User
    client: Client
    resource_server: Client
    resource: Resource
    scope: Scope
    stub: introspection_pb2_grpc.IntrospectionServiceStub

    def look(self) -> Moment:
        """Look at all three."""
        return Moment(*map(scrape, (self.cluster.authorize, self.cluster.token, self.cluster.introspect)))

    def buy(self) -> dict[str, str]:
        """Go through the code flow and return the tokens."""
        answer = redeem(self.cluster, sign_in_and_approve(self.cluster, self.client, self.user))
        assert answer.status_code == httpx.codes.OK, answer.text
        tokens: dict[str, str] = answer.json()
        return tokens

    def may_use(self, token: str, service: str = SERVICE, *, secret: str | None = None) -> grpc.StatusCode:
        """Ask by `CheckAccess` whether a token is good for a service; return how the call ended."""
        own = f"{self.resource_server.client_id}:{secret or self.resource_server.client_secret}"
        metadata = (("authorization", f"Basic {b64encode(own.encode()).decode()}"),)
        request = introspection_pb2.CheckAccessRequest(
            token=token.encode(), resource=self.resource.identifier.encode(), service=service.encode()
        )
        try:
            self.stub.CheckAccess(request, metadata=metadata, timeout=SECONDS)
        except grpc.RpcError as refusal:
            code: grpc.StatusCode = refusal.code()
            return code
        return grpc.StatusCode.OK


@pytest.fixture(scope="module")
def world(cluster: Cluster) -> Iterator[World]:
    """A user, a public client, and a resource server whose service the user may use."""
    operator = cluster.operator
    user = operator.create_user()
    resource_server, resource, scope = operator.create_resource_server(
        services=(SERVICE,), groups=[operator.create_group(users=[user])]
    )
    with grpc.insecure_channel(cluster.introspect.grpc_target) as channel:
        stub = introspection_pb2_grpc.IntrospectionServiceStub(channel)
        yield World(cluster, user, operator.create_client(scopes=[scope]), resource_server, resource, scope, stub)


def test_a_code_flow_moves_what_tells_of_it(world: World) -> None:
    """A sign-in and a code at authorize; a redemption at token, for which it has asked authorize."""
    before = world.look()
    world.buy()
    checked = f"grpc_call_duration_seconds OK {CHECK_CODE}"
    authorize = scrape_until(world.cluster.authorize, lambda seen: checked in seen.risen(before.authorize))
    risen = authorize.risen(before.authorize, "sign_ins", "codes", "oauth_refusals", "grpc_")
    assert {name: by for name, by in risen.items() if "Service/" not in name or CHECK_CODE in name} == {
        "sign_ins signed_in": 1,
        "codes issued": 1,
        checked: 1,
    }
    token = scrape_until(world.cluster.token, lambda seen: bool(seen.risen(before.token, "http_")))
    assert token.risen(before.token, "codes", "tokens_issued", "refreshes", "grants_ended", "oauth_", "http_") == {
        "codes redeemed": 1,
        "tokens_issued authorization_code": 1,
        "http_request_duration_seconds POST /oauth2/token 200": 1,
    }


def test_refreshes_are_told_apart(world: World) -> None:
    """A rotation, a repetition within a second, and one an hour later, which is a theft and ends the grant at last."""
    tokens = world.buy()
    before = world.look()
    first = tokens["refresh_token"]
    for _ in range(2):
        assert refresh(world.cluster, world.client, first).status_code == httpx.codes.OK
    with world.cluster.database.connect() as connection:
        connection.execute(LET_AN_HOUR_PASS, [world.client.client_id])
    for _ in range(2):
        assert refresh(world.cluster, world.client, first).status_code == httpx.codes.BAD_REQUEST
    token = world.look().token
    risen = token.risen(before.token, "codes", "tokens_issued", "refreshes", "grants_ended", "oauth_", "revocation")
    # On a slow machine more than a second may pass between the two.
    assert risen.pop("refreshes race", 0) + risen.pop("refreshes lost_answer", 0) == 1
    assert risen == {
        "refreshes rotated": 1,
        "refreshes theft": 1,
        "tokens_issued refresh_token": 2,
        "grants_ended refresh_reused": 1,
        "oauth_refusals token invalid_grant": 2,
        # Whoever comes second is told no earlier that the grant is over.
        "revocation_wait_seconds": 2,
    }
    assert token.samples["revocation_waiting"] == 0


def test_a_revocation_is_waited_for(world: World) -> None:
    """The wait is in the histogram, and so is why the grant has ended."""
    tokens = world.buy()
    before = world.look()
    assert revoke(world.cluster, world.client, tokens["refresh_token"]).status_code == httpx.codes.OK
    token = world.look().token
    assert token.risen(before.token, "grants_ended", "revocation", "oauth_") == {
        "grants_ended revoked_by_client": 1,
        "revocation_wait_seconds": 1,
    }
    total = "revocation_wait_seconds_sum"
    assert token.samples[total] - before.token.samples[total] > 0.1


def test_introspection_tells_what_it_answers(world: World) -> None:
    """Live and unknown tokens, and whether memory told of them: not the first time, then while the lease holds."""
    tokens = world.buy()
    before = world.look()
    asked = "introspection_answers", "introspection_memory", "access_decisions"
    assert introspect(world.cluster, world.resource_server, tokens["access_token"])["active"]
    once = world.look().introspect.risen(before.introspect, *asked)
    assert introspect(world.cluster, world.resource_server, tokens["access_token"])["active"]
    assert not introspect(world.cluster, world.resource_server, tokens["refresh_token"] + "x")["active"]
    thrice = world.look().introspect.risen(before.introspect, *asked)
    assert (once["introspection_answers active"], once["introspection_memory read"]) == (1, 1)
    assert (thrice["introspection_answers active"], thrice["introspection_answers inactive"]) == (2, 1)
    assert thrice["introspection_memory read"] + thrice.get("introspection_memory hit", 0) == 2


def test_verdicts_are_counted(world: World) -> None:
    """By what they say; a call without a right secret has none, and is refused for that."""
    token = world.buy()["access_token"]
    before = world.look()
    assert world.may_use(token) is grpc.StatusCode.OK
    assert world.may_use(token, "/photos.v1.Albums/Delete") is grpc.StatusCode.OK
    assert world.may_use("no token") is grpc.StatusCode.OK
    assert world.may_use(token, secret="wrong-secret") is grpc.StatusCode.UNAUTHENTICATED
    refused = f"grpc_call_duration_seconds UNAUTHENTICATED {CHECK_ACCESS}"
    seen = scrape_until(world.cluster.introspect, lambda seen: refused in seen.risen(before.introspect))
    assert seen.risen(before.introspect, "access_decisions", "grpc_") == {
        "access_decisions allowed": 1,
        "access_decisions service_unknown": 1,
        "access_decisions token_inactive": 1,
        f"grpc_call_duration_seconds OK {CHECK_ACCESS}": 3,
        f"grpc_refusals {CHECK_ACCESS} INVALID_CLIENT": 1,
        refused: 1,
    }


def test_refusals_are_counted_by_their_reason(world: World) -> None:
    """Clients are told the same whatever was wrong with them, and operators what it was."""
    operator, url = world.cluster.operator, world.cluster.token.http_url
    form = {"grant_type": "client_credentials"}
    before = world.look()
    own = {"auth": httpx.BasicAuth(world.resource_server.client_id, "wrong")}
    with httpx.Client(base_url=url, timeout=SECONDS, trust_env=False) as http:
        for more in (own, own, {"auth": httpx.BasicAuth("nobody", "wrong")}):
            assert http.post("/oauth2/token", data=form, **more).status_code == httpx.codes.UNAUTHORIZED
        by_post = {"client_id": world.resource_server.client_id, "client_secret": "wrong"}
        assert http.post("/oauth2/token", data=form | by_post).status_code == httpx.codes.UNAUTHORIZED
        assert http.post("/oauth2/revoke", data={"token": "x"}).status_code == httpx.codes.UNAUTHORIZED
        assert http.post("/oauth2/token", data={"x": "y" * 70_000}).status_code == httpx.codes.REQUEST_ENTITY_TOO_LARGE
        assert http.get("/oauth2/token").status_code == httpx.codes.METHOD_NOT_ALLOWED
    stranger = operator.create_client()
    assert post_token(url, stranger, form).status_code == httpx.codes.BAD_REQUEST
    risen = world.look().token.risen(before.token, "oauth_refusals", "tokens_issued")
    assert risen == {
        "oauth_refusals token invalid_client wrong_secret": 2,
        "oauth_refusals token invalid_client unknown_client": 1,
        "oauth_refusals token invalid_client wrong_method": 1,
        "oauth_refusals revoke invalid_client": 1,
        "oauth_refusals token invalid_request too_large": 1,
        "oauth_refusals token unauthorized_client": 1,
    }


def test_requests_that_people_are_sent_with(world: World) -> None:
    """What cannot go back to a client is counted by the kind of page that a person saw, what can by its error code."""
    before = world.look()
    base = world.cluster.authorize.http_url
    for client_id, status in (("nobody", 400), ("<script>", 400), (world.client.client_id, 303)):
        answer = httpx.get(f"{base}/oauth2/authorize", params={"client_id": client_id}, trust_env=False)
        assert answer.status_code == status
    assert world.look().authorize.risen(before.authorize, "oauth_refusals", "codes", "sign_ins") == {
        "oauth_refusals authorize untrusted_request": 2,
        "oauth_refusals authorize invalid_request": 1,
    }


def strange_requests(cluster: Cluster) -> None:
    """Send what no client of ours would, under names that nobody has used before."""
    made_up = secrets.token_hex(8)
    for service in (cluster.authorize, cluster.token, cluster.introspect):
        with httpx.Client(base_url=service.http_url, timeout=SECONDS, trust_env=False) as http:
            http.get(f"/{made_up}")
            http.post(f"/oauth2/token/{made_up}")
            http.request(made_up.upper(), "/oauth2/token")
            http.get("/oauth2/authorize", params={"client_id": made_up, "response_type": made_up, made_up: made_up})
            form = {"grant_type": made_up, "client_id": made_up, "refresh_token": made_up, "token": made_up}
            http.post("/oauth2/token", data=form, headers={"x-request-id": made_up})
            http.post("/oauth2/introspect", data=form, auth=httpx.BasicAuth(made_up, made_up))
            http.post("/oauth2/revoke", data=form)
        with grpc.insecure_channel(service.grpc_target) as channel:
            for method in (f"/{made_up}/{made_up}", CHECK_ACCESS, CHECK_CODE):
                call = channel.unary_unary(method)
                with pytest.raises(grpc.RpcError):
                    call(made_up.encode(), timeout=SECONDS, metadata=(("authorization", f"Bearer {made_up}"),))


def test_strangers_add_no_series(world: World) -> None:
    """Made-up paths, methods, clients, tokens and grant types are counted where they were the first time."""
    strange_requests(world.cluster)
    before = counters(_settled(world))
    for _ in range(3):
        strange_requests(world.cluster)
    assert counters(_settled(world)) == before


def _settled(world: World) -> list[Scrape]:
    """Look at all three once a last request is counted, which may be a moment after its answer."""
    return [_last_look(each) for each in (world.cluster.authorize, world.cluster.token, world.cluster.introspect)]


def _last_look(replica: ServiceProcess) -> Scrape:
    before, name = scrape(replica), "http_request_duration_seconds GET other 404"
    httpx.get(f"{replica.http_url}/the-last-one", trust_env=False)
    return scrape_until(replica, lambda seen: name in seen.risen(before))


def test_nothing_in_it_is_secret_or_anybodys(world: World) -> None:
    """No token, code, secret, client, user, scope, resource or address, after a whole life of tokens (GEN-11)."""
    tokens = world.buy()
    refresh(world.cluster, world.client, tokens["refresh_token"])
    introspect(world.cluster, world.resource_server, tokens["access_token"])
    moment = world.look()
    text = moment.authorize.text + moment.token.text + moment.introspect.text
    assert not SECRET.search(text)
    people = (world.user.username, world.user.user_id, world.user.password)
    clients = (world.client.client_id, world.client.name, world.resource_server.client_id)
    for told in (
        *people,
        *clients,
        world.scope.name,
        world.resource.identifier,
        "127.0.0.1",
        world.cluster.database.name,
    ):
        assert told not in text


def test_the_state_of_each_service(world: World) -> None:
    """Leases hold, pools have connections, nobody is on the way out, and no certificate is told of without TLS."""
    for replica in (world.cluster.authorize, world.cluster.token, world.cluster.introspect):
        told = scrape_until(replica, lambda seen: seen.samples["lease_left_seconds"] > 0).samples
        assert 0 < told["lease_left_seconds"] < 1
        assert told["lease_poll_age_seconds"] < 10
        assert told["lease_log_position"] > 0
        assert told["lease_drops_total"] >= 1
        assert 0 < told["postgres_pool_connections"] <= told["postgres_pool_max_connections"]
        assert told["postgres_pool_requests_total"] > 0
        assert told["draining"] == 0
        assert "certificate_not_after_seconds" not in told


def test_what_is_remembered_and_kept(world: World) -> None:
    """Introspect remembers what it was asked about; token has a day's partitions at the least."""
    introspect(world.cluster, world.resource_server, world.buy()["access_token"])
    moment = world.look()
    assert moment.introspect.samples["introspection_remembered tokens"] > 0
    now = moment.token.samples["process_start_time_seconds"]
    for table in ("access_tokens", "audit_events"):
        assert moment.token.samples[f"partitions_end_timestamp_seconds {table}"] > now + 86_400


def test_a_service_tells_until_it_ends(world: World, tmp_path: Path) -> None:
    """Who is told to end says so, and can be read while requests that it has begun go on."""
    settings = world.cluster.settings_of("introspect") | {"DRAIN_SECONDS": 3}
    replica = ServiceProcess("introspect", settings, tmp_path)
    replica.wait_until_listening()
    assert scrape(replica).samples["draining"] == 0
    replica.terminate()
    assert scrape_until(replica, lambda seen: seen.samples["draining"] == 1).samples["draining"] == 1
    assert replica.finish().code == 0
    with pytest.raises(httpx.ConnectError):
        scrape(replica)


@pytest.mark.parametrize("service", ["authorize", "token", "introspect"])
def test_it_is_at_its_own_address_only(world: World, service: str) -> None:
    """Whoever reaches the endpoints of OAuth does not reach the metrics, nor the other way round."""
    replica: ServiceProcess = getattr(world.cluster, service)
    assert httpx.get(f"{replica.http_url}/metrics", trust_env=False).status_code == httpx.codes.NOT_FOUND
    base = replica.metrics_url.removesuffix("/metrics")
    for path in ("/", "/oauth2/token", "/oauth2/authorize", "/.well-known/oauth-authorization-server"):
        assert httpx.get(base + path, trust_env=False).status_code == httpx.codes.NOT_FOUND
