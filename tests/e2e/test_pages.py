"""Sign-in and consent in Chromium, by mouse, by keyboard and without JavaScript."""

from dataclasses import dataclass

import httpx
import pytest
from playwright.async_api import Browser, BrowserContext, Page, expect

from tests.support.chromium import look_at, sign_in
from tests.support.cluster import Cluster
from tests.support.flow import AuthorizationRequest, redeem
from tests.support.operator_client import Client, Scope, User
from tests.support.redirect_target import RedirectTarget

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
    await expect(page.get_by_role("link")).to_be_focused()
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
    await expect(page.get_by_role("alert")).to_be_visible()
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
