"""Wrong client secrets, again and again, at every endpoint that takes them."""

from collections.abc import Iterator

import grpc
import pytest
from google.rpc import error_details_pb2
from grpc_status import rpc_status

from tallystick.introspect.v1 import introspection_pb2, introspection_pb2_grpc
from tests.support.cluster import Cluster
from tests.support.doors import INTROSPECT, REVOKE, SERVICES, TOKEN, Basic, Doors
from tests.support.flow import SECONDS

LIMIT = 10


@pytest.fixture
def doors(cluster: Cluster) -> Iterator[Doors]:
    """With a client that nobody has failed to be."""
    with Doors(cluster, cluster.issuer) as doors:
        yield doors


@pytest.mark.parametrize("path", SERVICES)
def test_wrong_secrets_are_told_to_wait_and_the_right_one_is_not(doors: Doors, path: str) -> None:
    """The eleventh wrong secret in a minute is 429 with Retry-After, and locks nobody out (GEN-09)."""
    form, wrong = doors.good_form(path), Basic(doors.client.client_id, "wrong").header
    answers = [doors.post(path, form, wrong) for _ in range(LIMIT + 2)]
    assert [answer.status_code for answer in answers] == [401] * LIMIT + [429] * 2
    assert {answer.json()["error"] for answer in answers} == {"invalid_client", "temporarily_unavailable"}
    assert 1 <= int(answers[-1].headers["retry-after"]) <= 60
    assert doors.post(path, form).status_code == 200
    assert doors.post(path, form, wrong).status_code == 429
    assert doors.post(path, form, Basic(doors.new_client().client_id, "wrong").header).status_code == 401


@pytest.mark.parametrize("path", SERVICES)
def test_an_unknown_client_is_told_the_same(doors: Doors, path: str) -> None:
    """By neither answer nor count can anybody tell whether a client exists (CAUTH-06, GEN-09)."""
    form, known, unknown = doors.good_form(path), doors.client.client_id, doors.client.client_id[::-1]
    for _ in range(LIMIT + 1):
        first, second = (doors.post(path, form, Basic(name, "wrong").header) for name in (known, unknown))
        assert (first.status_code, first.json()) == (second.status_code, second.json())
        assert first.headers.get("www-authenticate") == second.headers.get("www-authenticate")
    assert first.status_code == 429


def test_one_limit_holds_for_both_endpoints_of_a_service(doors: Doors) -> None:
    """Whoever fails at the token endpoint has failed at the revocation endpoint too (GEN-09)."""
    wrong = Basic(doors.client.client_id, "wrong").header
    for _ in range(LIMIT):
        doors.post(TOKEN, doors.good_form(TOKEN), wrong)
    assert doors.post(REVOKE, doors.good_form(REVOKE), wrong).status_code == 429


def test_what_is_throttled_fills_no_audit(doors: Doors) -> None:
    """The audit knows of each failure that was answered, and no flood fills it (OPS-04)."""
    wrong = Basic(doors.client.client_id, "wrong").header
    for _ in range(LIMIT + 10):
        doors.post(TOKEN, doors.good_form(TOKEN), wrong)
    with doors.cluster.database.connect() as connection:
        rows = connection.execute(
            "SELECT source FROM audit_events WHERE client_id = %(client_id)s AND outcome = 'refused'",
            {"client_id": doors.client.client_id},
        ).fetchall()
    assert [row["source"] for row in rows] == ["127.0.0.1"] * LIMIT


def test_over_grpc_it_is_the_same_limit(doors: Doors) -> None:
    """RESOURCE_EXHAUSTED with the time to wait, counted together with HTTP (GEN-09, GRPC-03)."""
    with grpc.insecure_channel(doors.cluster.introspect.grpc_target) as channel:
        stub = introspection_pb2_grpc.IntrospectionServiceStub(channel)

        def ask(secret: str) -> grpc.Call:
            metadata = tuple(Basic(doors.client.client_id, secret).header.items())
            question = introspection_pb2.IntrospectRequest(token=b"x")
            call = stub.Introspect.future(question, timeout=SECONDS, metadata=metadata)
            call.exception()
            return call

        over_http = doors.post(INTROSPECT, {"token": "x"}, Basic(doors.client.client_id, "wrong").header)
        calls = [ask("wrong") for _ in range(LIMIT)]
        assert over_http.status_code == 401
        assert [call.code() for call in calls[:-1]] == [grpc.StatusCode.UNAUTHENTICATED] * (LIMIT - 1)
        assert calls[-1].code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        delay = error_details_pb2.RetryInfo()
        assert any(detail.Unpack(delay) for detail in rpc_status.from_call(calls[-1]).details)
        assert 1 <= delay.retry_delay.seconds <= 60
        assert ask(doors.client.client_secret or "").code() is grpc.StatusCode.OK
