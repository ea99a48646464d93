"""Garbage in headers that proxies and browsers send, and in the label of a token."""

import re
from contextlib import suppress
from ipaddress import ip_address, ip_network

from hypothesis import strategies as st

from services.authorize.pages.accept_language import preferred_language
from services.token.token_request import ONCE, parse_token_request
from tallystick.oauth2.errors import InvalidRequest
from tallystick.oauth2.parameters import Parameters
from tallystick.runtime import client_address
from tallystick.runtime.forwarded import Contradictory, TrustedProxies, parse_address
from tests.support.fuzz import NASTY, TEXT, fuzzed, garbage

OFFERED = ("en", "de")
ADDRESSES = st.ip_addresses().map(str)
HOPS = st.one_of(
    ADDRESSES,
    ADDRESSES.map(lambda each: f"[{each}]:443" if ":" in each else f"{each}:443"),
    st.sampled_from(["10.0.0.1", "::ffff:10.0.0.1", "fe80::1%eth0", "unknown", "_hidden", "010.0.0.1", "127.1", ""]),
)
LISTS = st.lists(HOPS, max_size=5).map(", ".join)
SCHEMES = st.sampled_from(["http", "https", "HTTPS", " https ", "ftp", "https, http", ""])
TRUSTED = TrustedProxies((ip_network("10.0.0.0/8"), ip_network("fd00::/8")))
RANGES = st.builds(
    str.__add__,
    st.sampled_from(["de", "de-CH", "en", "EN-gb", "*", "fr", "x-klingon", "zh-Hant-TW"]),
    st.sampled_from(["", ";q=0", ";q=1", ";q=0.5", "; q=0.001", ";q=1.001", ";q=-1", ";q=nan", ";q=", ";Q=0.9"]),
)
ACCEPTED = st.lists(RANGES, max_size=6).map(",".join)


@fuzzed(values=st.lists(garbage(ACCEPTED), max_size=3), long=10_000)
def test_any_browser_gets_one_of_our_languages(values: list[str]) -> None:
    """Whatever a browser prefers, it gets a language that there is, and the first one when it says nothing (UI-08)."""
    assert preferred_language(values, OFFERED) in OFFERED
    assert preferred_language([], OFFERED) == "en"


@fuzzed(values=st.lists(NASTY, max_size=5))
def test_nonsense_is_no_preference(values: list[str]) -> None:
    """What is malformed counts as absent (UI-08)."""
    wanted = preferred_language([*values, "de"], OFFERED)
    assert wanted == "de" or "*" in values


@fuzzed(
    peer=garbage(HOPS),
    lists=st.lists(garbage(LISTS), max_size=3),
    schemes=st.lists(garbage(SCHEMES), max_size=2),
    long=10_000,
)
def test_strangers_are_not_believed(peer: str, lists: list[str], schemes: list[str]) -> None:
    """Whatever the headers say, a peer that is no trusted proxy is itself, and has come in clear (GEN-10)."""
    assert TrustedProxies().origin(peer, lists, schemes).is_https is False
    assert TrustedProxies().origin(peer, lists, schemes).address == str(parse_address(peer) or "")
    try:
        origin = TRUSTED.origin(peer, lists, schemes)
    except Contradictory:
        assert TRUSTED.trusts(parse_address(peer))
        return
    assert origin.address == "" or str(ip_address(origin.address)) == origin.address
    assert not origin.is_https or TRUSTED.trusts(parse_address(peer))


@fuzzed(spoofed=st.lists(HOPS, max_size=4), real=ADDRESSES, proxies=st.integers(0, 3))
def test_the_last_stranger_is_where_it_came_from(spoofed: list[str], real: str, proxies: int) -> None:
    """What a stranger writes before the address that our proxy adds has no effect (GEN-10)."""
    came_from = parse_address(real)
    if TRUSTED.trusts(came_from):
        return
    forwarded = ", ".join([*filter(None, spoofed), real, *(f"10.0.0.{number}" for number in range(proxies))])
    origin = TRUSTED.origin("10.1.1.1", [forwarded], ["https"])
    assert (origin.address, origin.is_https) == (str(came_from), True)


@fuzzed(text=garbage(HOPS) | garbage(LISTS), long=10_000)
def test_an_address_is_read_or_none(text: str) -> None:
    """Any text is an address in its canonical form, or none (GEN-10)."""
    address = parse_address(text)
    if address is not None:
        assert parse_address(str(address)) == address
        assert re.fullmatch(r"[0-9a-f.:]+", str(address))


@fuzzed(peer=garbage(st.sampled_from(["ipv4:127.0.0.1:5000", "ipv6:%5B::1%5D:5000", "unix:/tmp/x", "unknown"])))
def test_a_peer_is_an_address_or_nobody(peer: str) -> None:
    """Whatever gRPC calls a peer, it is an address or nothing (GEN-10)."""
    found = client_address.of_grpc_peer(peer)
    assert found == "" or str(ip_address(found)) == found
    client_address.begin(found)
    network = client_address.current_network()
    assert network == "" or ip_network(network).num_addresses in {1, 2**64}


@fuzzed(
    values=st.dictionaries(st.sampled_from(sorted(ONCE)), TEXT | NASTY, max_size=9),
    label=st.none() | TEXT | NASTY,
    repeated=st.sampled_from([None, None, *sorted(ONCE)]),
)
def test_a_token_request_is_read_or_invalid(values: dict[str, str], label: str | None, repeated: str | None) -> None:
    """Any form is `invalid_request`, or a request whose label is short and harmless in a terminal (TOK-02, GEN-03)."""
    pairs = [*(values | {"grant_type": "x", "label": label or ""}).items()]
    pairs += [(repeated, "")] if repeated else []
    with suppress(InvalidRequest):
        request = parse_token_request(Parameters(tuple(pairs)))
        # Credentials are read elsewhere.
        assert all(sum(name == each for each, _ in pairs) <= 1 for name in ONCE - {"client_id", "client_secret"})
        assert request.label is None or (len(request.label) <= 100 and request.label.isprintable())
        assert request.label == (label or None)
