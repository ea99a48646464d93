"""The account page in Chromium, in a language that is not the first one."""

from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Browser, Page, expect

from tests.support.chromium import follow, look_at, sign_in
from tests.support.cluster import Cluster
from tests.support.flow import AuthorizationRequest
from tests.support.redirect_target import RedirectTarget

pytestmark = pytest.mark.needs("chromium")


@pytest.fixture
async def german(chromium: Browser) -> AsyncIterator[Page]:
    """A tab of somebody who reads German."""
    context = await chromium.new_context(locale="de-AT")
    yield await context.new_page()
    await context.close()


async def test_people_see_and_withdraw_what_they_gave(cluster: Cluster, german: Page, target: RedirectTarget) -> None:
    """From consent to account, withdrawal and signing out, by keyboard, each page fit for everybody (UI-09)."""
    operator = cluster.operator
    scopes = [operator.create_scope(description=words) for words in ("See your photos", "Add photos")]
    client = operator.create_client(scopes=scopes, redirect_uris=[target.callback])
    user = operator.create_user()

    await german.goto(f"{cluster.issuer}/account")
    await look_at(german, "sign-in-for-oneself-de")
    await sign_in(german, user)
    await expect(german.get_by_role("heading", name="Keine Anwendung hat Zugriff")).to_be_visible()

    await german.goto(AuthorizationRequest(cluster.issuer, client, target.callback).url)
    await look_at(german, "consent-de")
    await german.get_by_role("button", name="Zustimmen").click()
    await expect(german.locator("#arrived")).to_be_visible()

    await german.goto(AuthorizationRequest(cluster.issuer, client, target.callback).url)
    await follow(german, german.get_by_role("link", name="Ihr Konto"))
    await look_at(german, "account-de")
    await german.get_by_role("button", name=f"Zugriff widerrufen: {client.name}").focus()
    await german.keyboard.press("Enter")
    await expect(german.get_by_role("status")).to_have_text(f"{client.name} hat keinen Zugriff mehr auf Ihr Konto.")
    await expect(german.get_by_role("heading", name="Keine Anwendung hat Zugriff")).to_be_visible()

    await german.get_by_role("button", name="Abmelden").click()
    await expect(german.locator("[name=password]")).to_be_visible()
    await german.goto(f"{cluster.issuer}/account")
    await expect(german.locator("[name=password]")).to_be_visible()
