"""The pages of PhotoPrint: the real app, with fakes of the two services that it talks to."""

import html
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import httpx
import pytest

from examples.photoprint.app import PhotoPrint, new_app
from examples.photoprint.authorization import AuthorizationServer
from examples.photoprint.journey import COOKIE, MOST_JOURNEYS, Journey, Journeys, Variant
from examples.photoprint.pages import Pages
from examples.photoprint.photostorage import Album, ApiRefusal, Photo
from tests.unit.photoprint.issuer import CONFIDENTIAL, ISSUER, PUBLIC, TOKENS, Issuer

BASE = "http://127.0.0.1:8090"
LINK = re.compile(r'id="continue" href="([^"]+)"')
ALBUM = Album("bob", (Photo("Harbour", "2026-01-02", "image/svg+xml", b"<svg/>"),))


@dataclass
class Storage:
    """PhotoStorage: it answers what it is told to answer."""

    answer: Album | ApiRefusal = ALBUM
    tokens: list[str] = field(default_factory=list)

    def fetch_album(self, access_token: str) -> Album | ApiRefusal:
        self.tokens.append(access_token)
        return self.answer


@pytest.fixture
def issuer() -> Issuer:
    """The authorization server behind the app."""
    return Issuer()


@pytest.fixture
def storage() -> Storage:
    """The API behind the app."""
    return Storage()


@pytest.fixture
async def browser(issuer: Issuer, storage: Storage) -> AsyncIterator[httpx.AsyncClient]:
    """A browser at PhotoPrint."""
    pages = Pages(ISSUER, "127.0.0.1:9090")
    registrations = {Variant.PUBLIC: PUBLIC, Variant.CONFIDENTIAL: CONFIDENTIAL}
    with httpx.Client(transport=issuer) as http:
        site = PhotoPrint(registrations, AuthorizationServer(ISSUER, http), storage, pages)
        transport = httpx.ASGITransport(new_app(site, pages, BASE), raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url=BASE, follow_redirects=True) as client:
            yield client


async def begin(browser: httpx.AsyncClient, variant: str = "confidential") -> dict[str, str]:
    """Begin, and return the good answer that the authorization server would send the browser back with."""
    page = await browser.post(f"/begin/{variant}")
    sent = httpx.URL(html.unescape(LINK.findall(page.text)[0])).params
    return {"code": "the-code", "state": sent["state"], "iss": ISSUER}


async def test_every_step_is_shown(browser: httpx.AsyncClient, issuer: Issuer, storage: Storage) -> None:
    """A walk shows every step and the photos, and of tokens and secrets nothing but the ends."""
    answer = await begin(browser)
    shown = [await browser.get("/callback", params=answer)]
    assert shown[0].url.path == "/code"
    shown += [await browser.get(path) for path in ("/", "/request", "/exchange", "/token")]
    shown += [await browser.post(path) for path in ("/call", "/refresh", "/call")]
    assert [page.status_code for page in shown] == [200] * len(shown)
    assert "data:image/svg+xml;base64,PHN2Zy8+" in shown[-1].text
    assert storage.tokens == [TOKENS["access_token"]] * 2
    text = "".join(page.text for page in shown)
    secrets = [str(TOKENS["access_token"]), str(TOKENS["refresh_token"]), str(CONFIDENTIAL.client_secret)]
    assert not any(secret in text for secret in secrets)
    assert [asked.url.path for asked in issuer.asked] == ["/token", "/token"]


@pytest.mark.parametrize("with_refresh", [True, False])
async def test_signing_out_gives_the_tokens_back(
    browser: httpx.AsyncClient, issuer: Issuer, *, with_refresh: bool
) -> None:
    """Signing out revokes the refresh token, or the access token if there is none, and shows neither (RFC 7009)."""
    kind = "refresh_token" if with_refresh else "access_token"
    issuer.tokens = {name: value for name, value in TOKENS.items() if with_refresh or name != "refresh_token"}
    await browser.get("/callback", params=await begin(browser))
    page = await browser.post("/sign-out")
    assert (page.url.path, page.status_code) == ("/signed-out", 200)
    asked = issuer.asked[-1]
    assert (asked.url.path, asked.content.decode()) == ("/revoke", f"token={TOKENS[kind]}")
    assert asked.headers["authorization"].startswith("Basic ")
    assert str(TOKENS[kind]) not in page.text
    assert 'id="call"' in page.text
    assert 'id="sign-out"' not in page.text


async def test_a_sign_out_that_failed_is_not_shown_as_one(browser: httpx.AsyncClient, issuer: Issuer) -> None:
    """When the authorization server does not say that it is over PhotoPrint does not either, and one may try again."""
    await browser.get("/callback", params=await begin(browser))
    issuer.status = 503
    assert (await browser.post("/sign-out")).status_code == 502
    assert (await browser.get("/signed-out")).status_code == 409
    issuer.status = 200
    assert (await browser.post("/sign-out")).status_code == 200


async def test_every_page_is_guarded(browser: httpx.AsyncClient) -> None:
    """Good pages and bad ones run no script, load nothing, are framed by nobody and are not stored."""
    for page in (await browser.get("/"), await browser.get("/nowhere"), await browser.get("/callback")):
        policy = page.headers["content-security-policy"]
        assert policy.startswith("default-src 'none'; style-src 'sha256-")
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert page.headers["cache-control"] == "no-store"
        assert page.headers["x-content-type-options"] == "nosniff"
        assert "<script" not in page.text
        assert not re.search(r' style="| on\w+="', page.text)


async def test_the_cookie_is_the_browsers_own(browser: httpx.AsyncClient) -> None:
    """The cookie is random, unreadable for scripts and not sent by other sites' forms; a new start draws a new one."""
    answer = await browser.post("/begin/public", follow_redirects=False)
    assert "HttpOnly" in answer.headers["set-cookie"]
    assert "SameSite=lax" in answer.headers["set-cookie"]
    first = browser.cookies[COOKIE]
    await browser.post("/begin/public")
    assert len(first) > 40
    assert browser.cookies[COOKIE] != first


async def test_a_planted_answer_is_not_taken(browser: httpx.AsyncClient, issuer: Issuer) -> None:
    """An answer without this browser's state or the issuer's name redeems nothing, nor does one without a journey."""
    answer = await begin(browser)
    for wrong in ({"state": "another"}, {"iss": "https://evil.example"}, {"iss": ""}, {"code": ""}):
        page = await browser.get("/callback", params={**answer, **wrong})
        assert page.status_code == 400
    browser.cookies.clear()
    assert (await browser.get("/callback", params=answer)).status_code == 400
    assert issuer.asked == []


async def test_a_page_loaded_again_redeems_nothing(browser: httpx.AsyncClient, issuer: Issuer) -> None:
    """The same answer again shows the same page; another answer to the same request is refused."""
    answer = await begin(browser)
    for _ in range(3):
        assert (await browser.get("/callback", params=answer)).url.path == "/code"
    assert (await browser.get("/callback", params={**answer, "code": "another"})).status_code == 400
    assert len(issuer.asked) == 1


async def test_a_no_is_friendly(browser: httpx.AsyncClient, issuer: Issuer) -> None:
    """Who denies is told what that means, and nothing was redeemed."""
    answer = await begin(browser)
    denied = {"error": "access_denied", "state": answer["state"], "iss": ISSUER}
    page = await browser.get("/callback", params=denied)
    assert page.status_code == 200
    assert "You said no" in page.text
    assert issuer.asked == []


async def test_a_refused_code_is_explained(browser: httpx.AsyncClient, issuer: Issuer) -> None:
    """An error of the token endpoint is a page with its name, and its words are text, not markup."""
    issuer.tokens, issuer.status = {"error": "invalid_grant", "error_description": "<script>x</script>"}, 400
    page = await browser.get("/callback", params=await begin(browser))
    assert page.status_code == 502
    assert "invalid_grant: &lt;script&gt;" in page.text
    assert (await browser.get("/code")).status_code == 409


async def test_what_was_kept_back_is_said(browser: httpx.AsyncClient, storage: Storage) -> None:
    """A token with fewer scopes is shown as such, and the API's refusal is explained with what would help."""
    await browser.get("/callback", params=await begin(browser))
    page = await browser.get("/token")
    assert re.search(r"You left out\s+<code>albums.write</code>", page.text)
    challenge = 'Bearer realm="https://photostorage.example", error="insufficient_scope", scope="albums.read"'
    storage.answer = ApiRefusal("PERMISSION_DENIED", "the access token does not carry a scope", challenge)
    page = await browser.post("/call")
    assert page.status_code == 200
    assert "not with this token" in page.text
    assert "PERMISSION_DENIED: the access token does not carry a scope" in page.text
    assert challenge in html.unescape(page.text)


async def test_who_may_not_is_told_so(browser: httpx.AsyncClient, storage: Storage) -> None:
    """Where the person may not, and no other token would help, the page says that and not that a scope is missing."""
    await browser.get("/callback", params=await begin(browser))
    words = "whoever the access token speaks for is not authorised"
    storage.answer = ApiRefusal("PERMISSION_DENIED", words, 'Bearer realm="https://photostorage.example"')
    page = await browser.post("/call")
    assert page.status_code == 200
    assert "PhotoStorage says: not you" in page.text
    assert "not with this token" not in page.text
    assert f"PERMISSION_DENIED: {words}" in page.text


@pytest.mark.parametrize("status", ["UNAUTHENTICATED", "UNAVAILABLE", "DEADLINE_EXCEEDED", "UNKNOWN"])
async def test_the_api_may_fail(status: str, browser: httpx.AsyncClient, storage: Storage) -> None:
    """Whatever the API ends with is a page that can be tried again."""
    await browser.get("/callback", params=await begin(browser))
    storage.answer = ApiRefusal(status, "", "")
    page = await browser.post("/call")
    assert page.status_code == 200
    assert status in page.text
    assert 'id="call"' in page.text


async def test_strange_names_are_text(browser: httpx.AsyncClient, storage: Storage) -> None:
    """What the API says of people and photos is text, not markup."""
    await browser.get("/callback", params=await begin(browser))
    storage.answer = Album("<u>", (Photo('"><img>', "<i>", 'x" onload="', b""),))
    page = await browser.post("/call")
    assert "<u>" not in page.text
    assert "<img>" not in page.text
    assert "<i></time>" not in page.text
    assert 'x" onload' not in page.text


async def test_forms_of_other_sites_are_refused(browser: httpx.AsyncClient) -> None:
    """A form that another site sends, or one that hides where it comes from, does nothing."""
    await begin(browser)
    for origin in ("https://evil.example", "http://127.0.0.1:8080", "null"):
        assert (await browser.post("/forget", headers={"origin": origin})).status_code == 403
    assert (await browser.get("/request")).status_code == 200
    assert (await browser.post("/forget", headers={"origin": BASE})).url.path == "/"
    assert (await browser.get("/request")).status_code == 400


async def test_steps_ahead_are_not_shown(browser: httpx.AsyncClient) -> None:
    """A step that was not reached says so, and before any start the thread is lost."""
    paths = ["/code", "/exchange", "/token", "/photos", "/refreshed", "/signed-out"]
    assert {(await browser.get(path)).status_code for path in paths} == {400}
    await begin(browser)
    assert {(await browser.get(path)).status_code for path in paths} == {409}
    assert (await browser.post("/call")).status_code == 409
    assert (await browser.post("/refresh")).status_code == 409
    assert (await browser.post("/sign-out")).status_code == 409


async def test_a_silent_issuer_is_explained(browser: httpx.AsyncClient, issuer: Issuer) -> None:
    """When the authorization server cannot be understood, a page says so, without a traceback."""
    issuer.metadata = None
    page = await browser.post("/begin/public")
    assert page.status_code == 502
    assert "Tallystick does not answer" in page.text
    assert "Traceback" not in page.text


async def test_a_break_is_a_page(browser: httpx.AsyncClient, storage: Storage) -> None:
    """A fault of our own is a page, without a traceback."""
    await browser.get("/callback", params=await begin(browser))
    storage.answer = None
    await browser.post("/call")
    storage.tokens = None
    page = await browser.post("/call")
    assert page.status_code == 500
    assert "Something broke on our side" in page.text
    assert "Traceback" not in page.text


def test_journeys_are_bounded() -> None:
    """Beyond the bound the journey that was touched longest ago is forgotten, and no cookie finds none."""
    journeys, server = Journeys(), AuthorizationServer(ISSUER, httpx.Client(transport=Issuer()))
    journey = Journey(Variant.PUBLIC, server.request(PUBLIC))
    first, second = journeys.begin(journey), journeys.begin(journey)
    journeys.keep(first, journey)
    for _ in range(MOST_JOURNEYS - 1):
        journeys.begin(journey)
    assert journeys.find(first) is journey
    assert journeys.find(second) is None
    assert journeys.find(None) is None
