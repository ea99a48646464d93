"""What is counted of requests, calls and refusals, and that strangers cannot add to the series."""

import pytest
from prometheus_client import CollectorRegistry

from tallystick.runtime.metrics.requests import GrpcCalls, HttpRequests, OAuthRefusals

REQUESTS = "tallystick_http_request_duration_seconds"
CALLS = "tallystick_grpc_call_duration_seconds"
GRPC_REFUSALS = "tallystick_grpc_refusals_total"
OAUTH_REFUSALS = "tallystick_oauth_refusals_total"
INTROSPECT = "/tallystick.introspect.v1.IntrospectionService/Introspect"


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


def counts(registry: CollectorRegistry, name: str) -> dict[tuple[str, ...], float]:
    """Return the samples of one name by the values of their labels."""
    samples = [sample for metric in registry.collect() for sample in metric.samples if sample.name == name]
    return {tuple(sample.labels.values()): sample.value for sample in samples}


def test_requests_by_route_method_and_status(registry: CollectorRegistry) -> None:
    """How many there were and how long they took together."""
    requests = HttpRequests(registry)
    for seconds in (0.25, 0.5):
        requests.served("/oauth2/token", "POST", 200, seconds)
    requests.served("/oauth2/token", "POST", 400, 0.125)
    token = ("/oauth2/token", "POST")
    assert counts(registry, f"{REQUESTS}_count") == {(*token, "200"): 2, (*token, "400"): 1}
    assert counts(registry, f"{REQUESTS}_sum") == {(*token, "200"): 0.75, (*token, "400"): 0.125}


def test_paths_and_methods_of_strangers_are_one(registry: CollectorRegistry) -> None:
    """Whatever is asked for, there are no more series than one for each status."""
    requests = HttpRequests(registry)
    for number in range(500):
        requests.served(None, f"METHOD{number}", 404, 0.001)
        requests.served(None, f"met\nhod{{{number}", 405, 0.001)
    assert counts(registry, f"{REQUESTS}_count") == {("other", "other", "404"): 500, ("other", "other", "405"): 500}


@pytest.mark.parametrize("method", ["get", "Get", "GET ", "", "CONNECT"])
def test_methods_are_told_by_their_names_only(registry: CollectorRegistry, method: str) -> None:
    """A method is one of those that HTTP's semantics name for resources, in capitals (RFC 9110 §9.1)."""
    HttpRequests(registry).served("/oauth2/token", method, 405, 0.0)
    assert counts(registry, f"{REQUESTS}_count") == {("/oauth2/token", "other", "405"): 1}


def test_requests_without_an_answer(registry: CollectorRegistry) -> None:
    """Who was gone before there was one has no status."""
    HttpRequests(registry).served("/oauth2/token", "POST", 0, 1.0)
    assert counts(registry, f"{REQUESTS}_count") == {("/oauth2/token", "POST", "none"): 1}


def test_a_memorys_answer_and_a_revocation_fall_into_buckets_of_their_own(registry: CollectorRegistry) -> None:
    """The buckets tell a tenth of a millisecond from half of one, and a wait of a second from two."""
    requests = HttpRequests(registry)
    for seconds in (0.0001, 0.0004, 1.05, 2.0):
        requests.served("/x", "POST", 200, seconds)
    upto = {labels[3]: count for labels, count in counts(registry, f"{REQUESTS}_bucket").items()}
    assert [upto[bound] for bound in ("0.00025", "0.0005", "1.0", "1.5", "2.5", "+Inf")] == [1, 2, 2, 3, 4, 4]


def test_calls_by_method_and_code(registry: CollectorRegistry) -> None:
    """Those that were answered are no refusals."""
    calls = GrpcCalls(registry)
    for _ in range(3):
        calls.ended(INTROSPECT, "OK", 0.001)
    calls.ended(INTROSPECT, "CANCELLED", 0.001)
    assert counts(registry, f"{CALLS}_count") == {(INTROSPECT, "OK"): 3, (INTROSPECT, "CANCELLED"): 1}
    assert counts(registry, GRPC_REFUSALS) == {}


def test_refused_calls_by_reason(registry: CollectorRegistry) -> None:
    """The same code is refused for several reasons, which are counted apart."""
    calls = GrpcCalls(registry)
    for reason in ("TOO_MANY_CALLS", "TOO_MANY_QUESTIONS", "TOO_MANY_QUESTIONS"):
        calls.ended(INTROSPECT, "RESOURCE_EXHAUSTED", 0.001, reason)
    assert counts(registry, f"{CALLS}_count") == {(INTROSPECT, "RESOURCE_EXHAUSTED"): 3}
    assert counts(registry, GRPC_REFUSALS) == {
        (INTROSPECT, "TOO_MANY_CALLS"): 1,
        (INTROSPECT, "TOO_MANY_QUESTIONS"): 2,
    }


def test_oauth_refusals_by_endpoint(registry: CollectorRegistry) -> None:
    """Endpoints of one service have a counter together and do not touch each other's."""
    refusals = OAuthRefusals(registry)
    token, revoke = refusals.at("token"), refusals.at("revoke")
    token("invalid_grant", "")
    token("invalid_client", "wrong_secret")
    token("invalid_client", "wrong_secret")
    revoke("invalid_client", "unknown_client")
    assert counts(registry, OAUTH_REFUSALS) == {
        ("token", "invalid_grant", ""): 1,
        ("token", "invalid_client", "wrong_secret"): 2,
        ("revoke", "invalid_client", "unknown_client"): 1,
    }
