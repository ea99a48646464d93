"""Every kind of client gets its answer through Chromium, under the policies of our pages."""

from collections.abc import Iterator
from contextlib import ExitStack
from urllib.parse import urlsplit

import httpx
import pytest
from playwright.async_api import BrowserContext, Page, expect

from tests.support.chromium import sign_in
from tests.support.cluster import Cluster
from tests.support.flow import AuthorizationRequest, parameters_of, redeem
from tests.support.operator_client import User
from tests.support.web_site import WebSite, running_site

pytestmark = pytest.mark.needs("chromium")


@pytest.fixture
def callbacks(site: WebSite, https_site: WebSite) -> Iterator[dict[str, str]]:
    """A redirect URI of each kind."""
    with ExitStack() as stack:
        ipv6 = stack.enter_context(running_site("[::1]", listen="::1"))
        yield {
            "https": https_site.page(),
            "127.0.0.1": site.page(),
            "::1": ipv6.page(),
            "scheme": "com.example.app:/callback",
            "https, on to another site": https_site.redirect(https_site.page(host="www.example")),
            "127.0.0.1, on to another site": site.redirect(https_site.page(host="www.example")),
        }


def new_request(cluster: Cluster, redirect_uri: str) -> AuthorizationRequest:
    """Return a request of a client that nobody knows yet."""
    client = cluster.operator.create_client(scopes=[cluster.operator.create_scope()], redirect_uris=[redirect_uri])
    return AuthorizationRequest(cluster.issuer, client, redirect_uri)


def again(request: AuthorizationRequest) -> AuthorizationRequest:
    """Return another request of the same client."""
    return AuthorizationRequest(request.issuer, request.client, request.redirect_uri)


async def answered(page: Page, request: AuthorizationRequest, button: str) -> dict[str, str]:
    """Go through a request by a button and return what the client is told, as the browser carries it there."""
    await page.goto(request.url)
    async with page.expect_request(lambda sent: sent.url.startswith(f"{request.redirect_uri}?")) as carried:
        await page.click(f"#{button}", no_wait_after=True)
    sent = await carried.value
    assert "referer" not in await sent.all_headers()
    if urlsplit(request.redirect_uri).scheme in {"http", "https"}:
        await expect(page.locator("#arrived")).to_be_visible()
        # Nor can a script of the client's read where the browser came from.
        assert await page.evaluate("document.referrer") == ""
    return parameters_of(sent.url)


@pytest.mark.parametrize(
    "kind", ["https", "127.0.0.1", "::1", "scheme", "https, on to another site", "127.0.0.1, on to another site"]
)
async def test_answers_arrive(
    cluster: Cluster, signed_in: BrowserContext, callbacks: dict[str, str], kind: str
) -> None:
    """Both answers reach https, loopback and private-scheme clients, without a Referer (UI-03, RESP-06, RESP-07)."""
    page = await signed_in.new_page()
    request = new_request(cluster, callbacks[kind])
    denied = await answered(page, request, "deny")
    assert (denied["error"], denied["state"], denied["iss"]) == ("access_denied", request.state, cluster.issuer)
    page = await signed_in.new_page()
    request = again(request)
    approval = request.approval(await answered(page, request, "approve"))
    assert redeem(cluster, approval).status_code == httpx.codes.OK


async def test_what_is_remembered_is_not_asked_again(
    cluster: Cluster, signed_in: BrowserContext, https_site: WebSite, bob: User
) -> None:
    """A second request of an https client goes straight through, and from the sign-in form too (AUTHZ-12, UI-03)."""
    page = await signed_in.new_page()
    request = new_request(cluster, https_site.page())
    await answered(page, request, "approve")
    second, third = again(request), again(request)
    await page.goto(second.url)
    await signed_in.clear_cookies()
    await page.goto(third.url)
    await sign_in(page, bob)
    await expect(page.locator("#arrived")).to_be_visible()
    _, *silent = https_site.arrivals(request.redirect_uri)
    for asked, arrival in zip((second, third), silent, strict=True):
        assert "referer" not in arrival.headers
        assert redeem(cluster, asked.approval(arrival.query)).status_code == httpx.codes.OK


async def test_links_of_the_client_lead_away_without_the_answer(
    cluster: Cluster, signed_in: BrowserContext, site: WebSite, https_site: WebSite
) -> None:
    """Another site to which the client's page links is not told code and state by the browser (RESP-07)."""
    page = await signed_in.new_page()
    elsewhere = https_site.page(host="www.example")
    request = new_request(cluster, site.page(f'<a href="{elsewhere}">Elsewhere</a>'))
    await page.goto(request.url)
    await page.click("#approve")
    await page.get_by_role("link", name="Elsewhere").click()
    await expect(page.locator("#arrived")).to_be_visible()
    told = https_site.only_arrival(elsewhere).headers.get("referer", "")
    assert not {"code", "state"} & parameters_of(told).keys()
