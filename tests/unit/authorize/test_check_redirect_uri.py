"""`checks.redirect_uri`: only a registered URI is ever redirected to."""

from dataclasses import replace
from urllib.parse import quote

import pytest

from services.authorize.errors import ShownHere
from tests.fakes.authorize import NATIVE, PUBLIC, REDIRECT_URI, checked, query_of

SEVERAL = replace(PUBLIC, redirect_uris=("https://photoprint.example:8443/cb?a=1&b=2", REDIRECT_URI))


def test_a_registered_uri_passes() -> None:
    """A URI that is registered is answered at, and counts as sent (AUTHZ-03)."""
    request = checked(query_of())
    assert (request.redirect_uri, request.redirect_uri_sent) == (REDIRECT_URI, True)


@pytest.mark.parametrize("absent", [None, ""])
def test_the_only_registered_uri_stands_for_an_absent_one(absent: str | None) -> None:
    """Without redirect_uri the only registered one is taken, and counts as not sent (AUTHZ-06)."""
    request = checked(query_of(redirect_uri=absent))
    assert (request.redirect_uri, request.redirect_uri_sent) == (REDIRECT_URI, False)


def test_one_of_several_registered_ones_is_not_guessed() -> None:
    """Without redirect_uri nothing is chosen among several (AUTHZ-06)."""
    with pytest.raises(ShownHere):
        checked(query_of(redirect_uri=None), SEVERAL)


def test_a_client_without_redirect_uri_is_shown_here() -> None:
    """A client that has registered none cannot be answered (AUTHZ-06)."""
    with pytest.raises(ShownHere):
        checked(query_of(redirect_uri=None), replace(PUBLIC, redirect_uris=()))


@pytest.mark.parametrize(
    "other",
    [
        "HTTPS://photoprint.example/callback",
        "https://PhotoPrint.example/callback",
        "https://photoprint.example:443/callback",
        "https://photoprint.example/callback/",
        "https://photoprint.example/callback?x=1",
        "https://photoprint.example/callback?",
        "https://photoprint.example/%63allback",
        "https://photoprint.example/a/../callback",
        "https://photoprint.example/callback/x",
        "https://photoprint.example/callback%2e",
        "https://photoprint.example.evil.com/callback",
        "https://evil.com/photoprint.example/callback",
        "https://user@photoprint.example/callback",
        "https://photoprint.example@evil.com/callback",
        "https://photoprint.example\\@evil.com/callback",
        "https://photoprint.example//callback",
        "https:/photoprint.example/callback",
        "https://photoprint.example/callback\t",
        "https://photoprint.example/callback\r\nLocation: https://evil.com",
        "\nhttps://photoprint.example/callback",
        "https://photoprint.example/callback#fragment",
        "https://photoprint.example/callback#",
        "https://ph\u043etoprint.example/callback",
        "https://photoprint.example/callbackandmore",
        "https://photoprint.example",
        "https://photoprint.example/",
        "http://photoprint.example/callback",
        "//photoprint.example/callback",
        "/callback",
        "javascript:alert(1)",
        "https://photoprint.example:8443/cb?b=2&a=1",
        "https://photoprint.example:8443/cb?a=1",
        "https://photoprint.example:8443/cb?a=1&b=2&c=3",
    ],
)
def test_a_uri_that_differs_in_anything_is_shown_here(other: str) -> None:
    """Nothing is normalised, matched by prefix or repaired (AUTHZ-03)."""
    with pytest.raises(ShownHere):
        checked(query_of(SEVERAL, redirect_uri=quote(other, safe="")), SEVERAL)


@pytest.mark.parametrize("sent", ["%", "%zz", "%ff", "%00", f"{REDIRECT_URI}%00"])
def test_a_uri_that_cannot_be_decoded_is_shown_here(sent: str) -> None:
    """An undecodable redirect_uri does not count as absent (AUTHZ-03, GEN-06)."""
    with pytest.raises(ShownHere):
        checked(query_of(redirect_uri=sent))


@pytest.mark.parametrize("second", [REDIRECT_URI, "https://evil.com/", ""])
def test_a_repeated_uri_is_shown_here(second: str) -> None:
    """Of two redirect URIs none is trusted, not even the same twice (AUTHZ-05)."""
    with pytest.raises(ShownHere):
        checked(query_of() + b"&redirect_uri=" + second.encode())


@pytest.mark.parametrize(
    "presented",
    [
        "http://127.0.0.1:51004/cb",
        "http://[::1]:51004/cb",
        "http://127.0.0.1/cb",
        "http://localhost/cb",
        "com.example.app:/cb",
    ],
)
def test_a_native_client_listens_on_any_loopback_port(presented: str) -> None:
    """The port of a loopback address is free, and kept as used (AUTHZ-04)."""
    assert presented == checked(query_of(NATIVE, redirect_uri=presented), NATIVE).redirect_uri


@pytest.mark.parametrize(
    "presented",
    [
        "http://127.0.0.1:51004/cb/x",
        "http://127.0.0.1:51004/",
        "https://127.0.0.1:51004/cb",
        "http://127.0.0.1.evil.com/cb",
        "http://127.0.0.1:80@evil.com/cb",
        "http://127.0.0.1:65536/cb",
        "http://127.0.0.2/cb",
        "http://0x7f.1/cb",
        "http://2130706433/cb",
        "http://localhost:51004/cb",
        "com.example.app:/cb/x",
    ],
)
def test_the_loopback_exception_covers_the_port_only(presented: str) -> None:
    """Nothing but the port of 127.0.0.1 and [::1] is free (AUTHZ-04)."""
    with pytest.raises(ShownHere):
        checked(query_of(NATIVE, redirect_uri=quote(presented, safe="")), NATIVE)


def test_a_web_client_has_no_loopback_exception() -> None:
    """For a web client the port counts (AUTHZ-04)."""
    web = replace(PUBLIC, redirect_uris=("http://127.0.0.1/cb",))
    with pytest.raises(ShownHere):
        checked(query_of(web, redirect_uri="http://127.0.0.1:51004/cb"), web)
