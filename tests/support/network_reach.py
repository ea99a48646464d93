"""Who can reach whom by the NetworkPolicies of a rendering: what a network plug-in would make of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_address, ip_network

from tests.support.manifests import Manifests, Object

NAMESPACE = "tallystick"
_NAME = "kubernetes.io/metadata.name"


@dataclass(frozen=True, slots=True)
class Peer:
    """A pod with its labels and its namespace's; or, with an address, somebody outside of the cluster."""

    name: str
    labels: Mapping[str, str]
    namespace: str = NAMESPACE
    namespace_labels: Mapping[str, str] | None = None
    address: str | None = None

    def is_selected(self, policy: Object) -> bool:
        """Tell whether a policy is about it."""
        return self.namespace == NAMESPACE and _selects(policy["spec"]["podSelector"], self.labels)

    def is_meant(self, peer: Object) -> bool:
        """Tell whether an entry of `from` or `to` means it."""
        if "ipBlock" in peer:
            return self.address is not None and _in_block(self.address, peer["ipBlock"])
        if self.address is not None:
            return False
        if "namespaceSelector" in peer:
            labels = {_NAME: self.namespace, **(self.namespace_labels or {})}
            if not _selects(peer["namespaceSelector"], labels):
                return False
        elif self.namespace != NAMESPACE:
            return False
        return _selects(peer.get("podSelector", {}), self.labels)


def reaches(manifests: Manifests, source: Peer, destination: Peer, protocol: str, port: int) -> bool:
    """Tell whether a connection is let out at one end and in at the other."""
    return _allowed(manifests, "Egress", source, destination, protocol, port) and _allowed(
        manifests, "Ingress", destination, source, protocol, port
    )


def _allowed(manifests: Manifests, way: str, subject: Peer, other: Peer, protocol: str, port: int) -> bool:
    about = [
        policy
        for policy in manifests.of("NetworkPolicy")
        if way in policy["spec"]["policyTypes"] and subject.is_selected(policy)
    ]
    # A pod that no policy is about is free.
    return not about or any(
        _peers_mean(rule.get("from" if way == "Ingress" else "to"), other)
        and _ports_mean(rule.get("ports"), protocol, port)
        for policy in about
        for rule in policy["spec"].get(way.lower(), [])
    )


def _peers_mean(peers: Sequence[Object] | None, other: Peer) -> bool:
    return not peers or any(other.is_meant(peer) for peer in peers)


def _ports_mean(ports: Sequence[Object] | None, protocol: str, port: int) -> bool:
    return not ports or any((each.get("protocol", "TCP"), each["port"]) == (protocol, port) for each in ports)


def _selects(selector: Object, labels: Mapping[str, str]) -> bool:
    for each in selector.get("matchExpressions", []):
        assert each["operator"] == "In", each
        if labels.get(each["key"]) not in each["values"]:
            return False
    return bool(selector.get("matchLabels", {}).items() <= labels.items())


def _in_block(address: str, block: Object) -> bool:
    inside = ip_address(address) in ip_network(block["cidr"])
    return inside and not any(ip_address(address) in ip_network(each) for each in block.get("except", []))
