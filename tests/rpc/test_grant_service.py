"""`GrantService` over gRPC: what operators see and end, and who is not let in."""

import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import grpc
import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from google.rpc import error_details_pb2
from grpc_status import rpc_status

from tallystick.oauth2.opaque_token import CredentialType, digest, new_credential
from tallystick.token.v1 import grant_pb2 as pb
from tallystick.token.v1.grant_pb2_grpc import GrantServiceStub
from tests.support.cluster import Cluster

SECONDS = 10.0
_ADD_GRANT = """
INSERT INTO grants (grant_id, code_id, code_digest, redemption_id, client_id, user_id, scopes, redirect_uri,
    redirect_uri_sent, client_epoch, user_epoch, consent_epoch, created_at, refresh_generation, refresh_digest,
    refresh_limit_left, refresh_idle_expires_at, refresh_expires_at, ended_at, end_reason)
VALUES (%(grant_id)s, %(code_id)s, sha256('c'), gen_random_uuid(), %(client_id)s, %(user_id)s, '{photos.read}',
    'https://client.example/callback', true, 0, 0, 0, %(created_at)s, 3, sha256('r'), %(left)s,
    %(created_at)s + interval '14 d', %(created_at)s + interval '30 d', %(ended_at)s, %(end_reason)s)
"""
_ADD_OPERATOR = "INSERT INTO operators (name, digest, role, expires_at) VALUES (%s, %s, %s, %s)"
NOW = datetime(2026, 11, 22, 12, 0, 0, 123456, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Grants:
    """`GrantService` as somebody with a credential calls it."""

    stub: GrantServiceStub
    authorization: str | None

    def get(self, grant_id: str) -> pb.Grant:
        """Call GetGrant."""
        request = pb.GetGrantRequest(grant_id=grant_id)
        return self.stub.GetGrant(request, timeout=SECONDS, metadata=self._metadata).grant

    def timeline(self, grant_id: str) -> pb.GetGrantTimelineResponse:
        """Call GetGrantTimeline."""
        request = pb.GetGrantTimelineRequest(grant_id=grant_id)
        return self.stub.GetGrantTimeline(request, timeout=SECONDS, metadata=self._metadata)

    def list(self, request: pb.ListGrantsRequest) -> pb.ListGrantsResponse:
        """Call ListGrants."""
        return self.stub.ListGrants(request, timeout=SECONDS, metadata=self._metadata)

    def revoke(self, grant_id: str) -> pb.Grant:
        """Call RevokeGrant."""
        request = pb.RevokeGrantRequest(grant_id=grant_id)
        return self.stub.RevokeGrant(request, timeout=SECONDS, metadata=self._metadata).grant

    @property
    def _metadata(self) -> tuple[tuple[str, str], ...]:
        return () if self.authorization is None else (("authorization", self.authorization),)


@dataclass(frozen=True, slots=True)
class Owner:
    """One client and one user of a test's own, and their grants, newest first."""

    client_id: str
    user_id: str
    grant_ids: tuple[str, ...]


@pytest.fixture
def owner(cluster: Cluster) -> Owner:
    return add_grants(cluster, 5)


def new_client_id() -> str:
    """Draw a client_id."""
    return "".join(secrets.choice("abcdefghijklmnopqrstuvwxyz234567") for _ in range(26))


def add_grants(cluster: Cluster, count: int, *, ended: str | None = None, left: int | None = None) -> Owner:
    """Add grants as they look after three refreshes, one a minute."""
    client_id, user_id = new_client_id(), uuid4()
    grant_ids = [str(uuid4()) for _ in range(count)]
    with cluster.database.connect() as connection:
        for minutes, grant_id in enumerate(grant_ids):
            values = {
                "grant_id": grant_id,
                "code_id": grant_id,
                "client_id": client_id,
                "user_id": user_id,
                "created_at": NOW - timedelta(minutes=minutes),
                "left": left,
                "ended_at": ended and NOW,
                "end_reason": ended,
            }
            connection.execute(_ADD_GRANT, values)
    return Owner(client_id, str(user_id), tuple(grant_ids))


@pytest.fixture
def grants(cluster: Cluster) -> Iterator[Grants]:
    with stub(cluster) as grants:
        yield Grants(grants, f"Bearer {cluster.admin_credential}")


@contextmanager
def stub(cluster: Cluster) -> Iterator[GrantServiceStub]:
    """Give a stub that adds no credential."""
    with grpc.insecure_channel(cluster.token.grpc_target) as channel:
        yield GrantServiceStub(channel)


def add_operator(cluster: Cluster, role: str, expires_at: datetime | None = None) -> str:
    """Add an operator and return the credential."""
    credential = new_credential(CredentialType.OPERATOR, secrets.token_bytes(32))
    with cluster.database.connect() as connection:
        connection.execute(_ADD_OPERATOR, (f"op-{secrets.token_hex(6)}", digest(credential), role, expires_at))
    return credential


def refused(error: pytest.ExceptionInfo[grpc.RpcError]) -> tuple[grpc.StatusCode, str]:
    """Return status and reason of a refused call."""
    status = rpc_status.from_call(error.value)
    info = error_details_pb2.ErrorInfo()
    assert status is not None
    assert status.details[0].Unpack(info)
    return error.value.code(), info.reason


def timestamp(moment: datetime) -> Timestamp:
    """Return a moment as protobuf has it."""
    message = Timestamp()
    message.FromDatetime(moment)
    return message


def end_reason_logged(cluster: Cluster, grant_id: str) -> int:
    """Count the lines of the log that say that a grant must be read again."""
    with cluster.database.connect() as connection:
        statement = "SELECT position FROM invalidations WHERE kind = 'grant' AND key = %s"
        return len(connection.execute(statement, (grant_id,)).fetchall())


def test_a_grant_is_shown_with_all_its_fields(grants: Grants, owner: Owner) -> None:
    """A live grant without limit has neither end nor refreshes left."""
    grant = grants.get(owner.grant_ids[0])
    assert grant == pb.Grant(
        grant_id=owner.grant_ids[0],
        client_id=owner.client_id,
        user_id=owner.user_id,
        scopes=["photos.read"],
        created_at=timestamp(NOW),
        refresh_generation=3,
        refresh_expires_at=timestamp(NOW + timedelta(days=30)),
    )
    assert not grant.HasField("refreshes_left")


@pytest.mark.parametrize(
    ("reason", "expected"),
    [
        ("code_replayed", pb.END_REASON_CODE_REPLAYED),
        ("refresh_reused", pb.END_REASON_REFRESH_REUSED),
        ("revoked_by_operator", pb.END_REASON_REVOKED_BY_OPERATOR),
    ],
)
def test_an_ended_grant_says_why(
    cluster: Cluster, grants: Grants, reason: str, expected: pb.EndReason.ValueType
) -> None:
    """When and why a grant ended is shown, and a limit of 0 left is not mistaken for none."""
    owner = add_grants(cluster, 1, ended=reason, left=0)
    grant = grants.get(owner.grant_ids[0])
    assert (grant.end_reason, grant.ended_at) == (expected, timestamp(NOW))
    assert grant.HasField("refreshes_left")


@pytest.mark.parametrize("call", [Grants.get, Grants.timeline, Grants.revoke])
@pytest.mark.parametrize(
    ("grant_id", "expected"),
    [
        (str(UUID(int=1)), (grpc.StatusCode.NOT_FOUND, "NOT_FOUND")),
        ("", (grpc.StatusCode.INVALID_ARGUMENT, "INVALID")),
        ("x", (grpc.StatusCode.INVALID_ARGUMENT, "INVALID")),
        ("'; DROP TABLE grants; --", (grpc.StatusCode.INVALID_ARGUMENT, "INVALID")),
    ],
)
def test_a_grant_that_is_not_there(
    grants: Grants, call: Callable[[Grants, str], object], grant_id: str, expected: tuple[grpc.StatusCode, str]
) -> None:
    """An unknown id is not found, and what is no id is invalid."""
    with pytest.raises(grpc.RpcError) as error:
        call(grants, grant_id)
    assert refused(error) == expected


def test_grants_are_listed_newest_first(grants: Grants, owner: Owner) -> None:
    """One client's grants come newest first, on one page."""
    answer = grants.list(pb.ListGrantsRequest(client_id=owner.client_id))
    assert [grant.grant_id for grant in answer.grants] == list(owner.grant_ids)
    assert answer.next_page_token == ""


def test_pages_follow_one_another(grants: Grants, owner: Owner) -> None:
    """Page by page nothing is left out or repeated, and the last page says so."""
    seen, token, pages = [], "", 0
    while pages == 0 or token:
        request = pb.ListGrantsRequest(user_id=owner.user_id, page_size=2, page_token=token)
        answer = grants.list(request)
        seen += [grant.grant_id for grant in answer.grants]
        token, pages = answer.next_page_token, pages + 1
    assert (seen, pages) == (list(owner.grant_ids), 3)


def test_a_full_last_page_has_no_successor(grants: Grants, owner: Owner) -> None:
    """When the page ends with the last grant there is no further, empty one."""
    answer = grants.list(pb.ListGrantsRequest(client_id=owner.client_id, page_size=5))
    assert (len(answer.grants), answer.next_page_token) == (5, "")


def test_ended_grants_are_listed_on_demand(cluster: Cluster, grants: Grants) -> None:
    """Ended grants are left out unless asked for."""
    owner = add_grants(cluster, 2, ended="code_replayed")
    request = pb.ListGrantsRequest(client_id=owner.client_id)
    assert list(grants.list(request).grants) == []
    request.include_ended = True
    assert [grant.grant_id for grant in grants.list(request).grants] == list(owner.grant_ids)


@pytest.mark.parametrize(
    "request_",
    [
        pb.ListGrantsRequest(page_size=-1),
        pb.ListGrantsRequest(page_token="x"),
        pb.ListGrantsRequest(page_token="_" * 32),
        pb.ListGrantsRequest(page_token="a\0" * 16),
        pb.ListGrantsRequest(user_id="bob"),
        pb.ListGrantsRequest(user_id="\0" * 32),
        pb.ListGrantsRequest(client_id="bob"),
        pb.ListGrantsRequest(client_id="a\0b"),
        pb.ListGrantsRequest(client_id="a" * 25 + "\0"),
        pb.ListGrantsRequest(client_id="a" * 26 + "\n"),
        pb.ListGrantsRequest(client_id="a" * 1_000),
    ],
    ids=[
        "negative size",
        "short token",
        "token beyond time",
        "token with NUL",
        "user is no UUID",
        "user of NUL",
        "no client_id",
        "client with NUL",
        "client that ends in NUL",
        "client and a newline",
        "client without end",
    ],
)
def test_a_list_that_makes_no_sense_is_refused(grants: Grants, request_: pb.ListGrantsRequest) -> None:
    """What cannot be meant is invalid, and never our own fault (GRPC-03)."""
    with pytest.raises(grpc.RpcError) as error:
        grants.list(request_)
    assert refused(error) == (grpc.StatusCode.INVALID_ARGUMENT, "INVALID")


def test_a_client_without_grants_has_an_empty_list(grants: Grants) -> None:
    """A filter that fits nothing is no error."""
    assert grants.list(pb.ListGrantsRequest(client_id=new_client_id())) == pb.ListGrantsResponse()


def test_revoking_ends_a_grant_once(cluster: Cluster, grants: Grants, owner: Owner) -> None:
    """A revoked grant has ended by an operator, a repeat changes nothing, log and story have it once (OPS-04)."""
    first = grants.revoke(owner.grant_ids[0])
    assert first.end_reason == pb.END_REASON_REVOKED_BY_OPERATOR
    assert first.HasField("ended_at")
    assert grants.revoke(owner.grant_ids[0]) == first
    assert end_reason_logged(cluster, owner.grant_ids[0]) == 1
    story = grants.timeline(owner.grant_ids[0])
    [event] = story.events
    assert story.grant == first
    assert (event.event, event.outcome, dict(event.attributes)) == (
        "grant_ended",
        "success",
        {"end_reason": "revoked_by_operator"},
    )
    assert event.actor.startswith("operator:")
    assert event.HasField("occurred_at")
    left = grants.list(pb.ListGrantsRequest(client_id=owner.client_id)).grants
    assert [grant.grant_id for grant in left] == list(owner.grant_ids[1:])


def test_revoking_leaves_an_earlier_end_as_it_was(cluster: Cluster, grants: Grants) -> None:
    """A grant that ended by replay keeps time and reason, and nobody is told of another end."""
    owner = add_grants(cluster, 1, ended="code_replayed")
    grant = grants.revoke(owner.grant_ids[0])
    assert (grant.end_reason, grant.ended_at) == (pb.END_REASON_CODE_REPLAYED, timestamp(NOW))
    assert end_reason_logged(cluster, owner.grant_ids[0]) == 0
    assert list(grants.timeline(owner.grant_ids[0]).events) == []


@pytest.mark.parametrize(
    "authorization",
    [
        None,
        "",
        "Bearer",
        "Bearer x",
        "Basic YTpi",
        "Bearer " + new_credential(CredentialType.OPERATOR, b"x" * 32),
        "Bearer " + new_credential(CredentialType.SERVICE, b"x" * 32),
        "Bearer " + new_credential(CredentialType.CLIENT_SECRET, b"x" * 32),
    ],
)
def test_strangers_are_refused_before_anything_is_looked_up(
    cluster: Cluster, owner: Owner, authorization: str | None
) -> None:
    """Without a known operator's credential nobody learns whether a grant is there (GRPC-01)."""
    for grant_id in (owner.grant_ids[0], "no uuid"):
        with stub(cluster) as plain, pytest.raises(grpc.RpcError) as error:
            Grants(plain, authorization).get(grant_id)
        assert refused(error) == (grpc.StatusCode.UNAUTHENTICATED, "UNAUTHENTICATED")


def test_an_expired_operator_is_refused(cluster: Cluster, owner: Owner) -> None:
    """An operator's time ends by the database's clock (GRPC-01)."""
    credential = add_operator(cluster, "admin", datetime.now(UTC) - timedelta(seconds=1))
    with stub(cluster) as plain, pytest.raises(grpc.RpcError) as error:
        Grants(plain, f"Bearer {credential}").revoke(owner.grant_ids[0])
    assert refused(error) == (grpc.StatusCode.UNAUTHENTICATED, "UNAUTHENTICATED")


def test_a_viewer_looks_and_ends_nothing(cluster: Cluster, owner: Owner) -> None:
    """The role viewer may read grants and not revoke them (GRPC-01)."""
    credential = add_operator(cluster, "viewer")
    with stub(cluster) as plain:
        grants = Grants(plain, f"Bearer {credential}")
        assert len(grants.list(pb.ListGrantsRequest(client_id=owner.client_id)).grants) == 5
        with pytest.raises(grpc.RpcError) as error:
            grants.revoke(owner.grant_ids[0])
        grant = grants.timeline(owner.grant_ids[0]).grant
    assert refused(error) == (grpc.StatusCode.PERMISSION_DENIED, "PERMISSION_DENIED")
    assert not grant.HasField("ended_at")


def test_a_call_without_deadline_is_bounded_here(cluster: Cluster, grants: Grants, owner: Owner) -> None:
    """A caller that sets no deadline is answered like any other."""
    metadata = (("authorization", f"Bearer {cluster.admin_credential}"),)
    request = pb.GetGrantRequest(grant_id=owner.grant_ids[0])
    assert grants.stub.GetGrant(request, metadata=metadata).grant.grant_id == owner.grant_ids[0]


def test_the_log_has_no_credential(cluster: Cluster, grants: Grants, owner: Owner) -> None:
    """Calls are logged by method and outcome, without metadata (GRPC-05)."""
    grants.get(owner.grant_ids[0])
    assert "/tallystick.token.v1.GrantService/GetGrant" in cluster.token.stdout
    assert cluster.admin_credential not in cluster.output()
