"""Chromium, and what every page is looked at for."""

import os
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, BrowserContext, ConsoleMessage, Locator, Page, async_playwright

from tests.support import needs
from tests.support.operator_client import User

SCREENSHOTS = "TALLYSTICK_SCREENSHOTS"
PATIENCE_MILLISECONDS = 10_000
"""How long a test waits for what a page shows."""

_FLAGS = ("--disable-gpu", "--disable-background-networking", "--no-first-run")
_SIZES = {"desk": (1280, 860), "phone": (360, 740)}


@asynccontextmanager
async def running_chromium(flags: Sequence[str] = ()) -> AsyncIterator[Browser]:
    """Give a running browser without a window."""
    # Its sandbox refuses root.
    sandbox = () if os.geteuid() else ("--no-sandbox",)
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=needs.chromium_path(), args=[*_FLAGS, *sandbox, *flags]
        )
        try:
            yield browser
        finally:
            await browser.close()


async def look_at(page: Page, name: str) -> None:
    """Check a page in both colour schemes, at a desk and on a phone: axe finds nothing and nothing is cut off.

    Pictures of it go to the folder in TALLYSTICK_SCREENSHOTS, when that is set.
    """
    for scheme in ("light", "dark"):
        for size, (width, height) in _SIZES.items():
            # Without transitions, in the middle of which no colour is what it will be.
            await page.emulate_media(color_scheme="dark" if scheme == "dark" else "light", reduced_motion="reduce")
            await page.set_viewport_size({"width": width, "height": height})
            await _take_picture(page, f"{name}-{scheme}-{size}")
            found = await Axe().run(page)
            assert found.violations_count == 0, f"{name}, {scheme}, {size}:\n{found.generate_report()}"
            hidden = await page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
            assert hidden <= 0, f"{name}, {scheme}, {size}: {hidden} pixels are cut off"
    await page.set_viewport_size({"width": _SIZES["desk"][0], "height": _SIZES["desk"][1]})


async def _take_picture(page: Page, name: str) -> None:
    folder = os.environ.get(SCREENSHOTS)
    if folder:
        await page.screenshot(path=Path(folder) / f"{name}.png", full_page=True, animations="disabled")


async def follow(page: Page, leading_on: Locator) -> None:
    """Click what leads to another page, and wait until that has arrived: a click alone does not."""
    async with page.expect_navigation(wait_until="load"):
        await leading_on.click()


async def sign_in(page: Page, user: User, password: str | None = None) -> None:
    """Fill in the sign-in page and send it."""
    await page.fill("[name=username]", user.username)
    await page.fill("[name=password]", user.password if password is None else password)
    await page.click("#sign-in")


def complaints_of(context: BrowserContext) -> list[str]:
    """Return the list of what the browser will say against pages, by which a violated policy is noticed.

    That a page has a status of 4xx or 5xx is none.
    """
    complaints: list[str] = []

    def hear(message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"} and "the server responded with a status of" not in message.text:
            complaints.append(f"{message.page.url if message.page else ''}: {message.text}")

    context.on("console", hear)
    context.on("weberror", lambda error: complaints.append(str(error.error)))
    return complaints
