"""What every request meets before an endpoint, in process: peers of any address, and faults of our own."""

from collections.abc import Mapping

import httpx
import pytest
from fastapi import FastAPI, Request, Response
from starlette.responses import PlainTextResponse
from structlog.testing import capture_logs

from tallystick.runtime import client_address
from tallystick.runtime.cors import CrossOrigin
from tallystick.runtime.forwarded import TrustedProxies
from tallystick.runtime.front_door import FrontDoor
from tallystick.runtime.http import new_app
from tallystick.runtime.randomness import SystemRandomness

PROXY, STRANGER, CLIENT = "10.0.0.7", "203.0.113.5", "198.51.100.9"
PROXIES = TrustedProxies.parse(PROXY)
HTTPS = {"x-forwarded-proto": "https", "x-forwarded-for": CLIENT}
PREFLIGHT = {"origin": "https://app.example", "access-control-request-method": "POST"}
READABLE = "access-control-allow-origin"


def app(*, https: bool) -> FastAPI:
    assert isinstance(PROXIES, TrustedProxies)
    door = FrontDoor(https_required=https, proxies=PROXIES, cross_origin=CrossOrigin({"/open": "POST"}))
    app = new_app("door", SystemRandomness(), door)

    async def told(request: Request) -> Response:
        if await request.body() == b"fail":
            raise RuntimeError("at line 7 of secret.py")
        return PlainTextResponse(client_address.current())

    app.add_route("/open", told, methods=["GET", "POST"])
    app.add_route("/closed", told, methods=["GET", "POST"])
    return app


async def ask(
    peer: str,
    headers: Mapping[str, str] | list[tuple[str, str]],
    *,
    https: bool = True,
    method: str = "POST",
    path: str = "/open",
    body: bytes = b"",
) -> httpx.Response:
    transport = httpx.ASGITransport(app(https=https), client=(peer, 4711), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://evil.example") as client:
        return await client.request(method, path, headers=headers, content=body)


async def test_what_a_trusted_proxy_brings_over_https_comes_in() -> None:
    """It is served, known by the client's address, and answered with HSTS (GEN-01, GEN-13)."""
    answer = await ask(PROXY, HTTPS)
    assert (answer.status_code, answer.text) == (200, CLIENT)
    assert answer.headers["strict-transport-security"] == "max-age=31536000"


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "BREW"])
@pytest.mark.parametrize("path", ["/open", "/closed", "/nowhere"])
@pytest.mark.parametrize(
    ("peer", "headers"),
    [
        pytest.param(STRANGER, {}, id="a stranger"),
        pytest.param(STRANGER, HTTPS, id="a stranger that says https"),
        pytest.param(STRANGER, {"forwarded": f"for={CLIENT};proto=https"}, id="a stranger with Forwarded"),
        pytest.param(PROXY, {"x-forwarded-proto": "http"}, id="a proxy that says http"),
        pytest.param(PROXY, {"x-forwarded-for": CLIENT}, id="a proxy that says nothing"),
        pytest.param(PROXY, {"forwarded": f"for={CLIENT};proto=https"}, id="Forwarded through a proxy"),
        pytest.param(PROXY, {"x-forwarded-ssl": "on", "x-forwarded-scheme": "https"}, id="other headers"),
    ],
)
async def test_plain_http_is_refused(method: str, path: str, peer: str, headers: Mapping[str, str]) -> None:
    """Plain HTTP is 400 for every path and method, without redirect, HSTS, or effect (GEN-01, GEN-10)."""
    answer = await ask(peer, headers, method=method, path=path)
    assert (answer.status_code, answer.text) == (400, "" if method == "HEAD" else "the request must come over https")
    assert "location" not in answer.headers
    assert "strict-transport-security" not in answer.headers
    assert answer.headers["cache-control"] == "no-store"
    assert (answer.headers.get(READABLE) == "*") == (path == "/open")


@pytest.mark.parametrize(
    ("headers", "advice"),
    [({}, "trusted proxy"), (HTTPS, "TALLYSTICK_TRUSTED_PROXIES")],
    ids=["a proxy without a scheme", "a proxy that nobody named"],
)
async def test_the_log_says_what_to_set(headers: Mapping[str, str], advice: str) -> None:
    """Whoever runs this reads which setting is missing (GEN-01)."""
    with capture_logs() as logs:
        await ask(STRANGER if headers else PROXY, headers)
    [line] = [line for line in logs if line["event"] == "plain_http_refused"]
    assert advice in line["advice"]
    assert CLIENT not in str(line)


@pytest.mark.parametrize("https", [True, False])
@pytest.mark.parametrize(
    "headers",
    [
        [("x-forwarded-proto", "https"), ("x-forwarded-proto", "https")],
        [("x-forwarded-proto", "https, http")],
        [("x-forwarded-proto", "https"), ("x-forwarded-for", "evil.example")],
    ],
)
async def test_what_a_proxy_contradicts_is_refused(headers: list[tuple[str, str]], *, https: bool) -> None:
    """A trusted proxy that cannot be understood vouches for nothing, on loopback neither (GEN-01)."""
    with capture_logs() as logs:
        answer = await ask(PROXY, headers, https=https)
    assert answer.status_code == 400
    assert answer.text.startswith("X-Forwarded-")
    assert "evil.example" not in answer.text + str(answer.headers) + str(logs)
    assert [line["peer"] for line in logs if line["event"] == "forwarded_headers_refused"] == [PROXY]


@pytest.mark.parametrize(("peer", "address"), [(PROXY, CLIENT), (STRANGER, STRANGER)])
async def test_with_a_plain_issuer_anything_comes_in(peer: str, address: str) -> None:
    """On loopback nothing is refused and nothing pinned, and addresses are known all the same (GEN-01, GEN-10)."""
    answer = await ask(peer, HTTPS, https=False)
    assert (answer.status_code, answer.text) == (200, address)
    assert "strict-transport-security" not in answer.headers


@pytest.mark.parametrize("https", [True, False])
async def test_our_own_faults_are_framed_too(*, https: bool) -> None:
    """What nobody has caught is a bare 500 with all headers, and readable where answers are (GEN-02, GEN-13)."""
    answer = await ask(PROXY, HTTPS, https=https, body=b"fail")
    assert (answer.status_code, answer.text) == (500, "Internal Server Error")
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["x-request-id"]
    assert answer.headers[READABLE] == "*"
    assert ("strict-transport-security" in answer.headers) == https


async def test_a_preflight_is_answered_where_pages_may_ask() -> None:
    """It names the one method and the headers, lasts, and never speaks of credentials (GEN-08)."""
    answer = await ask(PROXY, {**HTTPS, **PREFLIGHT}, method="OPTIONS")
    assert (answer.status_code, answer.content) == (204, b"")
    assert answer.headers[READABLE] == "*"
    assert answer.headers["access-control-allow-methods"] == "POST"
    allowed = answer.headers["access-control-allow-headers"].lower().split(", ")
    assert allowed == ["authorization", "content-type", "x-request-id"]
    assert int(answer.headers["access-control-max-age"]) > 0
    assert "access-control-allow-credentials" not in answer.headers
    assert answer.headers["x-request-id"]


@pytest.mark.parametrize("headers", [{}, {"origin": "https://app.example"}, {"access-control-request-method": "POST"}])
async def test_not_every_options_is_a_preflight(headers: Mapping[str, str]) -> None:
    """Without Origin and method it is a method that does not fit (GEN-05)."""
    answer = await ask(PROXY, {**HTTPS, **headers}, method="OPTIONS")
    assert answer.status_code == 405
    assert set(answer.headers["allow"].split(", ")) == {"GET", "HEAD", "POST"}


async def test_no_preflight_is_answered_elsewhere() -> None:
    """What is not named is closed to pages of other origins (GEN-08)."""
    answer = await ask(PROXY, {**HTTPS, **PREFLIGHT}, method="OPTIONS", path="/closed")
    assert answer.status_code == 405
    assert not [name for name in answer.headers if name.startswith("access-control-")]
