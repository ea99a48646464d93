"""A browser, and what it visits."""

from collections.abc import AsyncIterator, Iterator

import pytest
from playwright.async_api import Browser, BrowserContext, Page

from tests.support.chromium import running_chromium
from tests.support.redirect_target import RedirectTarget, running_target

PATIENCE_MILLISECONDS = 10_000


@pytest.fixture(scope="session")
async def chromium() -> AsyncIterator[Browser]:
    """The browser."""
    async with running_chromium() as browser:
        yield browser


@pytest.fixture
async def context(chromium: Browser) -> AsyncIterator[BrowserContext]:
    """A profile of its own: no cookies, no history."""
    context = await chromium.new_context()
    context.set_default_timeout(PATIENCE_MILLISECONDS)
    yield context
    await context.close()


@pytest.fixture
async def page(context: BrowserContext) -> Page:
    """An empty tab."""
    return await context.new_page()


@pytest.fixture
def target() -> Iterator[RedirectTarget]:
    """The client's end of the redirect."""
    with running_target() as target:
        yield target
