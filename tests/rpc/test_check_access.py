"""The three checks over gRPC, as resource servers ask for them, and their explanation, as operators do."""

from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import grpc
import pytest
from google.protobuf.duration_pb2 import Duration
from google.protobuf.field_mask_pb2 import FieldMask
from hypothesis import given
from hypothesis import strategies as st

from tallystick.authorize.v1 import group_pb2, operator_pb2
from tallystick.introspect.v1 import introspection_pb2, introspection_pb2_grpc
from tallystick.oauth2.audience import is_resource_identifier
from tallystick.oauth2.client import ClientType, GrantType
from tallystick.oauth2.opaque_token import CredentialType, new_credential
from tallystick.runtime.grpc_status import failure_of
from tests.support.cluster import Cluster
from tests.support.flow import post_token, redeem, revoke, sign_in_and_approve
from tests.support.fuzz import BOUNDED, examples
from tests.support.operator_client import Client, Scope, User
from tests.unit.introspect.hostile_paths import AMBIGUOUS, REGISTERED, SELECTED, UNREGISTERED

SECONDS = 10.0
NARROW, WIDE = "GET /albums/{id}", "DELETE /albums/{id}"
INACTIVE = introspection_pb2.IntrospectResponse()
ALLOWED = introspection_pb2.DENIAL_UNSPECIFIED
TOKEN_INACTIVE = introspection_pb2.DENIAL_TOKEN_INACTIVE
SERVICE_UNKNOWN = introspection_pb2.DENIAL_SERVICE_UNKNOWN
INSUFFICIENT_SCOPE = introspection_pb2.DENIAL_INSUFFICIENT_SCOPE
OWNER_NOT_AUTHORIZED = introspection_pb2.DENIAL_OWNER_NOT_AUTHORIZED


@dataclass(frozen=True, slots=True)
class Photos:
    """A resource with all the services of the corpus, and whoever wants to use them."""

    cluster: Cluster
    stub: Any
    api: Client
    stranger: Client
    resource: str
    elsewhere: str
    group: str
    read: str
    everything: str
    bobs: str
    bobs_everything: str
    alices: str
    robots: str
    robot: Client

    def check(
        self,
        token: str | bytes,
        service: str | bytes,
        *,
        caller: Client | None = None,
        resource: str | bytes | None = None,
        freshness: introspection_pb2.Freshness | None = None,
    ) -> introspection_pb2.CheckAccessResponse:
        """Ask as a resource server."""
        request = introspection_pb2.CheckAccessRequest(
            token=octets(token),
            resource=octets(self.resource if resource is None else resource),
            service=octets(service),
            freshness=freshness,
        )
        metadata = (("authorization", basic(caller or self.api)),)
        answer: introspection_pb2.CheckAccessResponse = self.stub.CheckAccess(
            request, metadata=metadata, timeout=SECONDS
        )
        return answer

    def explain(
        self, token: str, service: str, *, resource: str | None = None, credential: str | None = None
    ) -> introspection_pb2.ExplainAccessResponse:
        """Ask as an operator."""
        request = introspection_pb2.ExplainAccessRequest(
            token=token.encode(), resource=(resource or self.resource).encode(), service=service.encode()
        )
        metadata = (("authorization", f"Bearer {credential or self.cluster.admin_credential}"),)
        answer: introspection_pb2.ExplainAccessResponse = self.stub.ExplainAccess(
            request, metadata=metadata, timeout=SECONDS
        )
        return answer


def octets(text: str | bytes) -> bytes:
    return text if isinstance(text, bytes) else text.encode()


def basic(client: Client) -> str:
    return f"Basic {b64encode(f'{client.client_id}:{client.client_secret}'.encode()).decode()}"


def resource_server(cluster: Cluster) -> Client:
    return own_client(cluster, "introspect")


def own_client(cluster: Cluster, *scopes: Scope | str) -> Client:
    """Register a client that acts for itself."""
    return cluster.operator.create_client(
        ClientType.CONFIDENTIAL, redirect_uris=(), grant_types=(GrantType.CLIENT_CREDENTIALS,), scopes=scopes
    )


def own_token(cluster: Cluster, client: Client, scope: str | None = None) -> str:
    """Issue a token to a client that acts for itself (RFC 6749 §4.4)."""
    form = {"grant_type": "client_credentials"} | ({} if scope is None else {"scope": scope})
    return str(post_token(cluster.token.http_url, client, form).json()["access_token"])


@pytest.fixture(scope="module")
def photos(cluster: Cluster) -> Iterator[Photos]:
    operator = cluster.operator
    api, stranger = resource_server(cluster), resource_server(cluster)
    bob, alice = operator.create_user(), operator.create_user()
    group = operator.create_group(users=[bob])
    resource = operator.create_resource(callers=[api], services=REGISTERED, groups=[group])
    elsewhere = operator.create_resource(callers=[stranger])
    read = operator.create_scope(covers=[(resource, NARROW)])
    everything = operator.create_scope(covers=[(resource, service) for service in REGISTERED])
    app = operator.create_client(scopes=[read, everything])
    robot = own_client(cluster, everything)

    def token(user: User, scope: Scope) -> str:
        return str(redeem(cluster, sign_in_and_approve(cluster, app, user, [scope])).json()["access_token"])

    channel = grpc.insecure_channel(cluster.introspect.grpc_target)
    yield Photos(
        cluster=cluster,
        stub=introspection_pb2_grpc.IntrospectionServiceStub(channel),
        api=api,
        stranger=stranger,
        resource=resource.identifier,
        elsewhere=elsewhere.identifier,
        group=group,
        read=read.name,
        everything=everything.name,
        bobs=token(bob, read),
        bobs_everything=token(bob, everything),
        alices=token(alice, read),
        robots=own_token(cluster, robot),
        robot=robot,
    )
    channel.close()


def test_bob_sees_his_photos(photos: Photos) -> None:
    """A live token, a scope that covers the service, an owner in its group: the request may be served."""
    answer = photos.check(photos.bobs, "GET /albums/7?page=2")
    assert answer.allowed
    assert (answer.denial, answer.service, answer.http_status) == (ALLOWED, NARROW, 200)
    assert (answer.error, answer.www_authenticate) == ("", "")
    assert answer.token.active
    assert list(answer.token.aud) == [photos.resource]
    assert answer.token.scopes == [photos.read]


def test_alice_is_told_that_she_may_not(photos: Photos) -> None:
    """An owner outside the group gets 403 without an error code, as asking again would not help (RFC 6750 §3.1)."""
    answer = photos.check(photos.alices, "GET /albums/7")
    assert not answer.allowed
    assert (answer.denial, answer.http_status, answer.error) == (OWNER_NOT_AUTHORIZED, 403, "")
    assert answer.www_authenticate == f'Bearer realm="{photos.resource}"'
    assert answer.token.active


def test_a_token_without_the_scope_is_told_that(photos: Photos) -> None:
    """The denial names the scope to ask for (RS-03)."""
    answer = photos.check(photos.bobs, "DELETE /albums/7")
    assert (answer.allowed, answer.denial, answer.http_status) == (False, INSUFFICIENT_SCOPE, 403)
    assert answer.error == "insufficient_scope"
    challenge = f'Bearer realm="{photos.resource}", error="insufficient_scope", scope="{photos.everything}"'
    assert answer.www_authenticate == challenge


def test_a_client_that_acts_for_itself_needs_a_group_too(photos: Photos) -> None:
    """Whoever the token speaks for must be in the group: here a client (RFC 6749 §4.4)."""
    assert photos.check(photos.robots, "GET /albums/7").denial == OWNER_NOT_AUTHORIZED
    operator = photos.cluster.operator
    group = group_pb2.Group(name=photos.group, clients=[photos.robot.client_id])
    update = group_pb2.UpdateGroupRequest(group=group, update_mask=FieldMask(paths=["clients"]))
    operator.call(operator.groups.UpdateGroup, update)
    assert photos.check(photos.robots, "GET /albums/7").allowed
    update.group.ClearField("clients")
    operator.call(operator.groups.UpdateGroup, update)
    assert photos.check(photos.robots, "GET /albums/7").denial == OWNER_NOT_AUTHORIZED
    assert photos.check(photos.bobs, "GET /albums/7").allowed


def test_the_narrow_token_never_passes_on_the_wide_route(photos: Photos) -> None:
    """What is remembered is the record, never a verdict: two routes with different scopes share it."""
    for _ in range(3):
        assert photos.check(photos.bobs, "GET /albums/7").allowed
        assert photos.check(photos.bobs, "DELETE /albums/7").denial == INSUFFICIENT_SCOPE
        assert photos.check(photos.bobs_everything, "DELETE /albums/7").allowed
        assert photos.check(photos.bobs, "GET /albums").denial == INSUFFICIENT_SCOPE


def test_nothing_passes_that_is_not_registered(photos: Photos) -> None:
    """With a token that covers all there is, hostile paths, encodings and names are for no service."""
    for requested in filter(None, (*AMBIGUOUS, *UNREGISTERED)):
        answer = photos.check(photos.bobs_everything, requested)
        assert (answer.denial, answer.service) == (SERVICE_UNKNOWN, ""), requested
        assert (answer.http_status, answer.error) == (403, ""), requested
        assert answer.www_authenticate == f'Bearer realm="{photos.resource}"'
    for requested, service in SELECTED.items():
        answer = photos.check(photos.bobs_everything, requested)
        assert (answer.allowed, answer.service) == (True, service), requested


def test_a_token_that_is_not_live_tells_nothing(photos: Photos) -> None:
    """Unknown, malformed, revoked and foreign tokens get the same 401, and nothing is said of them (RS-03, RS-05)."""
    operator, cluster = photos.cluster.operator, photos.cluster
    revoked = own_token(cluster, photos.robot)
    assert photos.check(revoked, "GET /admin").token.active
    revoke(cluster, photos.robot, revoked)
    scope = operator.create_scope(covers=[(photos.elsewhere, "POST /photos.v1.Albums/Get")])
    other = own_client(cluster, scope, "introspect")
    dead = {
        "for another resource": own_token(cluster, other, scope.name),
        "for the issuer": own_token(cluster, other, "introspect"),
    }
    dead |= {"revoked": revoked, "cut off": photos.bobs[:-1], "garbage": "\0", "blank": " "}
    expected = introspection_pb2.CheckAccessResponse(
        denial=TOKEN_INACTIVE,
        http_status=401,
        error="invalid_token",
        www_authenticate=f'Bearer realm="{photos.resource}", error="invalid_token"',
        token=INACTIVE,
    )
    for name, token in dead.items():
        for requested in ("GET /albums/7", "GET /nowhere", "GET /public/../admin"):
            assert photos.check(token, requested) == expected, name


@pytest.mark.parametrize("token", ["bobs", "garbage"])
@pytest.mark.parametrize(
    "resource", ["its own", "of somebody else", "of nobody", "the issuer"], ids=lambda name: name.replace(" ", "-")
)
def test_a_caller_asks_about_its_own_resources_only(photos: Photos, resource: str, token: str) -> None:
    """Of other resources a caller learns nothing: not of their tokens, nor whether they exist (INTR-06, GRPC-05)."""
    presented = photos.bobs if token == "bobs" else token
    asked = {
        "its own": (photos.resource, photos.stranger),
        "of somebody else": (photos.elsewhere, photos.api),
        "of nobody": ("https://nobody.example", photos.api),
        "the issuer": (photos.cluster.issuer, photos.api),
    }[resource]
    with pytest.raises(grpc.RpcError) as refused:
        photos.check(presented, "GET /albums/7", resource=asked[0], caller=asked[1])
    assert refused.value.code() is grpc.StatusCode.PERMISSION_DENIED
    error: Any = refused.value
    assert failure_of(error).reason == "NOT_ITS_CALLER"
    assert presented not in error.details()


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("token", b""),
        ("service", b""),
        *(("resource", value) for value in (b"", b"\0", b"photos", b"//photos.example", b"https://a b.example")),
        *(("resource", value) for value in (b"https://a.example#", b'https://a.example/"', b"https://\xe9.example")),
        ("resource", b"https://a.example/" + b"a" * 2000),
    ],
    ids=lambda value: repr(value[:24]),
)
def test_what_is_no_question(photos: Photos, field: str, value: bytes) -> None:
    """A question without token or service, or about what is no resource, is INVALID_ARGUMENT (GRPC-03, GRPC-04)."""
    question: dict[str, Any] = {"token": photos.bobs, "service": b"GET /albums/7"} | {field: value}
    with pytest.raises(grpc.RpcError) as refused:
        photos.check(**question)
    assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert str(refused.value.details()).startswith(field)


def test_any_bytes_get_a_verdict(photos: Photos) -> None:
    """Any token at any path is a verdict; any resource is not the caller's or none at all (GRPC-03, GRPC-07)."""
    known = st.sampled_from([photos.bobs.encode(), b"GET /albums/7", photos.resource.encode()])
    anything = st.binary(min_size=1, max_size=80) | known | st.builds(lambda a, b: a + b, known, st.binary(max_size=4))

    @examples(3 * BOUNDED)
    @given(anything, anything)
    def verdict(token: bytes, service: bytes) -> None:
        answer = photos.check(token, service)
        assert answer.allowed is (answer.denial == ALLOWED)
        assert answer.allowed is False or (token == photos.bobs.encode() and answer.service == NARROW)

    @examples(BOUNDED)
    @given(anything)
    def refusal(resource: bytes) -> None:
        if resource == photos.resource.encode():
            return
        with pytest.raises(grpc.RpcError) as refused:
            photos.check(photos.bobs, "GET /albums/7", resource=resource)
        is_one = is_resource_identifier(resource.decode("ascii", "replace"))
        expected = grpc.StatusCode.PERMISSION_DENIED if is_one else grpc.StatusCode.INVALID_ARGUMENT
        assert refused.value.code() is expected

    verdict()
    refusal()


@pytest.mark.parametrize("authorization", ["", "Bearer", "Basic ?", "Bearer tso_x", "Digest x", "x", "Basic Og=="])
@pytest.mark.parametrize("method", ["CheckAccess", "ExplainAccess"])
def test_any_metadata_is_a_refusal(photos: Photos, method: str, authorization: str) -> None:
    """Who is not known gets no verdict, whatever the credential looks like (GRPC-01)."""
    with pytest.raises(grpc.RpcError) as refused:
        getattr(photos.stub, method)(
            getattr(introspection_pb2, f"{method}Request")(token=b"x", resource=b"a:b", service=b"/"),
            metadata=(("authorization", authorization),),
            timeout=SECONDS,
        )
    assert refused.value.code() is grpc.StatusCode.UNAUTHENTICATED


def test_freshness_is_the_caller_s_choice(photos: Photos) -> None:
    """A verdict may be read for this very call, or be an old one, which nobody may go by any longer."""
    read_again = introspection_pb2.Freshness(read_again=True)
    stale = introspection_pb2.Freshness(accept_staleness=Duration(seconds=60))
    assert photos.check(photos.bobs, "GET /albums/7", freshness=read_again).allowed
    assert photos.check(photos.bobs, "GET /albums/7", freshness=stale).allowed
    with pytest.raises(grpc.RpcError) as refused:
        photos.check(photos.bobs, "GET /albums/7", freshness=introspection_pb2.Freshness(read_again=False))
    assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT


CHECKS = ["token", "client", "grant", "owner", "audience", "service", "scope", "group"]


def test_an_operator_is_told_why(photos: Photos) -> None:
    """The explanation ends with the first check that fails, and its verdict is that of CheckAccess."""
    explained = photos.explain(photos.bobs, "GET /albums/7")
    assert explained.verdict.allowed
    assert [step.check for step in explained.steps] == CHECKS
    assert not explained.verdict.HasField("valid_for")
    assert not explained.verdict.token.HasField("valid_for")
    cases = {
        "group": (photos.alices, "GET /albums/7"),
        "scope": (photos.bobs, "DELETE /albums/7"),
        "service": (photos.bobs, "GET /public/../admin"),
        "token": ("garbage", "GET /albums/7"),
    }
    for check, (token, service) in cases.items():
        explained = photos.explain(token, service)
        assert [step.check for step in explained.steps] == CHECKS[: CHECKS.index(check) + 1]
        assert not explained.steps[-1].passed
        assert explained.verdict == without_valid_for(photos.check(token, service))


def without_valid_for(answer: introspection_pb2.CheckAccessResponse) -> introspection_pb2.CheckAccessResponse:
    answer.ClearField("valid_for")
    answer.token.ClearField("valid_for")
    return answer


def test_an_operator_may_ask_about_any_resource(photos: Photos) -> None:
    """A resource that nobody registered, and one that the token is not for, are explained too."""
    for resource in (photos.elsewhere, "https://nobody.example", photos.cluster.issuer):
        explained = photos.explain(photos.bobs, "GET /albums/7", resource=resource)
        assert explained.verdict.denial == TOKEN_INACTIVE
        assert (explained.steps[-1].check, explained.steps[-1].finding) == (
            "audience",
            f"the token is for {photos.resource}",
        )


def test_who_may_have_it_explained(photos: Photos) -> None:
    """Operators of either role may; resource servers, unknown operators and revoked ones may not (GRPC-01)."""
    operator = photos.cluster.operator
    name = f"viewer-{photos.group}"
    viewer = operator.call(
        operator.operators.CreateOperator,
        operator_pb2.CreateOperatorRequest(name=name, role=operator_pb2.OPERATOR_ROLE_VIEWER),
    ).credential
    assert photos.explain(photos.bobs, "GET /albums/7", credential=viewer).verdict.allowed
    operator.call(operator.operators.DeleteOperator, operator_pb2.DeleteOperatorRequest(name=name))
    invented = new_credential(CredentialType.OPERATOR, b"x" * 32)
    for credential in (viewer, invented):
        with pytest.raises(grpc.RpcError) as refused:
            photos.explain(photos.bobs, "GET /albums/7", credential=credential)
        assert refused.value.code() is grpc.StatusCode.UNAUTHENTICATED
    request = introspection_pb2.ExplainAccessRequest(token=b"x", resource=b"a:b", service=b"/")
    with pytest.raises(grpc.RpcError) as refused:
        photos.stub.ExplainAccess(request, metadata=(("authorization", basic(photos.api)),), timeout=SECONDS)
    assert refused.value.code() is grpc.StatusCode.PERMISSION_DENIED


def test_operators_are_no_resource_servers(photos: Photos) -> None:
    """An operator's credential asks about no token on a resource server's behalf (GRPC-01)."""
    metadata = (("authorization", f"Bearer {photos.cluster.admin_credential}"),)
    token = photos.bobs.encode()
    for call, request in (
        (photos.stub.Introspect, introspection_pb2.IntrospectRequest(token=token)),
        (photos.stub.CheckAccess, introspection_pb2.CheckAccessRequest(token=token)),
    ):
        with pytest.raises(grpc.RpcError) as refused:
            call(request, metadata=metadata, timeout=SECONDS)
        assert refused.value.code() is grpc.StatusCode.PERMISSION_DENIED
