"""What other sites can do to people with a Chromium that is signed in: post our forms, frame our pages, fetch ahead.

A site on another port of our host is sent our cookies, as browsers do not tell ports apart; one at another host is not,
unless the person goes from it to us. Neither gets anything done.
"""

import asyncio
import html
import json
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

import httpx
import pytest
from playwright.async_api import Browser, BrowserContext, Page, Response, StorageState, expect

from tests.support.chromium import PATIENCE_MILLISECONDS, look_at
from tests.support.cluster import Cluster
from tests.support.flow import AuthorizationRequest, redeem
from tests.support.operator_client import Client, User
from tests.support.web_site import WebSite

pytestmark = pytest.mark.needs("chromium")

Ask = Callable[[str], AuthorizationRequest]

OTHER_PORT, OTHER_HOST = "127.0.0.1", "localhost"

EVENTS = """SELECT event, count(*) FROM audit_events
    WHERE client_id = %(client_id)s OR user_id = %(user_id)s GROUP BY event"""


@pytest.fixture
async def watched(chromium: Browser, bobs_state: StorageState) -> AsyncIterator[BrowserContext]:
    """A profile in which bob is signed in, and whose browser may complain: that is what keeps him safe."""
    context = await chromium.new_context(ignore_https_errors=True, storage_state=bobs_state)
    context.set_default_timeout(PATIENCE_MILLISECONDS)
    yield context
    await context.close()


def events(cluster: Cluster, client: Client, user: User) -> Counter[str]:
    """Count what has happened to a client and a user, by kind."""
    with cluster.database.connect() as connection:
        rows = connection.execute(EVENTS, {"client_id": client.client_id, "user_id": user.user_id}).fetchall()
    return Counter({str(row["event"]): int(row["count"]) for row in rows})


async def fields_of(page: Page, form: str, button: str) -> dict[str, str]:
    """Return what a form of ours sends when its button is pressed, its secret included."""
    pairs: list[list[str]] = await page.evaluate(
        "([form, button]) => [...new FormData(document.querySelector(form), document.querySelector(button))]",
        [form, button],
    )
    return dict(pairs)


@dataclass(frozen=True, slots=True)
class Forgery:
    """A copy of a form of ours on another site."""

    action: str
    fields: Mapping[str, str]

    def without(self, name: str) -> "Forgery":
        """Return it without a field."""
        return Forgery(self.action, {key: value for key, value in self.fields.items() if key != name})

    def html(self, target: str) -> str:
        """Return the form, whose answer goes to a frame."""
        inputs = "".join(
            f'<input type="hidden" name="{name}" value="{html.escape(value)}">' for name, value in self.fields.items()
        )
        form = f'<form method="post" action="{self.action}" target="{target}">{inputs}</form>'
        return f'{form}<iframe name="{target}"></iframe>'


def attack(forgeries: list[Forgery], policy: str) -> str:
    """Return a page that posts every form by itself, into a frame and by a script, under a referrer policy."""
    forms = "".join(each.html(f"frame{number}") for number, each in enumerate(forgeries))
    posted = json.dumps([[each.action, dict(each.fields)] for each in forgeries])
    return f"""<meta name="referrer" content="{policy}">{forms}<script>
        for (const form of document.forms) HTMLFormElement.prototype.submit.call(form)
        const how = {{method: 'POST', mode: 'no-cors', credentials: 'include'}}
        for (const [action, fields] of {posted}) fetch(action, {{...how, body: new URLSearchParams(fields)}})
        </script>"""


@pytest.fixture
def ask(cluster: Cluster) -> Ask:
    """Makes a client that nobody knows yet, and its request."""

    def asking(redirect_uri: str) -> AuthorizationRequest:
        client = cluster.operator.create_client(scopes=[cluster.operator.create_scope()], redirect_uris=[redirect_uri])
        return AuthorizationRequest(cluster.issuer, client, redirect_uri)

    return asking


async def approve(page: Page, request: AuthorizationRequest) -> None:
    """Approve what a client asks for."""
    await page.goto(request.url)
    await page.click("#approve")
    await expect(page.locator("#arrived")).to_be_visible()


@pytest.mark.parametrize("host", [OTHER_PORT, OTHER_HOST])
async def test_forms_posted_by_another_site(
    cluster: Cluster, watched: BrowserContext, ask: Ask, bob: User, site: WebSite, host: str
) -> None:
    """Perfect copies of all our forms, and copies without their secrets, get 403 and nothing done (UI-04)."""
    page = await watched.new_page()
    allowed, asked = ask(site.page()), ask(site.page())
    await approve(page, allowed)
    copies = await copies_of_forms(page, cluster.issuer, allowed.client, bob)
    await page.goto(asked.url)
    copies.append(Forgery(f"{cluster.issuer}/consent", await fields_of(page, "form", "#approve")))
    assert all(copy.fields["csrf"] for copy in copies)
    before = events(cluster, asked.client, bob)
    for policy in ("unsafe-url", "no-referrer"):
        echo = Forgery(site.page(), {})
        attacking = site.page(attack([*copies, *(copy.without("csrf") for copy in copies), echo], policy), host=host)
        answers = await answers_to_posts(watched, attacking, 2 * (2 * len(copies) + 1))
        assert {answer.status for answer in answers if answer.url != echo.action} == {httpx.codes.FORBIDDEN}
        # The attack was what it claims to be.
        assert ("cookie" in site.only_arrival(attacking).headers) == (host == OTHER_PORT)
        origins = {arrival.headers["origin"] for arrival in site.arrivals(echo.action)}
        assert origins == {origin_of(attacking), *(["null"] if policy == "no-referrer" else [])}
    assert events(cluster, asked.client, bob) == before
    await page.click("#approve")
    await expect(page.locator("#arrived")).to_be_visible()
    await page.goto(f"{cluster.issuer}/account")
    for request in (allowed, asked):
        await expect(page.get_by_role("heading", name=request.client.name)).to_be_visible()


async def copies_of_forms(page: Page, issuer: str, client: Client, user: User) -> list[Forgery]:
    """Return copies of the forms by which somebody takes access from a client, signs out and signs in."""
    await page.goto(f"{issuer}/account")
    withdraw = await fields_of(page, "form[action=account]", f"button[value='{client.client_id}']")
    sign_out = await fields_of(page, "form[action=logout]", "#sign-out")
    await page.goto(f"{issuer}/login")
    credentials = {"username": user.username, "password": user.password}
    login = {**await fields_of(page, "form", "#sign-in"), **credentials}
    forms = {"account": withdraw, "logout": sign_out, "login": login}
    return [Forgery(f"{issuer}/{path}", fields) for path, fields in forms.items()]


async def answers_to_posts(context: BrowserContext, url: str, number: int) -> list[Response]:
    """Open a page and return the answers to so many forms that it posts."""
    answers: asyncio.Queue[Response] = asyncio.Queue()
    stranger = await context.new_page()
    context.on("response", lambda response: answers.put_nowait(response) if response.request.method == "POST" else None)
    await stranger.goto(url)
    async with asyncio.timeout(10):
        received = [await answers.get() for _ in range(number)]
    await stranger.close()
    return received


def origin_of(url: str) -> str:
    """Return the origin of an address."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


async def test_the_form_of_another_site_in_the_whole_window(
    cluster: Cluster, watched: BrowserContext, ask: Ask, bob: User, site: WebSite
) -> None:
    """Whoever is made to post a form sees our page, which says that nothing was changed (UI-04)."""
    page = await watched.new_page()
    await page.goto(ask(site.page()).url)
    copy = Forgery(f"{cluster.issuer}/consent", await fields_of(page, "form", "#approve"))
    script = "<script>HTMLFormElement.prototype.submit.call(document.forms[0])</script>"
    await page.goto(site.page(copy.html("_top") + script))
    await expect(page.get_by_role("heading", level=1)).to_have_text("We could not accept this form")
    assert bob.username not in await page.content()
    await look_at(page, "form-refused")


async def test_pages_in_frames(cluster: Cluster, watched: BrowserContext, ask: Ask, site: WebSite) -> None:
    """No page of ours shows in a frame, neither to those who are signed in nor to others (UI-01)."""
    page = await watched.new_page()
    await page.goto(ask(site.page()).url)
    pages = [page.url, *(f"{cluster.issuer}/{path}" for path in ("login", "account", "nothing", "logout"))]
    framed = "".join(f'<iframe src="{url}"></iframe><iframe src="{url}" sandbox></iframe>' for url in pages)
    embedded = "".join(f'<object data="{url}"></object><embed src="{url}">' for url in pages)
    for host in (OTHER_PORT, OTHER_HOST):
        await page.goto(site.page(framed + embedded, host=host))
        await page.wait_for_load_state("networkidle")
        shown = Counter(frame.url for frame in page.frames[1:])
        assert shown["chrome-error://chromewebdata/"] >= 2 * len(pages)
        assert shown.keys() <= {"", "chrome-error://chromewebdata/"}


@pytest.mark.parametrize("host", [OTHER_PORT, OTHER_HOST])
async def test_fetching_ahead_answers_nothing(
    cluster: Cluster, watched: BrowserContext, ask: Ask, bob: User, site: WebSite, https_site: WebSite, host: str
) -> None:
    """Prefetching, frames, images and scripts make no code of what is remembered; going there does (AUTHZ-18)."""
    page = await watched.new_page()
    first = ask(https_site.page())
    await approve(page, first)
    remembered = AuthorizationRequest(cluster.issuer, first.client, first.redirect_uri)
    url = html.escape(remembered.url)
    speculation = [{"urls": [remembered.url], "eagerness": "immediate"}]
    rules = json.dumps({"prefetch": speculation, "prerender": speculation})
    ahead = f"""<link rel="prefetch" href="{url}"><script type="speculationrules">{rules}</script>
        <img src="{url}"><iframe src="{url}"></iframe><object data="{url}"></object><script src="{url}"></script>
        <link rel="stylesheet" href="{url}"><a href="{url}" ping="{url}">Go on</a>
        <script>
        window.done = Promise.all(['no-cors', 'cors'].map(mode =>
            fetch({json.dumps(remembered.url)}, {{mode, credentials: 'include'}}).catch(() => null)))
        </script>"""
    before = events(cluster, remembered.client, bob)
    await page.goto(site.page(ahead, host=host))
    await page.evaluate("window.done")
    await page.wait_for_load_state("networkidle")
    assert events(cluster, remembered.client, bob) == before
    assert len(https_site.arrivals(remembered.redirect_uri)) == 1
    await page.get_by_role("link", name="Go on").click()
    # Chromium shows the page that it has prefetched, which asks.
    await expect(page.locator("#arrived, #approve")).to_be_visible()
    if await page.locator("#approve").count():
        await page.click("#approve")
    await expect(page.locator("#arrived")).to_be_visible()
    answer = https_site.arrivals(remembered.redirect_uri)[-1].query
    assert redeem(cluster, remembered.approval(answer)).status_code == httpx.codes.OK
