"""Where a request came from, as far as trusted proxies tell it: `X-Forwarded-For` and `X-Forwarded-Proto`.

Whatever is not a trusted proxy is a stranger, whose headers say nothing. RFC 7239's `Forwarded` has no effect at all: a
proxy that writes `X-Forwarded-*` passes a stranger's `Forwarded` on, and whoever reads both believes the stranger.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

# A zone, as in fe80::1%eth0, is a machine's own matter and may hold any characters.
_ADDRESS = re.compile(
    r"(?P<four>[0-9.]+):[0-9]{1,5}|\[(?P<six>[0-9A-Fa-f:.]+)(?:%.*)?\](?::[0-9]{1,5})?|(?P<bare>[0-9A-Fa-f:.]+)(?:%.*)?"
)

_MAPPED_BITS = 96

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network


class Contradictory(ValueError):
    """A trusted proxy says nothing that can be relied upon; the text quotes nothing of it."""


@dataclass(frozen=True, slots=True)
class Origin:
    """The address that a request came from, in its canonical form, and whether it came there over TLS."""

    address: str
    is_https: bool


@dataclass(frozen=True, slots=True)
class TrustedProxies:
    """The hosts whose word is taken for where a request came from; none unless an operator names them."""

    networks: tuple[Network, ...] = ()

    @classmethod
    def parse(cls, text: object) -> object:
        """Read addresses and networks (CIDR) with commas in between; raise `ValueError` for anything else."""
        if not isinstance(text, str):
            return text
        try:
            networks = tuple(_network(each.strip()) for each in text.split(",")) if text.strip() else ()
        except ValueError:
            raise ValueError("must be IP addresses or networks with commas in between: 10.0.0.7, 10.8.0.0/16") from None
        if any(network.prefixlen == 0 for network in networks):
            raise ValueError("must name proxies: a network of /0 would believe everybody")
        return cls(networks)

    def trusts(self, address: Address | None) -> bool:
        """Tell whether what comes from there is believed."""
        return address is not None and any(address in network for network in self.networks)

    def origin(self, peer: str, forwarded_for: Sequence[str], forwarded_proto: Sequence[str]) -> Origin:
        """Return where a request came from: the last host that is not a trusted proxy, and the scheme it used.

        `peer` is the other end of the connection, which is plaintext; the headers are given line by line. Raise
        `Contradictory` when a trusted proxy names a scheme twice or none that is known, or hosts that cannot be read.
        """
        address = parse_address(peer)
        if not self.trusts(address):
            return Origin(str(address or ""), is_https=False)
        # Some proxies extend the list and some add a line of their own, which comes to the same (RFC 9110 §5.3).
        for hop in reversed([hop.strip() for hop in ",".join(forwarded_for).split(",") if hop.strip()]):
            address = parse_address(hop)
            if address is None:
                raise Contradictory("X-Forwarded-For names something else than IP addresses")
            if not self.trusts(address):
                break
        if len(forwarded_proto) > 1:
            raise Contradictory("X-Forwarded-Proto is repeated")
        scheme = forwarded_proto[0].strip().lower() if forwarded_proto else "http"
        if scheme not in {"http", "https"}:
            raise Contradictory("X-Forwarded-Proto must be http or https, once")
        return Origin(str(address), is_https=scheme == "https")


def _network(text: str) -> Network:
    """Read an address or a network; what is IPv4 within IPv6 (RFC 4291 §2.5.5.2) is that of IPv4, as of addresses."""
    network = ip_network(text)
    mapped = network.network_address.ipv4_mapped if isinstance(network, IPv6Network) else None
    if mapped is None or network.prefixlen < _MAPPED_BITS:
        return network
    return IPv4Network((mapped, network.prefixlen - _MAPPED_BITS))


def parse_address(text: str) -> Address | None:
    """Read an address, with a port or without; one of IPv4 within IPv6 is that of IPv4."""
    match = _ADDRESS.fullmatch(text)
    try:
        address = ip_address(match["four"] or match["six"] or match["bare"]) if match else None
    except ValueError:
        return None
    return (address.ipv4_mapped if isinstance(address, IPv6Address) else None) or address
