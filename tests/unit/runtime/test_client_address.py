from contextvars import copy_context

import pytest

from tallystick.runtime import client_address


@pytest.mark.parametrize(
    ("peer", "address"),
    [
        ("ipv4:127.0.0.1:5000", "127.0.0.1"),
        ("ipv6:%5B::1%5D:5000", "::1"),
        ("ipv6:[::1]:5000", "::1"),
        ("ipv6:%5Bfe80::1%25eth0%5D:5000", "fe80::1"),
        ("ipv6:%5B::ffff:10.0.0.7%5D:5000", "10.0.0.7"),
        ("unix:/run/socket", ""),
        ("unix:", ""),
        ("ipv4:nonsense", ""),
        ("", ""),
    ],
)
def test_the_peer_of_a_call_has_an_address(peer: str, address: str) -> None:
    """Whatever gRPC calls a peer becomes a plain address, or none."""
    assert client_address.of_grpc_peer(peer) == address


@pytest.mark.parametrize("address", ["198.51.100.9", "2001:db8::1"])
def test_an_address_is_taken_as_it_is_written(address: str) -> None:
    """A canonical address is kept."""
    assert client_address.accepted(address, "127.0.0.1") == address


@pytest.mark.parametrize(
    "presented",
    [
        None, "", "unknown", "198.51.100.9:443", "[2001:db8::1]", "2001:DB8::1", "2001:db8:0::1", "::ffff:198.51.100.9",
        "fe80::1%eth0", " 198.51.100.9", "198.51.100.9, 10.0.0.7", "198.051.100.9", "<script>",
    ],
)  # fmt: skip
def test_what_is_no_plain_address_is_none(presented: str | None) -> None:
    """Anything else leaves the address of the connection."""
    assert client_address.accepted(presented, "127.0.0.1") == "127.0.0.1"


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("198.51.100.9", "198.51.100.9"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::1", "2001:db8:1:2::/64"),
        ("", ""),
    ],
)
def test_attempts_are_counted_by_network(address: str, network: str) -> None:
    """A host of IPv6 does not become another by taking the next address (GEN-09)."""

    def counted_by() -> str:
        client_address.begin(address)
        return client_address.current_network()

    assert copy_context().run(counted_by) == network
    assert client_address.current() == ""
