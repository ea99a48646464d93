"""What people do with a page in Chromium beside answering it once: click twice, go back, open it again, come late."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlsplit

import httpx
import pytest
import redis
from playwright.async_api import BrowserContext, FormData, Page, Request, expect

from tallystick.oauth2.opaque_token import digest
from tests.support.chromium import look_at, sign_in
from tests.support.cluster import Cluster
from tests.support.flow import AuthorizationRequest, parameters_of, redeem
from tests.support.operator_client import User
from tests.support.web_site import WebSite

pytestmark = pytest.mark.needs("chromium")

COUNT_CODES = "SELECT count(*) FROM audit_events WHERE event = 'code_issued' AND client_id = %(client_id)s"
COUNT_GRANTS = "SELECT count(*) FROM grants WHERE client_id = %(client_id)s"


@dataclass(frozen=True, slots=True)
class App:
    """A native client, what it has sent the browser away with, and what came back to it."""

    cluster: Cluster
    site: WebSite
    request: AuthorizationRequest

    @property
    def answers(self) -> list[dict[str, str]]:
        """What has come back so far."""
        return [arrival.query for arrival in self.site.arrivals(self.request.redirect_uri)]

    def redeem_only_code(self) -> None:
        """Fail unless exactly one code was made and has come back, and buys what it should."""
        (answer,) = self.answers
        assert redeem(self.cluster, self.request.approval(answer)).status_code == httpx.codes.OK
        assert (self.count(COUNT_CODES), self.count(COUNT_GRANTS)) == (1, 1)

    def count(self, query: str) -> int:
        """Return how many of something there are for the client."""
        with self.cluster.database.connect() as connection:
            row = connection.execute(query.encode(), {"client_id": self.request.client.client_id}).fetchone()
        assert row is not None
        return int(row["count"])


@pytest.fixture
def new_app(cluster: Cluster, site: WebSite) -> Callable[[], App]:
    """Makes a client that nobody knows yet."""

    def new() -> App:
        callback = site.page()
        client = cluster.operator.create_client(scopes=[cluster.operator.create_scope()], redirect_uris=[callback])
        return App(cluster, site, AuthorizationRequest(cluster.issuer, client, callback))

    return new


@pytest.fixture
def app(new_app: Callable[[], App]) -> App:
    """One client."""
    return new_app()


async def arrived(page: Page) -> None:
    """Wait until the browser is back at the client."""
    await expect(page.locator("#arrived")).to_be_visible()


async def over(page: Page) -> None:
    """Wait for the page that says that the question is over, with nothing to press."""
    await expect(page.get_by_role("heading", level=1)).to_have_text("This page has expired")
    assert await page.locator("form, button, input").count() == 0


async def test_two_clicks(signed_in: BrowserContext, app: App) -> None:
    """The second of two clicks on approve does nothing, and the answer to the first arrives (UI-09)."""
    page = await signed_in.new_page()
    await page.goto(app.request.url)
    await page.locator("#approve").dblclick(no_wait_after=True, delay=10)
    await arrived(page)
    assert app.count(COUNT_CODES) == 1
    app.redeem_only_code()


async def test_two_posts_in_parallel(signed_in: BrowserContext, app: App) -> None:
    """Of many parallel posts of one form one alone makes a code, and the others a page (UI-09)."""
    page = await signed_in.new_page()
    await page.goto(app.request.url)
    form = FormData()
    for name, value in await page.evaluate("[...new FormData(document.forms[0], document.querySelector('#approve'))]"):
        form.append(name, value)
    posts = [
        signed_in.request.post(
            f"{app.request.issuer}/consent", form=form, headers={"origin": app.request.issuer}, max_redirects=0
        )
        for _ in range(5)
    ]
    answers = await asyncio.gather(*posts)
    codes = [parameters_of(each.headers["location"]) for each in answers if each.status == httpx.codes.SEE_OTHER]
    assert sorted(each.status for each in answers) == [httpx.codes.SEE_OTHER, *[httpx.codes.GONE] * 4]
    (code,) = codes
    assert redeem(app.cluster, app.request.approval(code)).status_code == httpx.codes.OK
    assert (app.count(COUNT_CODES), app.count(COUNT_GRANTS)) == (1, 1)


@pytest.mark.parametrize("button", ["approve", "deny"])
async def test_back_after_an_answer(signed_in: BrowserContext, app: App, button: str) -> None:
    """Going back after an answer, reloading and going on again shows that it is over and sends nothing (UI-09)."""
    page = await signed_in.new_page()
    await page.goto(app.request.url)
    await page.click(f"#{button}")
    await arrived(page)
    posts: list[str] = []
    page.on("request", lambda request: posts.append(request.method) if request.method != "GET" else None)
    await page.go_back()
    await over(page)
    await page.reload()
    await over(page)
    await page.go_forward()
    await arrived(page)
    assert posts == []
    assert len({tuple(answer.items()) for answer in app.answers}) == 1
    assert app.count(COUNT_CODES) == (button == "approve")


async def test_back_after_signing_in(context: BrowserContext, app: App, bob: User) -> None:
    """Whoever goes back to the sign-in page finds no password in it, and none is sent a second time (UI-02)."""
    page = await context.new_page()
    passwords: list[str] = []

    def note(request: Request) -> None:
        if "password" in (request.post_data or ""):
            passwords.append(request.url)

    page.on("request", note)
    await page.goto(app.request.url)
    password = page.locator("[name=password]")
    await expect(password).to_have_attribute("autocomplete", "current-password")
    await expect(page.locator("[name=username]")).to_have_attribute("autocomplete", "username")
    await sign_in(page, bob)
    await expect(page.locator("#approve")).to_be_visible()
    await page.go_back()
    await expect(password).to_have_value("")
    assert bob.password not in await page.content()
    await page.reload()
    await expect(password).to_have_value("")
    await page.go_forward()
    await page.reload()
    assert len(passwords) == 1
    await page.click("#approve")
    await arrived(page)
    app.redeem_only_code()


async def test_two_apps_in_two_tabs(context: BrowserContext, new_app: Callable[[], App], bob: User) -> None:
    """Requests of two clients in one browser do not get into each other's way, nor answers mixed up (AUTHZ-17)."""
    first, second = new_app(), new_app()
    one, two = await context.new_page(), await context.new_page()
    await one.goto(first.request.url)
    await sign_in(one, bob)
    await expect(one.locator("#approve")).to_be_visible()
    await two.goto(second.request.url)
    await two.click("#approve")
    await arrived(two)
    await one.click("#approve")
    await arrived(one)
    first.redeem_only_code()
    second.redeem_only_code()


async def test_signing_in_at_two_tabs(context: BrowserContext, new_app: Callable[[], App], bob: User) -> None:
    """A sign-in at one tab takes the form of the other away, which says so and goes on after a reload (UI-04)."""
    first, second = new_app(), new_app()
    one, two = await context.new_page(), await context.new_page()
    await one.goto(first.request.url)
    await two.goto(second.request.url)
    await sign_in(one, bob)
    await expect(one.locator("#approve")).to_be_visible()
    await sign_in(two, bob)
    await expect(two.locator("#approve")).to_be_visible()
    await one.click("#approve")
    await expect(one.get_by_role("heading", level=1)).to_have_text("We could not accept this form")
    assert first.count(COUNT_CODES) == 0
    await one.go_back()
    await one.click("#approve")
    await arrived(one)
    await two.click("#approve")
    await arrived(two)
    first.redeem_only_code()
    second.redeem_only_code()


async def test_one_request_in_two_tabs(signed_in: BrowserContext, app: App) -> None:
    """A second tab with the same question takes nothing away, and its answer comes too late (AUTHZ-18)."""
    one, two = await signed_in.new_page(), await signed_in.new_page()
    await one.goto(app.request.url)
    await two.goto(one.url)
    await one.click("#approve")
    await arrived(one)
    await two.click("#approve")
    await over(two)
    app.redeem_only_code()


@pytest.mark.parametrize("stage", ["sign-in", "consent"])
async def test_an_expired_page(context: BrowserContext, app: App, bob: User, stage: str) -> None:
    """Whoever comes too late is told so, and the client nothing (AUTHZ-18)."""
    page = await context.new_page()
    await page.goto(app.request.url)
    if stage == "consent":
        await sign_in(page, bob)
        await expect(page.locator("#approve")).to_be_visible()
    interaction = parameters_of(page.url)["interaction"]
    with redis.Redis.from_url(app.cluster.redis_url) as store:
        assert store.delete(f"tallystick:interaction:{digest(interaction).hex()}") == 1
    await (page.click("#approve") if stage == "consent" else sign_in(page, bob))
    await over(page)
    assert app.answers == []


async def test_cookies_get_lost(signed_in: BrowserContext, app: App) -> None:
    """A browser that keeps no cookies, or drops them on the way, gets a page and no code (AUTHZ-18, UI-04)."""
    page = await signed_in.new_page()
    await page.goto(app.request.url)
    asked = page.url
    await signed_in.clear_cookies()
    await page.click("#approve")
    await expect(page.get_by_role("heading", level=1)).to_have_text("This page belongs to another browser")
    answer = await page.goto(asked)
    assert answer is not None
    assert answer.status == httpx.codes.FORBIDDEN
    assert await page.locator("form").count() == 0
    assert urlsplit(page.url).path == "/consent"
    assert (app.answers, app.count(COUNT_CODES)) == ([], 0)


async def test_too_many_passwords(context: BrowserContext, app: App) -> None:
    """Whoever guesses too often is told to wait, whatever comes next, in the language that is read (UI-08)."""
    page = await context.new_page()
    await page.set_extra_http_headers({"Accept-Language": "de"})
    await page.goto(app.request.url)
    user = app.cluster.operator.create_user()
    form = FormData().set("interaction", parameters_of(page.url)["interaction"])
    form.set("csrf", await page.locator("[name=csrf]").input_value()).set("username", user.username)
    own = {"origin": app.request.issuer}
    guesses = [context.request.post(f"{app.request.issuer}/login", form=form, headers=own) for _ in range(5)]
    assert {guess.status for guess in await asyncio.gather(*guesses)} == {httpx.codes.OK}
    async with page.expect_response("**/login") as answered:
        await sign_in(page, user)
    answer = await answered.value
    assert answer.status == httpx.codes.TOO_MANY_REQUESTS
    await expect(page.get_by_role("alert")).to_contain_text("zu viele Anmeldeversuche")
    await look_at(page, "throttled-de")
