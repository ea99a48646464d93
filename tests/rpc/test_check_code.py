"""`AuthorizationCodeService.CheckCode` over gRPC: what token is told of a code."""

import secrets
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import grpc
import pytest
from google.rpc import error_details_pb2
from grpc_status import rpc_status
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tallystick.authorize.v1 import authorization_code_pb2 as pb
from tallystick.authorize.v1.authorization_code_pb2_grpc import AuthorizationCodeServiceStub
from tallystick.oauth2.authorization_code import new_authorization_code
from tallystick.oauth2.client import ClientType
from tallystick.oauth2.opaque_token import CredentialType, digest, new_credential
from tallystick.oauth2.pkce import s256
from tests.integration.authorize.browser import Browser, told
from tests.support.cluster import Cluster
from tests.support.flow import Approval, sign_in_and_approve
from tests.support.operator_client import Client, User
from tests.support.stores import Server

SECONDS = 10.0
UNKNOWN = (grpc.StatusCode.NOT_FOUND, "CODE_UNKNOWN")
MISMATCH = (grpc.StatusCode.FAILED_PRECONDITION, "CODE_MISMATCH")


@dataclass(frozen=True, slots=True)
class Token:
    """Calls as the token service does."""

    stub: AuthorizationCodeServiceStub
    credential: str

    def check(self, request: pb.CheckCodeRequest, *more: tuple[str, str]) -> pb.CheckCodeResponse:
        """Return the answer to a call, with more metadata if there is any."""
        metadata = (("authorization", f"Bearer {self.credential}"), *more)
        answer: pb.CheckCodeResponse = self.stub.CheckCode(request, timeout=SECONDS, metadata=metadata)
        return answer

    def refused(self, request: pb.CheckCodeRequest) -> tuple[grpc.StatusCode, str]:
        """Return status and reason of the refusal."""
        with pytest.raises(grpc.RpcError) as refusal:
            self.check(request)
        info = error_details_pb2.ErrorInfo()
        for detail in rpc_status.from_call(refusal.value).details:
            detail.Unpack(info)
        return refusal.value.code(), info.reason


@pytest.fixture(scope="module")
def channel(cluster: Cluster) -> Iterator[grpc.Channel]:
    with grpc.insecure_channel(cluster.authorize.grpc_target) as opened:
        yield opened


@pytest.fixture(scope="module")
def token(cluster: Cluster, channel: grpc.Channel) -> Token:
    return Token(AuthorizationCodeServiceStub(channel), token_credential(cluster))


@pytest.fixture
def user(cluster: Cluster) -> User:
    return cluster.operator.create_user()


@pytest.fixture
def client(cluster: Cluster) -> Client:
    return cluster.operator.create_client(scopes=(cluster.operator.create_scope(),))


@pytest.fixture
def approval(cluster: Cluster, client: Client, user: User) -> Approval:
    return sign_in_and_approve(cluster, client, user)


def token_credential(cluster: Cluster) -> str:
    """Return the credential that the token service of a cluster has."""
    return (cluster.folder / "token-credential").read_text().strip()


def presented(approval: Approval, **changes: object) -> pb.CheckCodeRequest:
    """Return a code as its client presents it, with changes; None leaves a field out."""
    fields: dict[str, Any] = {
        "code": approval.code.encode(),
        "client_id": approval.client.client_id,
        "redirect_uri": approval.redirect_uri.encode(),
        "code_verifier": approval.verifier.encode(),
        **changes,
    }
    return pb.CheckCodeRequest(**{name: value for name, value in fields.items() if value is not None})


def test_a_code_stands_for_what_was_approved(token: Token, approval: Approval, user: User, client: Client) -> None:
    """What a grant needs is told, and the code itself only as a digest (RESP-05)."""
    answer = token.check(presented(approval))
    assert UUID(answer.grant_id).version == 4
    assert (approval.code.partition(".")[0], digest(approval.code)) == (answer.code_id, answer.code_digest)
    assert (user.user_id, list(client.scopes)) == (answer.user_id, list(answer.scopes))
    assert (approval.redirect_uri, True) == (answer.redirect_uri, answer.redirect_uri_sent)
    assert (s256(approval.verifier), pb.CODE_CHALLENGE_METHOD_S256) == (
        answer.code_challenge,
        answer.code_challenge_method,
    )
    assert (answer.client_epoch, answer.user_epoch, answer.consent_epoch) == (0, 0, 0)


def test_a_mismatch_is_told_with_the_address_of_the_app(cluster: Cluster, token: Token, approval: Approval) -> None:
    """The audit has the address that token was asked from, not token's own (OPS-04)."""
    with pytest.raises(grpc.RpcError):
        token.check(presented(approval, code_verifier=b"x" * 43), ("x-client-address", "203.0.113.9"))
    with cluster.database.connect() as owner:
        [event] = owner.execute(
            "SELECT source FROM audit_events WHERE event = 'code_mismatched' AND client_id = %s",
            (approval.client.client_id,),
        ).fetchall()
    assert event == {"source": "203.0.113.9"}


def test_every_presentation_gets_the_same_answer(cluster: Cluster, token: Token, approval: Approval) -> None:
    """Parallel presentations, over two replicas, all get the same yes, as nothing is spent here (TOK-07)."""
    replica = cluster.start("authorize")
    with grpc.insecure_channel(replica.grpc_target) as channel, ThreadPoolExecutor(8) as threads:
        both = (token, Token(AuthorizationCodeServiceStub(channel), token.credential))
        answers = list(threads.map(lambda n: both[n % 2].check(presented(approval)), range(40)))
    assert [answers[0]] * 40 == answers
    replica.stop()


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"code": b""}, UNKNOWN),
        ({"code": b"\xff\xfe"}, UNKNOWN),
        ({"code": b"\0" * 66}, UNKNOWN),
        ({"code": new_authorization_code(bytes(16), bytes(32)).text.encode()}, UNKNOWN),
        ({"client_id": ""}, MISMATCH),
        ({"client_id": "someone-else"}, MISMATCH),
        ({"client_id": "\0"}, MISMATCH),
        ({"redirect_uri": b""}, MISMATCH),
        ({"redirect_uri": b"https://evil.example/"}, MISMATCH),
        ({"redirect_uri": b"\xff"}, MISMATCH),
        ({"code_verifier": None}, MISMATCH),
        ({"code_verifier": b""}, MISMATCH),
        ({"code_verifier": b"x" * 43}, MISMATCH),
        ({"code_verifier": b"\xff" * 43}, MISMATCH),
    ],
)
def test_what_does_not_fit_is_refused(
    token: Token, approval: Approval, changes: dict[str, object], expected: tuple[grpc.StatusCode, str]
) -> None:
    """Another code, client, redirect URI or verifier is refused, and the code is as good as before (TOK-03, TOK-04)."""
    assert expected == token.refused(presented(approval, **changes))
    assert token.check(presented(approval)).grant_id


def test_the_challenge_is_not_its_verifier(token: Token, approval: Approval) -> None:
    """Whoever saw the request cannot redeem the code (PKCE-04)."""
    challenge = s256(approval.verifier).encode()
    assert token.refused(presented(approval, code_verifier=challenge)) == MISMATCH


def test_another_secret_under_the_same_id_is_refused(token: Token, approval: Approval) -> None:
    """The id, which is not secret, is not enough (GEN-07)."""
    code_id = approval.code.partition(".")[0]
    guess = f"{code_id}.{secrets.token_urlsafe(32)}".encode()
    assert token.refused(presented(approval, code=guess)) == MISMATCH


def test_verifiers_of_two_flows_cannot_be_swapped(cluster: Cluster, token: Token, client: Client, user: User) -> None:
    """A challenge is bound to its code (PKCE-06)."""
    first, second = (sign_in_and_approve(cluster, client, user) for _ in range(2))
    for approval, other in ((first, second), (second, first)):
        assert token.refused(presented(approval, code_verifier=other.verifier.encode())) == MISMATCH


def test_the_redirect_uri_may_be_left_out(token: Token, approval: Approval) -> None:
    """With a challenge the redirect URI need not be repeated (TOK-04)."""
    assert token.check(presented(approval, redirect_uri=None)).redirect_uri_sent


@pytest.mark.parametrize("changes", [{}, {"code_verifier": None}])
@given(octets=st.binary(max_size=200), field=st.sampled_from(["code", "redirect_uri", "code_verifier"]))
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_bytes_get_a_verdict(
    token: Token, approval: Approval, changes: dict[str, object], octets: bytes, field: str
) -> None:
    """No bytes end in an internal error (GRPC-03)."""
    assert token.refused(presented(approval, **{**changes, field: octets})) in {UNKNOWN, MISMATCH}


CHANGES = {
    "client disabled": "UPDATE clients SET enabled = false WHERE client_id = %(client_id)s",
    "client revoked": "UPDATE clients SET epoch = epoch + 1 WHERE client_id = %(client_id)s",
    "client deleted": "DELETE FROM clients WHERE client_id = %(client_id)s",
    "user disabled": "UPDATE users SET enabled = false WHERE username = %(username)s",
    "user revoked": "UPDATE users SET epoch = epoch + 1 WHERE username = %(username)s",
    "user deleted": "DELETE FROM users WHERE username = %(username)s",
    "consent withdrawn": "UPDATE consents SET epoch = epoch + 1 WHERE client_id = %(client_id)s",
    "consent deleted": "DELETE FROM consents WHERE client_id = %(client_id)s",
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_code_ends_with_what_it_rests_on(
    cluster: Cluster, token: Token, approval: Approval, user: User, change: str
) -> None:
    """What happens to client, user or consent between code and redemption counts (TOK-09)."""
    values = {"client_id": approval.client.client_id, "username": user.username}
    with cluster.database.connect() as connection:
        connection.execute(CHANGES[change], values)
    assert token.refused(presented(approval)) == MISMATCH


def test_a_client_without_challenge_owes_its_redirect_uri(cluster: Cluster, token: Token, user: User) -> None:
    """Where the operator frees confidential clients of PKCE, the redirect URI binds the code (PKCE-03, TOK-04)."""
    client = cluster.operator.create_client(ClientType.CONFIDENTIAL, scopes=(cluster.operator.create_scope(),))
    replica = cluster.start("authorize", {"REQUIRE_PKCE": "public"})
    with Browser(cluster, replica) as browser:
        form = browser.consent_page(client, user, code_challenge=None, code_challenge_method=None)
        code = told(browser.answer(form), client)["code"]
    replica.stop()
    approval = Approval(client, code, "x" * 43, client.redirect_uris[0], "xyz", cluster.issuer)
    answer = token.check(presented(approval, code_verifier=None))
    assert not answer.HasField("code_challenge")
    assert answer.code_challenge_method == pb.CODE_CHALLENGE_METHOD_UNSPECIFIED
    assert token.refused(presented(approval, code_verifier=None, redirect_uri=None)) == MISMATCH
    assert token.refused(presented(approval)) == MISMATCH


@pytest.mark.parametrize("service", ["authorize", "introspect"])
def test_other_services_may_not_ask(cluster: Cluster, token: Token, approval: Approval, service: str) -> None:
    """Only token has an entry for this method (GRPC-01)."""
    other = Token(token.stub, (cluster.folder / f"{service}-credential").read_text().strip())
    assert other.refused(presented(approval)) == (grpc.StatusCode.PERMISSION_DENIED, "PERMISSION_DENIED")


def test_an_operator_may_not_ask(cluster: Cluster, token: Token, approval: Approval) -> None:
    """Not even an administrator looks codes up (GRPC-01)."""
    operator = Token(token.stub, cluster.admin_credential)
    assert operator.refused(presented(approval)) == (grpc.StatusCode.PERMISSION_DENIED, "PERMISSION_DENIED")


@pytest.mark.parametrize(
    "credential",
    [
        "x",
        "tsv_",
        new_credential(CredentialType.SERVICE, bytes(32)),
        new_credential(CredentialType.OPERATOR, bytes(32)),
    ],
)
def test_nobody_known_may_not_ask(token: Token, approval: Approval, credential: str) -> None:
    """An unknown credential is refused before any code is looked up (GRPC-01)."""
    stranger = Token(token.stub, credential)
    assert stranger.refused(presented(approval)) == (grpc.StatusCode.UNAUTHENTICATED, "UNAUTHENTICATED")


def test_no_credential_is_nobody(token: Token, approval: Approval) -> None:
    """A call without credential is refused (GRPC-01)."""
    with pytest.raises(grpc.RpcError) as refusal:
        token.stub.CheckCode(presented(approval), timeout=SECONDS)
    assert refusal.value.code() == grpc.StatusCode.UNAUTHENTICATED


def test_refusals_are_logged_without_secrets(cluster: Cluster, token: Token, approval: Approval) -> None:
    """The log says what did not fit, and holds neither code nor verifier (GEN-11)."""
    token.refused(presented(approval, redirect_uri=b"https://evil.example/"))
    token.check(presented(approval))
    written = cluster.output()
    assert "another redirect_uri" in written
    for secret in (approval.code, approval.code.partition(".")[2], approval.verifier):
        assert secret not in written


@pytest.mark.parametrize("store", ["own_redis", "own_postgres"])
def test_a_store_that_fails_is_no_mismatch(own_cluster: Cluster, store: str, request: pytest.FixtureRequest) -> None:
    """Without a store the code is neither unknown nor wrong, and afterwards it is as good as before (GRPC-03)."""
    server: Server = request.getfixturevalue(store)
    client = own_cluster.operator.create_client(scopes=(own_cluster.operator.create_scope(),))
    approval = sign_in_and_approve(own_cluster, client, own_cluster.operator.create_user())
    with grpc.insecure_channel(own_cluster.authorize.grpc_target) as channel:
        token = Token(AuthorizationCodeServiceStub(channel), token_credential(own_cluster))
        server.pause()
        try:
            assert token.refused(presented(approval)) == (grpc.StatusCode.UNAVAILABLE, "UNAVAILABLE")
        finally:
            server.resume()
        assert token.check(presented(approval)).grant_id
