"""`endpoints.site` and `endpoints.cookies`: addresses and cookies follow from the issuer."""

from http.cookies import SimpleCookie

import pytest
from fastapi import Request, Response

from services.authorize.endpoints.cookies import Cookies
from services.authorize.endpoints.site import Site
from tests.fakes.authorize import Countdown

VALUE = "v" * 43


@pytest.mark.parametrize(
    ("issuer", "origin"),
    [
        ("https://issuer.example", "https://issuer.example"),
        ("https://Issuer.Example:443/t1", "https://issuer.example"),
        ("https://issuer.example:8443", "https://issuer.example:8443"),
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
        ("http://localhost:80", "http://localhost"),
        ("http://[::1]:8080", "http://[::1]:8080"),
    ],
)
def test_the_origin_is_written_as_browsers_write_it(issuer: str, origin: str) -> None:
    """Default ports go, host names are lower-case, paths do not count (UI-04)."""
    assert origin == Site(issuer).origin


def test_a_path_of_the_issuer_comes_before_ours_and_after_well_known() -> None:
    """Endpoints lie below the issuer, its metadata beside it (META-01)."""
    site = Site("https://issuer.example/t1")
    assert (
        site.path("/login"),
        site.well_known("oauth-authorization-server"),
    ) == ("/t1/login", "/.well-known/oauth-authorization-server/t1")
    assert (
        Site("https://issuer.example").well_known("oauth-authorization-server")
        == "/.well-known/oauth-authorization-server"
    )


def cookie_lines(issuer: str) -> list[str]:
    """Return the Set-Cookie headers of a response that sets both cookies."""
    response, cookies = Response(), Cookies(Site(issuer), Countdown())
    cookies.set_browser(response, VALUE)
    cookies.set_session(response, VALUE)
    return response.headers.getlist("set-cookie")


def attributes(line: str) -> set[str]:
    """Return the attributes of a cookie, without its name and value."""
    return {attribute.strip().lower() for attribute in line.split(";")[1:]}


def test_behind_https_cookies_belong_to_this_host_alone() -> None:
    """`__Host-`, Secure, HttpOnly, SameSite=Lax, Path=/ and no Domain (UI-05)."""
    for line in cookie_lines("https://issuer.example/t1"):
        assert line.startswith("__Host-tallystick-")
        assert {"path=/", "secure", "httponly", "samesite=lax"} == attributes(line)


def test_on_loopback_cookies_work_without_tls() -> None:
    """The same without prefix and Secure, which clients of http would not keep (UI-05)."""
    for line in cookie_lines("http://127.0.0.1:8080"):
        assert line.startswith("tallystick-")
        assert {"path=/", "httponly", "samesite=lax"} == attributes(line)


@pytest.mark.parametrize(
    ("issuer", "expected"),
    [
        ("https://issuer.example/t1", {"path=/", "secure", "httponly", "samesite=lax"}),
        ("http://127.0.0.1:8080", {"path=/", "httponly", "samesite=lax"}),
    ],
)
def test_what_outlasts_a_session_and_what_ends_it_are_as_well_protected(issuer: str, expected: set[str]) -> None:
    """A `__Host-` cookie is cleared only by what has its attributes, and the device's lasts half a year (UI-05)."""
    response, cookies = Response(), Cookies(Site(issuer), Countdown())
    cookies.set_device(response, VALUE)
    cookies.clear_session(response)
    device, cleared = response.headers.getlist("set-cookie")
    assert attributes(device) == expected | {f"max-age={180 * 24 * 3600}"}
    assert attributes(cleared) == expected | {"max-age=0"}
    assert [line.partition("=")[0] for line in cookie_lines(issuer)][1] == cleared.partition("=")[0]
    assert cookies.device(request_with(device.partition(";")[0])) == VALUE
    assert cookies.session(request_with(cleared.partition(";")[0])) == ""


def test_two_issuers_of_one_host_have_cookies_of_their_own() -> None:
    """Ports and paths share cookies, so the names differ (UI-05, OPS-01)."""
    issuers = ("http://127.0.0.1:8080", "http://127.0.0.1:8081", "http://127.0.0.1:8080/t1")
    names = {name for issuer in issuers for line in cookie_lines(issuer) for name in SimpleCookie(line)}
    assert len(names) == 6


def request_with(cookie: str) -> Request:
    """Return a request with a Cookie header."""
    return Request({"type": "http", "headers": [(b"cookie", cookie.encode("latin-1"))]})


def test_a_cookie_is_read_back() -> None:
    """What was set is read under the same name (UI-05)."""
    cookies = Cookies(Site("http://127.0.0.1:8080"), Countdown())
    pairs = "; ".join(line.partition(";")[0] for line in cookie_lines("http://127.0.0.1:8080"))
    assert (cookies.browser(request_with(pairs)), cookies.session(request_with(pairs))) == (VALUE, VALUE)
    assert len(cookies.new_browser()) == 43


@pytest.mark.parametrize("value", ["", "v", "v" * 42, "v" * 44, "v" * 42 + "+", "\xff" * 43, '"' + "v" * 43 + '"x'])
def test_a_malformed_cookie_counts_as_absent(value: str) -> None:
    """What we cannot have set is not looked up (UI-05)."""
    cookies = Cookies(Site("http://127.0.0.1:8080"), Countdown())
    [browser, session] = [line.partition("=")[0] for line in cookie_lines("http://127.0.0.1:8080")]
    request = request_with(f"{browser}={value}; {session}={value}")
    assert (cookies.browser(request), cookies.session(request)) == ("", "")
