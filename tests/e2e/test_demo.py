"""The demo in Chromium: PhotoPrint asks, bob decides, PhotoStorage answers."""

from collections.abc import Iterator

import pytest
from playwright.async_api import Page, expect

from tallystick.local.demo_data import SCOPES
from tests.support.chromium import follow, look_at, sign_in
from tests.support.cluster import running_cluster
from tests.support.databases import Database
from tests.support.demo import Demo, running_demo
from tests.support.operator_client import User

pytestmark = pytest.mark.needs("chromium")

# The scope that the call for photos needs, and one that the demo API has no use for.
NEEDED, SPARE = SCOPES


@pytest.fixture(scope="module")
def demo(database: Database, redis_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    """PhotoPrint and PhotoStorage, beside services of their own, as the demo's names are always the same."""
    folder = tmp_path_factory.mktemp("demo")
    with running_cluster(database, redis_url, folder) as cluster, running_demo(cluster, folder) as demo:
        yield demo


async def ask(page: Page, demo: Demo, variant: str, owner: User) -> None:
    """Go from PhotoPrint's first page to the consent page, as somebody."""
    await page.goto(demo.url)
    await follow(page, page.locator(f"#begin-{variant}"))
    await follow(page, page.locator("#continue"))
    await sign_in(page, owner)
    await expect(page.locator("#approve")).to_be_visible()


async def ask_bob(page: Page, demo: Demo, variant: str) -> None:
    """Go from PhotoPrint's first page to the consent page, as bob."""
    await ask(page, demo, variant, demo.bob)


@pytest.mark.parametrize("variant", ["public", "confidential"])
async def test_approve_all(page: Page, demo: Demo, variant: str) -> None:
    """Both kinds of PhotoPrint fetch bob's photos, refresh, fetch them again, and sign out; axe finds nothing."""
    await page.goto(demo.url)
    await look_at(page, "demo-start")
    await follow(page, page.locator(f"#begin-{variant}"))
    await look_at(page, f"demo-request-{variant}")
    await follow(page, page.locator("#continue"))
    await sign_in(page, demo.bob)
    await follow(page, page.locator("#approve"))
    for step in ("code", "exchange"):
        await expect(page).to_have_url(f"{demo.url}/{step}")
        await look_at(page, f"demo-{step}-{variant}")
        await follow(page, page.locator("#continue"))
    await look_at(page, f"demo-token-{variant}")
    await follow(page, page.locator("#call"))
    await expect(page.locator("figure img").first).to_be_visible()
    await look_at(page, f"demo-photos-{variant}")
    await follow(page, page.locator("#refresh"))
    await look_at(page, f"demo-refreshed-{variant}")
    await follow(page, page.locator("#call"))
    await expect(page.locator("figure img").first).to_be_visible()
    await expect(page.get_by_role("heading", level=1)).to_contain_text(demo.bob.username)
    await follow(page, page.locator("#sign-out"))
    await look_at(page, f"demo-signed-out-{variant}")
    await follow(page, page.locator("#call"))
    await expect(page.get_by_text("UNAUTHENTICATED")).to_be_visible()


async def test_approve_some(page: Page, demo: Demo) -> None:
    """Bob's token without the scope that the call needs is refused, and PhotoPrint says so."""
    await ask_bob(page, demo, "public")
    await page.locator("input[value='albums.read']").uncheck()
    await follow(page, page.locator("#approve"))
    await page.goto(f"{demo.url}/token")
    await follow(page, page.locator("#call"))
    await expect(page.get_by_role("heading", level=1)).to_have_text("PhotoStorage says: not with this token")
    await expect(page.get_by_text("PERMISSION_DENIED: the access token does not carry a scope")).to_be_visible()
    await expect(page.get_by_text('error="insufficient_scope", scope="albums.read"')).to_be_visible()
    assert await page.locator("figure img").count() == 0
    await look_at(page, "demo-refused-scope")


async def test_alice_is_not_family(page: Page, demo: Demo) -> None:
    """Alice gives all she is asked for, but she is not in the group: PhotoPrint says that she may not, at all."""
    await ask(page, demo, "public", demo.alice)
    await follow(page, page.locator("#approve"))
    await page.goto(f"{demo.url}/token")
    await follow(page, page.locator("#call"))
    await expect(page.get_by_role("heading", level=1)).to_have_text("PhotoStorage says: not you")
    await expect(page.get_by_text("PERMISSION_DENIED: whoever the access token speaks for is not")).to_be_visible()
    await expect(page.get_by_text("another token would help")).to_be_visible()
    assert "insufficient_scope" not in await page.content()
    assert await page.locator("figure img").count() == 0
    await look_at(page, "demo-refused-owner")


async def test_approve_what_the_call_needs(page: Page, demo: Demo) -> None:
    """With only the scope that the call needs the photos come."""
    await ask_bob(page, demo, "confidential")
    await page.locator("input[value='albums.write']").uncheck()
    await follow(page, page.locator("#approve"))
    await page.goto(f"{demo.url}/token")
    await follow(page, page.locator("#call"))
    await expect(page.locator("figure img").first).to_be_visible()


async def test_deny(page: Page, demo: Demo) -> None:
    """A denial comes back to PhotoPrint, which says so and lets people start over."""
    await ask_bob(page, demo, "public")
    await follow(page, page.locator("#deny"))
    await expect(page.get_by_text("access_denied")).to_be_visible()
    await look_at(page, "demo-denied")
    await follow(page, page.locator("#continue"))
    await expect(page).to_have_url(f"{demo.url}/")


async def test_a_wrong_password(page: Page, demo: Demo) -> None:
    """A wrong password keeps bob at the sign-in page, and the right one takes him on to his photos."""
    await page.goto(demo.url)
    await page.click("#begin-public")
    await follow(page, page.locator("#continue"))
    await sign_in(page, demo.bob, "wrong-password")
    await expect(page.get_by_role("alert")).to_be_visible()
    await sign_in(page, demo.bob)
    await follow(page, page.locator("#approve"))
    await page.goto(f"{demo.url}/token")
    await follow(page, page.locator("#call"))
    await expect(page.locator("figure img").first).to_be_visible()


async def test_the_code_leaves_the_address_bar(page: Page, demo: Demo) -> None:
    """The callback's address, with the code in it, is replaced at once and is sent nowhere afterwards (RESP-07)."""
    visited: list[str] = []
    referers: list[str] = []
    page.on("request", lambda request: visited.append(request.url))
    page.on("request", lambda request: referers.append(request.headers.get("referer", "")))
    await ask_bob(page, demo, "public")
    await follow(page, page.locator("#approve"))
    await expect(page).to_have_url(f"{demo.url}/code")
    await follow(page, page.locator("#continue"))
    await expect(page).to_have_url(f"{demo.url}/exchange")
    assert len([url for url in visited if "code=" in url]) == 1
    assert not [referer for referer in referers if "code=" in referer]
