"""Whose word is taken for where a request came from, and how far it reaches."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tallystick.runtime.forwarded import Contradictory, Origin, TrustedProxies

PROXY, SECOND_PROXY, CLIENT, STRANGER = "10.0.0.7", "10.0.0.8", "198.51.100.9", "203.0.113.5"


def trusting(text: str) -> TrustedProxies:
    proxies = TrustedProxies.parse(text)
    assert isinstance(proxies, TrustedProxies)
    return proxies


TWO = trusting("10.0.0.7, 10.0.0.8,fd00::/8")


@pytest.mark.parametrize(
    ("peer", "hosts", "address"),
    [
        pytest.param(PROXY, [], PROXY, id="a proxy that names nobody"),
        pytest.param(PROXY, [CLIENT], CLIENT, id="one hop"),
        pytest.param(PROXY, [f"{CLIENT}, {SECOND_PROXY}"], CLIENT, id="two trusted hops"),
        pytest.param(PROXY, [f"{STRANGER}, {CLIENT}"], CLIENT, id="what a client says of others"),
        pytest.param(PROXY, [STRANGER, CLIENT], CLIENT, id="a line of the proxy's own"),
        pytest.param(PROXY, [f"{PROXY}, {CLIENT}"], CLIENT, id="a client that names the proxy"),
        pytest.param(PROXY, [f"<script>, {CLIENT}"], CLIENT, id="a client that writes nonsense"),
        pytest.param(PROXY, [f"{PROXY}, {SECOND_PROXY}"], PROXY, id="trusted hosts alone"),
        pytest.param(PROXY, [f" , {CLIENT} ,, "], CLIENT, id="empty elements"),
        pytest.param(PROXY, [""], PROXY, id="an empty header"),
        pytest.param(PROXY, [f"{CLIENT}:4711"], CLIENT, id="a port"),
        pytest.param(PROXY, ["[2001:DB8::1]:4711"], "2001:db8::1", id="a port after IPv6"),
        pytest.param(PROXY, ["[2001:db8::1]"], "2001:db8::1", id="IPv6 in brackets"),
        pytest.param(PROXY, [f"::ffff:{CLIENT}"], CLIENT, id="IPv4 within IPv6"),
        pytest.param(f"::ffff:{PROXY}", [CLIENT], CLIENT, id="a proxy that is IPv4 within IPv6"),
        pytest.param("fd00::1%eth0", [CLIENT], CLIENT, id="a proxy with a zone"),
        pytest.param(PROXY, ["fe80::1%<script>"], "fe80::1", id="a zone with any characters"),
    ],
)
def test_the_client_is_the_last_host_that_is_not_a_trusted_proxy(peer: str, hosts: list[str], address: str) -> None:
    """What a proxy was told is read from the right, no further than the first stranger (GEN-10)."""
    assert TWO.origin(peer, hosts, ["https"]) == Origin(address, is_https=True)


@pytest.mark.parametrize("setting", ["::ffff:10.0.0.7", "::ffff:10.0.0.0/104", "::FFFF:0A00:0007", "10.0.0.7"])
@pytest.mark.parametrize("peer", [PROXY, f"::ffff:{PROXY}"])
def test_ipv4_within_ipv6_is_ipv4(setting: str, peer: str) -> None:
    """However setting and connection write an address of IPv4, it is the same proxy (GEN-10)."""
    assert trusting(setting).origin(peer, [CLIENT], ["https"]) == Origin(CLIENT, is_https=True)
    assert not trusting(setting).origin(f"::ffff:{STRANGER}", [CLIENT], ["https"]).is_https


@pytest.mark.parametrize(
    ("peer", "known"),
    [(STRANGER, STRANGER), ("10.0.0.9", "10.0.0.9"), ("::1", "::1"), ("", ""), ("10.0.0.7.evil.example", "")],
)
@pytest.mark.parametrize("hosts", [[CLIENT], [PROXY], ["nonsense"], []])
@pytest.mark.parametrize("schemes", [["https"], ["https", "http"], ["nonsense"], []])
def test_a_strangers_headers_say_nothing(peer: str, known: str, hosts: list[str], schemes: list[str]) -> None:
    """Of a stranger the connection alone counts, and it is plaintext (GEN-01, GEN-10)."""
    assert TWO.origin(peer, hosts, schemes) == Origin(known, is_https=False)
    assert TrustedProxies().origin(PROXY, hosts, schemes) == Origin(PROXY, is_https=False)


@pytest.mark.parametrize("scheme", ["https", "HTTPS", " https "])
def test_https_is_what_a_trusted_proxy_calls_so(scheme: str) -> None:
    """The scheme is the proxy's word, in any case (GEN-01)."""
    assert TWO.origin(PROXY, [CLIENT], [scheme]).is_https


@pytest.mark.parametrize("schemes", [[], ["http"], ["HTTP"]])
def test_without_a_word_it_is_plain_http(schemes: list[str]) -> None:
    """A trusted proxy that says nothing vouches for nothing (GEN-01)."""
    assert not TWO.origin(PROXY, [CLIENT], schemes).is_https


@pytest.mark.parametrize("schemes", [["https", "https"], ["https", "http"], ["https,http"], ["wss"], [""], ["ħttps"]])
def test_a_contradictory_scheme_is_refused(schemes: list[str]) -> None:
    """Of two schemes nobody picks one, and an unknown one is none (GEN-01)."""
    with pytest.raises(Contradictory):
        TWO.origin(PROXY, [CLIENT], schemes)


@pytest.mark.parametrize("host", ["unknown", "_hidden", "256.1.1.1", "1.2.3", f"{CLIENT};x", "[::1", "::1]:5", "1:2"])
def test_an_unreadable_hop_is_refused(host: str) -> None:
    """What stands where a trusted proxy names its peer must be an address; the text of it goes nowhere (GEN-10)."""
    for hosts in ([host], [f"{CLIENT}, {host}"], [f"{host}, {SECOND_PROXY}"]):
        with pytest.raises(Contradictory) as refused:
            TWO.origin(PROXY, hosts, ["https"])
        assert host not in str(refused.value)


@given(peer=st.text(max_size=40), hosts=st.lists(st.text(max_size=80), max_size=3), schemes=st.lists(st.text()))
def test_no_header_ends_otherwise(peer: str, hosts: list[str], schemes: list[str]) -> None:
    """Whatever is sent, there is an address, or none, or a refusal (GEN-06)."""
    for each in (peer, PROXY):
        try:
            origin = TWO.origin(each, hosts, schemes)
        except Contradictory:
            continue
        assert set(origin.address) <= set("0123456789abcdef:.")


@pytest.mark.parametrize("text", ["", "  "])
def test_nobody_is_trusted_by_default(text: str) -> None:
    """An empty setting trusts nobody (GEN-10)."""
    assert trusting(text) == TrustedProxies()


@pytest.mark.parametrize(
    "text", [",", "localhost", "10.0.0.1/8", "10.0.0.256", "0.0.0.0/0", "::/0", "*", "fd00::/129", "::ffff:0.0.0.0/96"]
)
def test_a_list_that_cannot_be_read_is_refused(text: str) -> None:
    """Names, slips and whole internets are no proxies (GEN-10)."""
    with pytest.raises(ValueError, match=r"^must "):
        TrustedProxies.parse(text)
