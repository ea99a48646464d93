"""`/login` over HTTP: who gets a session, and whose form is refused."""

import httpx
import pytest

from tests.integration.authorize.browser import Browser, changed, interaction_of, shown_here
from tests.integration.authorize.conftest import World
from tests.support.cluster import Cluster
from tests.support.operator_client import User
from tests.support.pages import Form, only_form


def test_signing_in_leads_to_the_consent_page(browser: Browser, world: World) -> None:
    """The right password gets a session, by 303, and a cookie that scripts cannot read (AUTHZ-16, UI-05)."""
    answer = browser.sign_in(browser.sign_in_page(world.public), world.bob.username, world.bob.password)
    assert (answer.status_code, answer.headers["location"].startswith("/consent?")) == (httpx.codes.SEE_OTHER, True)
    session, device = sorted(answer.headers.get_list("set-cookie"), key=lambda cookie: "device" in cookie)
    attributes = {"httponly", "path=/", "samesite=lax"}
    assert {each.strip().lower() for each in session.split(";")[1:]} == attributes
    assert {each.strip().lower() for each in device.split(";")[1:]} == attributes | {f"max-age={180 * 24 * 3600}"}
    page = browser.follow(answer)
    assert world.bob.username in page.text


@pytest.fixture(scope="module")
def carol(cluster: Cluster) -> User:
    """Somebody whose password is guessed at, so that nobody else is held up."""
    return cluster.operator.create_user()


@pytest.mark.parametrize("wrong", ["", "wrong", "w" * 50_000])
def test_a_wrong_password_gets_nothing(browser: Browser, world: World, carol: User, wrong: str) -> None:
    """The page comes again, with the name and without the password, and there is no session (UI-08)."""
    answer = browser.sign_in(browser.sign_in_page(world.public), carol.username, wrong)
    assert answer.status_code == httpx.codes.OK
    assert "set-cookie" not in answer.headers
    fields = dict(only_form(answer.text).fields)
    assert (carol.username, "") == (fields["username"], fields["password"])


def test_an_endless_form_is_refused(browser: Browser, world: World) -> None:
    """A form has a ceiling (GEN-13)."""
    form = browser.sign_in_page(world.public)
    shown_here(browser.sign_in(form, world.bob.username, "w" * 70_000), httpx.codes.REQUEST_ENTITY_TOO_LARGE)


def test_known_and_unknown_users_look_alike(browser: Browser, world: World, carol: User) -> None:
    """But for the name that was typed the pages are the same (UI-08)."""
    form = browser.sign_in_page(world.public)
    pages = [
        browser.sign_in(form, username, "wrong").text.replace(username, "NAME")
        for username in (carol.username, "nobody-of-this-name")
    ]
    assert pages[0] == pages[1]


def test_a_second_attempt_works(browser: Browser, world: World) -> None:
    """A mistyped password costs nothing but another attempt (UI-08)."""
    again = browser.sign_in(browser.sign_in_page(world.public), world.alice.username, "wrong")
    answer = browser.sign_in(only_form(again.text), world.alice.username, world.alice.password)
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


@pytest.fixture(params=["for a client", "for oneself"])
def page(request: pytest.FixtureRequest, browser: Browser, world: World) -> Form:
    """The form, with an interaction and without."""
    if request.param == "for a client":
        return browser.sign_in_page(world.public)
    return only_form(browser.http.get("/login").text)


@pytest.mark.parametrize("origin", [None, "null", "https://evil.example", "http://127.0.0.1", "HTTP://127.0.0.1:1"])
def test_a_form_from_elsewhere_signs_nobody_in(browser: Browser, world: World, page: Form, origin: str | None) -> None:
    """A missing, foreign or null origin is refused, so nobody can be signed in as somebody else (UI-04)."""
    fields = page.filled({"username": world.bob.username, "password": world.bob.password}, button="sign-in")
    answer = browser.post("/login", fields, origin=origin)
    shown_here(answer, httpx.codes.FORBIDDEN)
    assert "set-cookie" not in answer.headers


@pytest.mark.parametrize("csrf", ["", "x", "A" * 43, "é"])
def test_a_form_without_its_token_signs_nobody_in(browser: Browser, world: World, page: Form, csrf: str) -> None:
    """A missing or wrong token is refused, whatever the password (UI-04)."""
    fields = changed(page, "sign-in", csrf=csrf, username=world.bob.username, password=world.bob.password)
    answer = browser.post("/login", fields)
    shown_here(answer, httpx.codes.FORBIDDEN)
    assert "set-cookie" not in answer.headers


def test_a_form_for_oneself_is_for_one_browser(browser: Browser, other_browser: Browser, world: World) -> None:
    """Nobody can be signed in by a form that somebody else was given, cookies or none (UI-04)."""
    form = only_form(browser.http.get("/login").text)
    refused = [other_browser.sign_in(form, world.bob.username, world.bob.password)]
    other_browser.http.get("/login")
    refused.append(other_browser.sign_in(form, world.bob.username, world.bob.password))
    for answer in refused:
        shown_here(answer, httpx.codes.FORBIDDEN)
        assert "set-cookie" not in answer.headers


def test_a_form_is_for_a_client_or_for_oneself(browser: Browser, world: World) -> None:
    """The token of a form without an interaction does not fit one with, nor the other way round (UI-04)."""
    form, own = browser.sign_in_page(world.public), only_form(browser.http.get("/login").text)
    credentials = {"username": world.bob.username, "password": world.bob.password}
    for one, other in ((form, own), (own, form)):
        fields = changed(one, "sign-in", csrf=dict(other.fields)["csrf"], **credentials)
        shown_here(browser.post("/login", fields), httpx.codes.FORBIDDEN)


def test_a_form_of_an_interaction_that_was_answered_is_over(browser: Browser, world: World) -> None:
    """A form that is used again once the client has its answer leads nowhere (UI-04, AUTHZ-18)."""
    form = browser.sign_in_page(world.public)
    consent = browser.follow(browser.sign_in(form, world.bob.username, world.bob.password))
    browser.answer(only_form(consent.text), button="deny")
    shown_here(browser.sign_in(form, world.bob.username, world.bob.password), httpx.codes.GONE)


def test_a_foreign_site_posting_to_the_authorization_endpoint_moves_nothing(browser: Browser, world: World) -> None:
    """It is told by what method to come, and whoever is signed in stays so (UI-05, AUTHZ-01)."""
    browser.consent_page(world.public, world.bob)
    answer = browser.post("/oauth2/authorize", [("client_id", world.public.client_id)], origin="https://evil.example")
    assert answer.status_code == httpx.codes.METHOD_NOT_ALLOWED
    assert set(answer.headers["allow"].split(", ")) == {"GET", "HEAD"}
    assert not {"set-cookie", "location"} & answer.headers.keys()
    assert browser.http.get("/account").status_code == httpx.codes.OK


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


@pytest.mark.parametrize("query", ["interaction=a&interaction=b", "interaction=&interaction=b", "interaction=%", "%ff"])
def test_an_address_that_cannot_be_read_is_not_found(browser: Browser, query: str) -> None:
    """An address of ours names one interaction, or none (UI-08)."""
    shown_here(browser.http.get(f"/login?{query}"), httpx.codes.NOT_FOUND)


@pytest.mark.parametrize("query", ["", "interaction=", "return_to=https://evil.example", "next=/consent"])
def test_without_an_interaction_people_sign_in_to_their_account(browser: Browser, world: World, query: str) -> None:
    """Whatever the address says, the account is where a sign-in without a client leads (UI-08)."""
    page = browser.http.get(f"/login?{query}")
    assert "evil" not in page.text
    assert page.headers["content-security-policy"].count("form-action 'self';") == 1
    answer = browser.sign_in(only_form(page.text), world.bob.username, world.bob.password)
    assert (answer.status_code, answer.headers["location"]) == (httpx.codes.SEE_OTHER, "/account")
    assert world.bob.username in browser.http.get("/account").text


def test_an_unknown_interaction_is_over(browser: Browser) -> None:
    """An id that has expired says so kindly (AUTHZ-18)."""
    shown_here(browser.http.get("/login?interaction=unknown"), httpx.codes.GONE)


@pytest.mark.parametrize("path", ["/login", "/consent"])
def test_other_methods_are_refused(browser: Browser, path: str) -> None:
    """The pages are shown and their forms posted, nothing else (AUTHZ-01)."""
    answer = browser.http.put(path)
    assert answer.status_code == httpx.codes.METHOD_NOT_ALLOWED
    assert {"GET", "HEAD", "POST"} == set(answer.headers["allow"].split(", "))
