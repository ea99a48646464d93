"""The network policies allow every edge of the design and no other (architecture, section 1)."""

import pytest

from tests.support.manifests import Manifests, Object, rendered
from tests.support.network_reach import Peer, reaches

pytestmark = pytest.mark.needs("kubectl")

Edge = tuple[str, str, int]

APP = "app.kubernetes.io/name"
STORE = "tallystick/store"
PEERS = (
    *(Peer(name, {APP: f"tallystick-{name}"}) for name in ("authorize", "token", "introspect", "migrate", "pgbouncer")),
    Peer("postgres", {APP: "tallystick-postgres", STORE: "postgres"}),
    Peer("redis", {APP: "tallystick-redis", STORE: "redis"}),
    # Somebody in our namespace whom nobody knows.
    Peer("neighbour", {}),
    Peer("proxy", {}, "gateway", {"tallystick/ingress": "allowed"}),
    Peer("api", {APP: "photos"}, "photos", {"tallystick/introspect": "allowed"}),
    Peer("prometheus", {}, "monitoring", {"tallystick/metrics": "allowed"}),
    Peer("collector", {}, "observability", {"tallystick/traces": "allowed"}),
    Peer("operator of postgres", {}, "cnpg-system"),
    # Whose labels are ours, in a namespace that is not.
    Peer("impostor", {APP: "tallystick-token", STORE: "postgres"}, "elsewhere"),
    Peer("dns", {"k8s-app": "kube-dns"}, "kube-system"),
    Peer("kube-system", {}, "kube-system"),
    Peer("node-local dns", {}, "", address="169.254.20.10"),
    Peer("cloud metadata", {}, "", address="169.254.169.254"),
    Peer("internet", {}, "", address="198.51.100.7"),
)
OUTSIDE = {peer.name for peer in PEERS if peer.namespace != "tallystick"}
PORTS = {53, 80, 443, 4317, 5432, 6379, 6432, 6443, 8000, 8080, 8081, 8082, 9080, 9081, 9082, 9085, 9180, 9187, 9464}

SERVICES = ("authorize", "token", "introspect")
DESIGN: set[Edge] = {
    ("token", "authorize", 9080),
    *((name, "postgres", 5432) for name in (*SERVICES, "migrate")),
    ("authorize", "redis", 6379),
    ("proxy", "authorize", 8080),
    ("proxy", "token", 8081),
    ("proxy", "introspect", 8082),
    ("api", "introspect", 9082),
    *(("prometheus", name, 9464) for name in SERVICES),
}
STORES = {edge for edge in DESIGN if edge[1] in {"postgres", "redis"}}
# With certificates services meet at a port that admits nobody without one.
MUTUAL = (DESIGN - {("token", "authorize", 9080)}) | {("token", "authorize", 9180)}
CNPG: set[Edge] = {
    *(("postgres", "postgres", port) for port in (5432, 8000)),
    *(("operator of postgres", "postgres", port) for port in (5432, 8000)),
    ("prometheus", "postgres", 9187),
}
# The API server's address is known to nobody beforehand, so its ports are open to instances of CloudNativePG.
API_SERVER = {443, 6443}
PGBOUNCER: set[Edge] = {*((name, "pgbouncer", 6432) for name in SERVICES), ("pgbouncer", "postgres", 5432)}
DIRECT = {("authorize", "postgres", 5432), ("introspect", "postgres", 5432)}


def edges(manifests: Manifests) -> set[Edge]:
    """Return every TCP connection that could be made from, to or within our namespace."""
    return {
        (source.name, destination.name, port)
        for source in PEERS
        for destination in PEERS
        for port in PORTS
        if not {source.name, destination.name} <= OUTSIDE and port != 53
        and reaches(manifests, source, destination, "TCP", port)
    }  # fmt: skip


@pytest.mark.parametrize(
    ("rendering", "expected"),
    [
        # Its Postgres is elsewhere, so nothing lets anybody in to what stands for it here.
        ("base+valkey", DESIGN - {edge for edge in DESIGN if edge[1] == "postgres"}),
        ("base+tracing", DESIGN - STORES | {(name, "collector", 4317) for name in SERVICES}),
        ("overlays/dev", DESIGN),
        ("overlays/production", MUTUAL | CNPG),
    ],
)
def test_there_are_the_edges_of_the_design_and_no_other(rendering: str, expected: set[Edge]) -> None:
    """A missing edge is an outage at the first request, one too many a way on for whoever breaks in."""
    found = {edge for edge in edges(rendered(rendering)) if not (edge[0] == "postgres" and edge[2] in API_SERVER)}
    assert found == expected


def test_only_postgres_of_cloudnativepg_reaches_the_api_server() -> None:
    """Its instances ask the API server who is primary, and without it none would be."""
    outward = {(source, port) for source, to, port in edges(rendered("overlays/production")) if to == "internet"}
    assert outward == {("postgres", port) for port in API_SERVER}
    assert not {source for source, destination, _ in edges(rendered("overlays/dev")) if destination in OUTSIDE}


def test_behind_a_pooler_only_token_and_the_migration_ask_postgres_directly() -> None:
    """Whoever went round the pooler would take the connections that it saves."""
    manifests = rendered("base+pgbouncer").changed()
    postgres = rendered("overlays/dev").named("NetworkPolicy", "tallystick-postgres")
    assert postgres
    manifests.objects.append(postgres)
    assert edges(manifests) == (DESIGN - DIRECT - {("authorize", "redis", 6379)}) | PGBOUNCER


@pytest.mark.parametrize("protocol", ["UDP", "TCP"])
def test_every_pod_can_ask_dns(protocol: str) -> None:
    """Without it no name is found; without TCP, none whose answer is long, such as that of a headless Service."""
    manifests = rendered("overlays/production")
    ours = [peer for peer in PEERS if peer.namespace == "tallystick"]
    asked = {each.name for peer in ours for each in PEERS if reaches(manifests, peer, each, protocol, 53)}
    assert asked == {"dns", "node-local dns"}
    assert all(reaches(manifests, peer, each, protocol, 53) for peer in ours for each in PEERS if each.name in asked)


def test_introspect_calls_nobody() -> None:
    """When the other two are broken into, or it is, there is no way between them."""
    called = {edge for edge in edges(rendered("overlays/production")) if edge[0] == "introspect"}
    assert called == {("introspect", "postgres", 5432)}


def policies(manifests: Manifests) -> dict[str, Object]:
    return {each["metadata"]["name"]: each["spec"] for each in manifests.of("NetworkPolicy")}


@pytest.mark.parametrize(
    ("name", "direction", "rule", "edge"),
    [
        ("default-deny", "egress", {}, ("neighbour", "internet", 443)),
        ("tallystick-introspect", "egress", {"to": [{"podSelector": {}}]}, ("introspect", "authorize", 9080)),
        ("tallystick-token", "ingress", {"from": [{"namespaceSelector": {}}]}, ("impostor", "token", 9081)),
        (
            "tallystick-authorize",
            "ingress",
            {"from": [{"ipBlock": {"cidr": "0.0.0.0/0"}}]},
            ("internet", "authorize", 9080),
        ),
    ],
)
def test_an_edge_too_many_is_noticed(name: str, direction: str, rule: Object, edge: Edge) -> None:
    """A policy that allows more than the design changes what is found here."""
    manifests = rendered("overlays/dev").changed()
    policies(manifests)[name].setdefault(direction, []).append(rule)
    # Both ends must allow it: the other is opened as well where it is ours.
    other = policies(manifests).get(f"tallystick-{edge[1 if direction == 'egress' else 0]}")
    if other is not None:
        other.setdefault("ingress" if direction == "egress" else "egress", []).append({})
    assert edge in edges(manifests) - DESIGN


@pytest.mark.parametrize("name", [*SERVICES, "migrate", "postgres", "redis"])
def test_a_missing_policy_is_noticed(name: str) -> None:
    """Each policy carries edges that no other does."""
    manifests = rendered("overlays/dev").changed()
    manifests.objects.remove(manifests.named("NetworkPolicy", f"tallystick-{name}"))
    assert DESIGN - edges(manifests)
