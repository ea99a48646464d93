"""A browser, and what it visits."""

from collections.abc import AsyncIterator, Iterator

import pytest
from playwright.async_api import Browser, BrowserContext, Page, StorageState

from tests.support.chromium import PATIENCE_MILLISECONDS, complaints_of, running_chromium, sign_in
from tests.support.cluster import Cluster
from tests.support.operator_client import User
from tests.support.redirect_target import RedirectTarget, running_target, self_signed
from tests.support.secrets_ledger import LEDGER
from tests.support.web_site import WebSite, running_site


@pytest.fixture(scope="session")
async def chromium() -> AsyncIterator[Browser]:
    """The browser. All sites under `example` are on this machine."""
    async with running_chromium(["--host-resolver-rules=MAP *.example 127.0.0.1"]) as browser:
        yield browser


@pytest.fixture
async def context(chromium: Browser) -> AsyncIterator[BrowserContext]:
    """A profile of its own: no cookies, no history. The browser must not complain of any page in it."""
    context = await chromium.new_context(ignore_https_errors=True)
    context.set_default_timeout(PATIENCE_MILLISECONDS)
    complaints = complaints_of(context)
    yield context
    LEDGER.note("cookie", *(cookie.get("value") for cookie in await context.cookies()))
    await context.close()
    assert complaints == []


@pytest.fixture
async def page(context: BrowserContext) -> Page:
    """An empty tab."""
    return await context.new_page()


@pytest.fixture
def target() -> Iterator[RedirectTarget]:
    """The client's end of the redirect."""
    with running_target() as target:
        yield target


@pytest.fixture(scope="session")
def site() -> Iterator[WebSite]:
    """A site of somebody else, over http; as `localhost` it gets none of our cookies, as `127.0.0.1` it does."""
    with running_site("127.0.0.1") as site:
        yield site


@pytest.fixture(scope="session")
def https_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebSite]:
    """A site of somebody else, over https."""
    with running_site("app.example", tls=self_signed("app.example", tmp_path_factory.mktemp("site"))) as site:
        yield site


@pytest.fixture(scope="session")
def bob(cluster: Cluster) -> User:
    """A resource owner for all tests that do not change what is known of him."""
    return cluster.operator.create_user()


@pytest.fixture(scope="session")
async def bobs_state(cluster: Cluster, chromium: Browser, bob: User) -> StorageState:
    """What a browser keeps in which he is signed in."""
    context = await chromium.new_context()
    page = await context.new_page()
    await page.goto(f"{cluster.issuer}/login")
    await sign_in(page, bob)
    await page.wait_for_url(f"{cluster.issuer}/account")
    state = await context.storage_state()
    await context.close()
    return state


@pytest.fixture
async def signed_in(context: BrowserContext, bobs_state: StorageState) -> BrowserContext:
    """A profile in which bob is signed in."""
    await context.set_storage_state(bobs_state)
    return context
