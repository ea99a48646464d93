"""`/login` over HTTP: who gets a session, and whose form is refused."""

import httpx
import pytest

from tests.integration.authorize.browser import Browser, changed, interaction_of, shown_here
from tests.integration.authorize.conftest import World
from tests.support.cluster import Cluster
from tests.support.pages import only_form


def test_signing_in_leads_to_the_consent_page(browser: Browser, world: World) -> None:
    """The right password gets a session, by 303, and a cookie that scripts cannot read (AUTHZ-16, UI-05)."""
    answer = browser.sign_in(browser.sign_in_page(world.public), world.bob.username, world.bob.password)
    assert (answer.status_code, answer.headers["location"].startswith("/consent?")) == (httpx.codes.SEE_OTHER, True)
    [cookie] = answer.headers.get_list("set-cookie")
    assert {"httponly", "path=/", "samesite=lax"} == {each.strip().lower() for each in cookie.split(";")[1:]}
    page = browser.follow(answer)
    assert world.bob.username in page.text


@pytest.mark.parametrize("wrong", ["", "wrong", "w" * 50_000])
def test_a_wrong_password_gets_nothing(browser: Browser, world: World, wrong: str) -> None:
    """The page comes again, with the name and without the password, and there is no session (UI-08)."""
    answer = browser.sign_in(browser.sign_in_page(world.public), world.bob.username, wrong)
    assert answer.status_code == httpx.codes.OK
    assert "set-cookie" not in answer.headers
    fields = dict(only_form(answer.text).fields)
    assert (world.bob.username, "") == (fields["username"], fields["password"])


def test_an_endless_form_is_refused(browser: Browser, world: World) -> None:
    """A form has a ceiling (GEN-13)."""
    form = browser.sign_in_page(world.public)
    shown_here(browser.sign_in(form, world.bob.username, "w" * 70_000), httpx.codes.REQUEST_ENTITY_TOO_LARGE)


def test_known_and_unknown_users_look_alike(browser: Browser, world: World) -> None:
    """But for the name that was typed the pages are the same (UI-08)."""
    form = browser.sign_in_page(world.public)
    pages = [
        browser.sign_in(form, username, "wrong").text.replace(username, "NAME")
        for username in (world.bob.username, "nobody-of-this-name")
    ]
    assert pages[0] == pages[1]


def test_a_second_attempt_works(browser: Browser, world: World) -> None:
    """A mistyped password costs nothing but another attempt (UI-08)."""
    again = browser.sign_in(browser.sign_in_page(world.public), world.bob.username, "wrong")
    answer = browser.sign_in(only_form(again.text), world.bob.username, world.bob.password)
    assert answer.status_code == httpx.codes.SEE_OTHER


def test_the_session_changes_at_every_sign_in(browser: Browser, world: World) -> None:
    """A session from before is of no use afterwards (UI-05)."""
    browser.consent_page(world.public, world.bob)
    before, jar = browser.session_cookie(), dict(browser.http.cookies)
    address = f"?interaction={interaction_of(browser.consent_page(world.public, world.bob))}"
    form = only_form(browser.http.get(f"/login{address}").text)
    browser.sign_in(form, world.bob.username, world.bob.password)
    assert before != browser.session_cookie()
    assert browser.follow(browser.http.get(f"/consent{address}")).url.path == "/consent"
    browser.http.cookies.clear()
    browser.http.cookies.update(jar)
    assert browser.follow(browser.http.get(f"/consent{address}")).url.path == "/login"


def test_a_disabled_user_is_signed_out(cluster: Cluster, browser: Browser, world: World) -> None:
    """A session is looked at anew whenever it is used (UI-05)."""
    user = cluster.operator.create_user()
    form = browser.consent_page(world.public, user)
    disable = "UPDATE users SET enabled = false WHERE username = %(username)s"
    with cluster.database.connect() as connection:
        connection.execute(disable, {"username": user.username})
    answer = browser.answer(form)
    assert answer.headers["location"].startswith("/login?")
    page = browser.sign_in(browser.sign_in_page(world.public), user.username, user.password)
    assert "set-cookie" not in page.headers


@pytest.mark.parametrize("origin", [None, "null", "https://evil.example", "http://127.0.0.1", "HTTP://127.0.0.1:1"])
def test_a_form_from_elsewhere_signs_nobody_in(browser: Browser, world: World, origin: str | None) -> None:
    """A missing, foreign or null origin is refused, so nobody can be signed in as somebody else (UI-04)."""
    form = browser.sign_in_page(world.public)
    fields = form.filled({"username": world.bob.username, "password": world.bob.password}, button="sign-in")
    answer = browser.post("/login", fields, origin=origin)
    shown_here(answer, httpx.codes.FORBIDDEN)
    assert "set-cookie" not in answer.headers


@pytest.mark.parametrize("csrf", ["", "x", "A" * 43, "é"])
def test_a_form_without_its_token_signs_nobody_in(browser: Browser, world: World, csrf: str) -> None:
    """A missing or wrong token is refused, whatever the password (UI-04)."""
    form = browser.sign_in_page(world.public)
    fields = changed(form, "sign-in", csrf=csrf, username=world.bob.username, password=world.bob.password)
    shown_here(browser.post("/login", fields), httpx.codes.FORBIDDEN)


def test_the_token_of_another_interaction_is_refused(browser: Browser, world: World) -> None:
    """A token fits the interaction that it was made for (UI-04)."""
    first, second = browser.sign_in_page(world.public), browser.sign_in_page(world.confidential)
    fields = changed(
        first, "sign-in", csrf=dict(second.fields)["csrf"], username=world.bob.username, password=world.bob.password
    )
    shown_here(browser.post("/login", fields), httpx.codes.FORBIDDEN)


@pytest.mark.parametrize("name", ["interaction", "csrf", "username", "password"])
def test_a_repeated_field_is_refused(browser: Browser, world: World, name: str) -> None:
    """A form of ours has each field once (GEN-03)."""
    form = browser.sign_in_page(world.public)
    fields = form.filled({"username": world.bob.username, "password": world.bob.password}, button="sign-in")
    shown_here(browser.post("/login", [*fields, (name, dict(fields)[name])]), httpx.codes.FORBIDDEN)


@pytest.mark.parametrize("content_type", [None, "text/plain", "application/json", "multipart/form-data; boundary=x"])
def test_only_a_form_is_read(browser: Browser, world: World, content_type: str | None) -> None:
    """What other sites can send without asking, or is no form, is refused (UI-04, GEN-05)."""
    form = browser.sign_in_page(world.public)
    fields = form.filled({"username": world.bob.username, "password": world.bob.password}, button="sign-in")
    answer = browser.post("/login", fields, **{"content-type": content_type})
    shown_here(answer, httpx.codes.FORBIDDEN)


def test_another_browser_cannot_sign_in(browser: Browser, other_browser: Browser, world: World) -> None:
    """The address of a page is of no use to whoever it is sent to (AUTHZ-18)."""
    form = browser.sign_in_page(world.public)
    address = f"/login?interaction={interaction_of(form)}"
    shown_here(other_browser.http.get(address), httpx.codes.FORBIDDEN)
    other_browser.sign_in_page(world.public)
    shown_here(other_browser.http.get(address), httpx.codes.FORBIDDEN)
    shown_here(other_browser.sign_in(form, world.bob.username, world.bob.password), httpx.codes.FORBIDDEN)


@pytest.mark.parametrize(
    "query", ["", "interaction=", "interaction=a&interaction=b", "interaction=%", "interaction=%ff"]
)
def test_an_address_without_interaction_is_not_found(browser: Browser, query: str) -> None:
    """There is no sign-in without somebody who asks for it (UI-08)."""
    shown_here(browser.http.get(f"/login?{query}"), httpx.codes.NOT_FOUND)


def test_an_unknown_interaction_is_over(browser: Browser) -> None:
    """An id that has expired says so kindly (AUTHZ-18)."""
    shown_here(browser.http.get("/login?interaction=unknown"), httpx.codes.GONE)


@pytest.mark.parametrize("path", ["/login", "/consent"])
def test_other_methods_are_refused(browser: Browser, path: str) -> None:
    """The pages are shown and their forms posted, nothing else (AUTHZ-01)."""
    answer = browser.http.put(path)
    assert answer.status_code == httpx.codes.METHOD_NOT_ALLOWED
    assert {"GET", "HEAD", "POST"} == set(answer.headers["allow"].split(", "))
