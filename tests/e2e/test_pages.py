"""Sign-in and consent in Chromium, by mouse, by keyboard and without JavaScript."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from playwright.async_api import Browser, BrowserContext, Page, Request, expect

from tests.support.chromium import look_at, running_chromium, sign_in
from tests.support.cluster import Cluster
from tests.support.flow import AuthorizationRequest, redeem
from tests.support.operator_client import Client, Scope, User
from tests.support.redirect_target import RedirectTarget, running_target, self_signed

pytestmark = pytest.mark.needs("chromium")


@dataclass(frozen=True, slots=True)
class Stage:
    """A client with two scopes, its request, and somebody to ask."""

    client: Client
    user: User
    read: Scope
    write: Scope
    request: AuthorizationRequest
    target: RedirectTarget


@pytest.fixture
def stage(cluster: Cluster, target: RedirectTarget) -> Stage:
    """A native client of this test's own."""
    operator = cluster.operator
    read, write = (operator.create_scope(description=words) for words in ("See your photos", "Add photos"))
    client = operator.create_client(scopes=[read, write], redirect_uris=[target.callback])
    request = AuthorizationRequest(cluster.issuer, client, target.callback, (read.name, write.name))
    return Stage(client, operator.create_user(), read, write, request, target)


async def arrived(page: Page) -> None:
    """Wait until the browser is back at the client."""
    await expect(page.locator("#arrived")).to_be_visible()


def granted(cluster: Cluster, stage: Stage) -> set[str]:
    """Redeem the code that has come back and return the scopes that it bought."""
    answer = redeem(cluster, stage.request.approval(stage.target.only_arrival().query))
    assert answer.status_code == httpx.codes.OK, answer.text
    return set(answer.json()["scope"].split())


async def test_approve_all(cluster: Cluster, stage: Stage, page: Page) -> None:
    """Signing in and approving everything brings back a code that buys all scopes (RESP-01)."""
    await page.goto(stage.request.url)
    await sign_in(page, stage.user)
    await expect(page.get_by_role("heading", level=1)).to_contain_text(stage.client.name)
    await page.click("#approve")
    await arrived(page)
    assert granted(cluster, stage) == {stage.read.name, stage.write.name}


async def test_approve_some(cluster: Cluster, stage: Stage, page: Page) -> None:
    """An unticked scope is not granted (TOK-08)."""
    await page.goto(stage.request.url)
    await sign_in(page, stage.user)
    await page.get_by_label(stage.write.description).uncheck()
    await page.click("#approve")
    await arrived(page)
    assert granted(cluster, stage) == {stage.read.name}


@pytest.mark.parametrize("button", ["deny", "approve"])
async def test_a_no_is_a_no(cluster: Cluster, stage: Stage, page: Page, button: str) -> None:
    """Deny, and approve with nothing ticked, bring back access_denied with state and issuer (AUTHZ-13)."""
    await page.goto(stage.request.url)
    await sign_in(page, stage.user)
    for scope in (stage.read, stage.write):
        await page.get_by_label(scope.description).uncheck()
    await page.click(f"#{button}")
    await arrived(page)
    answer = stage.target.only_arrival().query
    assert (answer["error"], answer["state"], answer["iss"]) == ("access_denied", stage.request.state, cluster.issuer)
    assert "code" not in answer


async def test_a_wrong_password(cluster: Cluster, stage: Stage, page: Page) -> None:
    """A wrong password is said aloud, keeps the name, puts the cursor into the password, and can be corrected."""
    await page.goto(stage.request.url)
    await sign_in(page, stage.user, "wrong-password")
    await expect(page.get_by_role("alert")).to_be_visible()
    await expect(page.locator("[name=username]")).to_have_value(stage.user.username)
    await expect(page.locator("[name=password]")).to_be_focused()
    await expect(page.locator("[name=password]")).to_have_value("")
    assert "wrong-password" not in await page.content()
    await page.keyboard.type(stage.user.password)
    await page.keyboard.press("Enter")
    await page.click("#approve")
    await arrived(page)
    assert granted(cluster, stage)


async def test_an_unknown_user_looks_the_same(stage: Stage, page: Page, context: BrowserContext) -> None:
    """The page for an unknown user says what the one for a wrong password says (UI-08)."""
    await page.goto(stage.request.url)
    await sign_in(page, stage.user, "wrong-password")
    known = await page.inner_text("main")
    other = await context.new_page()
    await other.goto(stage.request.url)
    await sign_in(other, User("", "nobody-of-this-name", "wrong-password"))
    assert await other.inner_text("main") == known


async def test_keyboard_only(cluster: Cluster, stage: Stage, page: Page) -> None:
    """Every step can be taken with the keyboard alone, in the order in which the page reads."""
    await page.goto(stage.request.url)
    await expect(page.locator("[name=username]")).to_be_focused()
    await page.keyboard.type(stage.user.username)
    await page.keyboard.press("Tab")
    await page.keyboard.type(stage.user.password)
    await page.keyboard.press("Enter")
    boxes = page.get_by_role("checkbox")
    await expect(boxes).to_have_count(2)
    for box in await boxes.all():
        await page.keyboard.press("Tab")
        await expect(box).to_be_focused()
    await page.keyboard.press("Space")
    await expect(boxes.last).not_to_be_checked()
    await page.keyboard.press("Tab")
    await expect(page.locator("#deny")).to_be_focused()
    await page.keyboard.press("Tab")
    await expect(page.locator("#approve")).to_be_focused()
    await page.keyboard.press("Enter")
    await arrived(page)
    assert len(granted(cluster, stage)) == 1


async def test_enter_in_a_check_box_is_no_yes(stage: Stage, page: Page) -> None:
    """Enter where nobody has chosen a button does not approve (UI-07)."""
    await page.goto(stage.request.url)
    await sign_in(page, stage.user)
    await page.get_by_label(stage.read.description).focus()
    await page.keyboard.press("Enter")
    await arrived(page)
    assert stage.target.only_arrival().query["error"] == "access_denied"


async def test_without_javascript(cluster: Cluster, stage: Stage, chromium: Browser) -> None:
    """Sign-in, a wrong password and consent work in a browser that runs no script."""
    context = await chromium.new_context(java_script_enabled=False)
    page = await context.new_page()
    await page.goto(stage.request.url)
    await sign_in(page, stage.user, "wrong-password")
    await sign_in(page, stage.user)
    await page.click("#approve")
    await arrived(page)
    await context.close()
    assert granted(cluster, stage) == {stage.read.name, stage.write.name}


async def test_pages_are_for_everybody(stage: Stage, page: Page) -> None:
    """Axe finds nothing on sign-in, its second try, consent and an error page, in light, dark, large and small."""
    await page.goto(stage.request.url)
    await look_at(page, "sign-in")
    await sign_in(page, stage.user, "wrong-password")
    await look_at(page, "sign-in-failed")
    await sign_in(page, stage.user)
    await page.locator("#approve").wait_for()
    await look_at(page, "consent")
    await page.goto(stage.request.url.replace(stage.client.client_id, "unknown"))
    await look_at(page, "error")


async def test_nothing_foreign_is_loaded(cluster: Cluster, stage: Stage, page: Page) -> None:
    """Pages load nothing from elsewhere, and the client is sent no Referer (UI-02, RESP-07)."""
    visited: list[str] = []
    page.on("request", lambda request: visited.append(request.url))
    await page.goto(stage.request.url)
    await sign_in(page, stage.user)
    await page.click("#approve")
    await arrived(page)
    ours = (cluster.issuer, f"http://127.0.0.1:{stage.target.port}/", "data:")
    assert [url for url in visited if not url.startswith(ours)] == []
    assert "referer" not in stage.target.only_arrival().headers


async def test_a_page_cannot_be_framed(stage: Stage, page: Page) -> None:
    """Another site that frames our pages shows nothing (UI-01)."""
    framing = f'<!doctype html><iframe src="{stage.request.url.replace("&", "&amp;")}"></iframe>'.encode()
    with running_target(page=framing) as site:
        await page.goto(f"http://127.0.0.1:{site.port}/")
        await page.wait_for_load_state()
        (frame,) = page.frames[1:]
        assert frame.url.startswith("chrome-error:")


async def test_another_browser_cannot_go_on(stage: Stage, page: Page, chromium: Browser) -> None:
    """The address of a page, opened in another browser, shows no form (AUTHZ-18)."""
    await page.goto(stage.request.url)
    await sign_in(page, stage.user)
    await page.locator("#approve").wait_for()
    other = await chromium.new_context()
    stranger = await other.new_page()
    answer = await stranger.goto(page.url)
    assert answer is not None
    assert answer.status >= httpx.codes.BAD_REQUEST
    assert await stranger.locator("form").count() == 0
    await other.close()


async def test_back_after_approval_buys_nothing(cluster: Cluster, stage: Stage, page: Page) -> None:
    """Whoever goes back after approving finds no form that makes a second code (UI-09)."""
    await page.goto(stage.request.url)
    await sign_in(page, stage.user)
    await page.locator("#approve").wait_for()
    consent = page.url
    await page.click("#approve")
    await arrived(page)
    answer = await page.goto(consent)
    assert answer is not None
    assert answer.status >= httpx.codes.BAD_REQUEST
    assert await page.locator("#approve").count() == 0
    assert granted(cluster, stage)


async def test_a_double_click_makes_one_code(cluster: Cluster, stage: Stage, page: Page) -> None:
    """Two clicks on approve make one code at most that can be redeemed (UI-09)."""
    await page.goto(stage.request.url)
    await sign_in(page, stage.user)
    await page.locator("#approve").dblclick(no_wait_after=True)
    await expect(page.locator("#arrived, main h1")).to_be_visible()
    codes = {arrival.query["code"] for arrival in stage.target.arrivals}
    assert len(codes) <= 1
    assert [
        code
        for code in codes
        if redeem(
            cluster, stage.request.approval({"code": code, "state": stage.request.state, "iss": cluster.issuer})
        ).status_code
        != httpx.codes.OK
    ] == []


async def test_signed_in_people_are_asked_for_consent_only(cluster: Cluster, stage: Stage, page: Page) -> None:
    """A second request in the same browser goes to consent at once, and is not approved in silence (AUTHZ-12)."""
    await page.goto(stage.request.url)
    await sign_in(page, stage.user)
    await page.click("#approve")
    await arrived(page)
    await page.goto(AuthorizationRequest(cluster.issuer, stage.client, stage.target.callback).url)
    await expect(page.locator("#approve")).to_be_visible()
    assert await page.locator("[name=password]").count() == 0
    assert len(stage.target.arrivals) == 1


@pytest.fixture
async def https_chromium(https_target: RedirectTarget) -> AsyncIterator[Page]:
    """A browser that finds app.example at the target's port and takes its certificate."""
    flags = [f"--host-resolver-rules=MAP app.example:443 127.0.0.1:{https_target.port}"]
    async with running_chromium(flags) as browser:
        context = await browser.new_context(ignore_https_errors=True)
        yield await context.new_page()


@pytest.fixture
def https_target(tmp_path: Path) -> Iterator[RedirectTarget]:
    """A web client's end of the redirect, with TLS."""
    with running_target(self_signed("app.example", tmp_path)) as target:
        yield target


async def test_approval_reaches_a_web_client(
    cluster: Cluster, https_target: RedirectTarget, https_chromium: Page
) -> None:
    """Chromium follows the redirect to an https client under our form-action (UI-03)."""
    scope = cluster.operator.create_scope()
    client = cluster.operator.create_client(scopes=[scope], redirect_uris=["https://app.example/callback"])
    request = AuthorizationRequest(cluster.issuer, client, client.redirect_uris[0])
    await https_chromium.goto(request.url)
    await sign_in(https_chromium, cluster.operator.create_user())
    await look_at(https_chromium, "consent-web")
    await https_chromium.click("#approve")
    await arrived(https_chromium)
    arrival = https_target.only_arrival()
    assert "referer" not in arrival.headers
    assert redeem(cluster, request.approval(arrival.query)).status_code == httpx.codes.OK


async def test_approval_reaches_an_app_by_its_scheme(cluster: Cluster, page: Page) -> None:
    """Chromium hands the redirect to a private-use scheme under our form-action (UI-03)."""
    scope = cluster.operator.create_scope()
    client = cluster.operator.create_client(scopes=[scope], redirect_uris=["com.example.app:/callback"])
    request = AuthorizationRequest(cluster.issuer, client, client.redirect_uris[0])
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    handed_over: asyncio.Future[Request] = asyncio.get_running_loop().create_future()
    page.on(
        "request",
        lambda sent: handed_over.set_result(sent) if sent.url.startswith("com.example.app:/callback?") else None,
    )
    await page.goto(request.url)
    await sign_in(page, cluster.operator.create_user())
    await look_at(page, "consent-app")
    await page.click("#approve", no_wait_after=True)
    async with asyncio.timeout(10):
        await handed_over
    assert complaints == []
