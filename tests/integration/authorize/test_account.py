"""`/account`: who has access, since when, to what, and how it ends."""

from collections.abc import Iterator

import httpx
import pytest

from tallystick.authorize.v1 import client_pb2
from tallystick.oauth2.client import ClientType
from tests.integration.authorize.browser import Browser, interaction_of, shown_here, told
from tests.integration.authorize.conftest import World
from tests.support.cluster import Cluster
from tests.support.flow import Visitor, introspect, redeem, refresh
from tests.support.operator_client import Client, User
from tests.support.pages import Field, Form, forms, only_form

CONSENT = """
SELECT n.scopes, n.scope_versions, n.epoch, n.given_at, n.updated_at FROM consents n
WHERE n.user_id = %(user_id)s::uuid AND n.client_id = %(client_id)s
"""
LOGGED = "SELECT count(*) AS times FROM invalidations WHERE kind = 'consent' AND key = %(key)s"
EVENTS = """
SELECT event, actor, outcome FROM audit_events
WHERE client_id = %(client_id)s AND user_id = %(user_id)s::uuid AND event = 'consent_withdrawn'
"""


@pytest.fixture
def carol(cluster: Cluster) -> User:
    """Somebody who has given nobody access yet."""
    return cluster.operator.create_user()


@pytest.fixture
def carols(cluster: Cluster, carol: User) -> Iterator[Browser]:
    """Carol's browser, in which she is signed in."""
    with Browser(cluster) as browser:
        sign_in_for_oneself(browser, carol)
        yield browser


@pytest.fixture
def app(cluster: Cluster, world: World) -> Client:
    """A confidential client, which may introspect its own tokens."""
    return cluster.operator.create_client(ClientType.CONFIDENTIAL, scopes=(world.see, world.order))


def sign_in_for_oneself(browser: Browser, user: User) -> httpx.Response:
    """Open the account, sign in, and return the page."""
    login = browser.follow(browser.http.get("/account"))
    assert login.url.path == "/login"
    page = browser.follow(browser.sign_in(only_form(login.text), user.username, user.password))
    assert (page.status_code, page.url.path) == (httpx.codes.OK, "/account")
    return page


def withdrawing(page: httpx.Response, client: Client) -> tuple[Form, list[Field]]:
    """Return the account page's form, and what pressing an application's button sends."""
    [form] = [form for form in forms(page.text) if form.action == "account"]
    assert f'value="{client.client_id}"' in page.text
    return form, [*form.fields, ("withdraw", client.client_id)]


def withdraw(browser: Browser, client: Client) -> httpx.Response:
    """Press the button of an application and return the page that follows."""
    form, fields = withdrawing(browser.http.get("/account"), client)
    answer = browser.post(f"/{form.action}", fields)
    assert answer.status_code == httpx.codes.SEE_OTHER, answer.text
    return browser.follow(answer)


def row(cluster: Cluster, statement: str, **values: object) -> dict[str, object] | None:
    with cluster.database.connect() as connection:
        return connection.execute(statement, values).fetchone()


def test_without_session_one_signs_in_first(browser: Browser, world: World) -> None:
    """Nobody sees an account without signing in, and whoever has done so sees it (UI-09)."""
    answer = browser.http.get("/account")
    assert (answer.status_code, answer.headers["location"]) == (httpx.codes.SEE_OTHER, "/login")
    assert world.alice.username in sign_in_for_oneself(browser, world.alice).text


def test_an_empty_account_says_so(carols: Browser) -> None:
    """Before anything was approved the page offers nothing but to sign out (UI-09)."""
    page = carols.http.get("/account", headers={"accept-language": "en"})
    assert "No application has access" in page.text
    assert [form.action for form in forms(page.text)] == ["logout"]


def test_the_account_shows_what_was_approved(cluster: Cluster, carols: Browser, carol: User, world: World) -> None:
    """Each application stands with its scopes: those remembered and those that a live grant holds (UI-09)."""
    client = cluster.operator.create_client(scopes=(world.see, world.order))
    with Visitor(cluster, carol) as visitor:
        both = visitor.approve(client)
        page = carols.http.get("/account", headers={"accept-language": "en"}).text
        for text in (client.name, world.see.description, world.order.description, "127.0.0.1:8090"):
            assert text in page
        assert "Not in use at the moment" in page
        assert redeem(cluster, both).status_code == httpx.codes.OK
        visitor.approve(client, [world.see])
    page = carols.http.get("/account", headers={"accept-language": "en"}).text
    assert world.order.description in page
    assert "Not in use at the moment" not in page
    assert page.count("<time ") == 2


def test_an_application_whose_access_has_ended_is_not_shown(
    cluster: Cluster, carols: Browser, carol: User, app: Client
) -> None:
    """Nothing is left after the end of all access, and what is approved then counts from then on (UI-09, REFR-07)."""
    of = {"user_id": carol.user_id, "client_id": app.client_id}
    operator = cluster.operator
    with Visitor(cluster, carol) as visitor:
        assert redeem(cluster, visitor.approve(app)).status_code == httpx.codes.OK
        first = row(cluster, CONSENT, **of)
        assert app.name in carols.http.get("/account").text
        operator.call(operator.clients.RevokeAllOfClient, client_pb2.RevokeAllOfClientRequest(client_id=app.client_id))
        assert app.name not in carols.http.get("/account").text
        visitor.approve(app)
        assert app.name in carols.http.get("/account").text
    anew = row(cluster, CONSENT, **of)
    assert first is not None
    assert anew is not None
    assert str(anew["given_at"]) > str(first["updated_at"])


def test_a_live_grant_is_shown_whoever_wrote_the_consent(
    cluster: Cluster, carols: Browser, carol: User, app: Client
) -> None:
    """A consent of which no epochs are known is not remembered, but the access that it gave is shown (UI-09)."""
    with Visitor(cluster, carol) as visitor:
        approved = visitor.approve(app)
        with cluster.database.connect() as connection:
            unknown = "UPDATE consents SET user_epoch = NULL, client_epoch = NULL WHERE client_id = %(client_id)s"
            connection.execute(unknown, {"client_id": app.client_id})
        assert app.name not in carols.http.get("/account").text
        assert redeem(cluster, approved).status_code == httpx.codes.OK
    assert app.name in carols.http.get("/account").text
    assert app.name in withdraw(carols, app).text


def test_everything_of_a_withdrawn_application_is_dead(
    cluster: Cluster, carols: Browser, carol: User, app: Client
) -> None:
    """Tokens, refresh tokens and codes under way end with the consent, at once (UI-09, TOK-09)."""
    with Visitor(cluster, carol) as visitor:
        tokens = redeem(cluster, visitor.approve(app)).json()
        under_way = visitor.approve(app)
        assert introspect(cluster, app, tokens["access_token"])["active"] is True
        page = withdraw(carols, app)
        assert page.url.path == "/account"
        assert 'role="status"' in page.text
        for token in (tokens["access_token"], tokens["refresh_token"]):
            assert introspect(cluster, app, token) == {"active": False}
        for answer in (refresh(cluster, app, tokens["refresh_token"]), redeem(cluster, under_way)):
            assert (answer.status_code, answer.json()["error"]) == (httpx.codes.BAD_REQUEST, "invalid_grant")
        assert redeem(cluster, visitor.approve(app)).status_code == httpx.codes.OK
    assert introspect(cluster, app, tokens["access_token"]) == {"active": False}


def test_a_withdrawal_is_kept_told_and_logged_once(cluster: Cluster, carols: Browser, carol: User, app: Client) -> None:
    """One transaction empties the consent, raises its epoch, and tells audit and log; a repeat changes nothing."""
    with Visitor(cluster, carol) as visitor:
        visitor.approve(app)
    of = {"user_id": carol.user_id, "client_id": app.client_id}
    before = row(cluster, CONSENT, **of)
    form, fields = withdrawing(carols.http.get("/account"), app)
    for _ in range(2):
        assert carols.post(f"/{form.action}", fields).status_code == httpx.codes.SEE_OTHER
    after = row(cluster, CONSENT, **of)
    assert before is not None
    assert after is not None
    assert (after["scopes"], after["scope_versions"], after["epoch"]) == ([], [], 1)
    assert row(cluster, LOGGED, key=f"{carol.user_id}/{app.client_id}") == {"times": 1}
    with cluster.database.connect() as connection:
        told_of = connection.execute(EVENTS, of).fetchall()
    assert told_of == [{"event": "consent_withdrawn", "actor": f"user:{carol.user_id}", "outcome": "success"}]


def test_since_when_counts_from_the_last_withdrawal(
    cluster: Cluster, carols: Browser, carol: User, app: Client, world: World
) -> None:
    """Approving again keeps the day of the first approval, and starts anew after a withdrawal (UI-09)."""
    of = {"user_id": carol.user_id, "client_id": app.client_id}
    with Visitor(cluster, carol) as visitor:
        visitor.approve(app)
        first = row(cluster, CONSENT, **of)
        visitor.approve(app, [world.see])
        again = row(cluster, CONSENT, **of)
        withdraw(carols, app)
        visitor.approve(app)
        anew = row(cluster, CONSENT, **of)
    assert first is not None
    assert again is not None
    assert anew is not None
    assert first["given_at"] == again["given_at"]
    assert (again["scopes"], anew["epoch"]) == ([world.see.name], 1)
    assert str(anew["given_at"]) > str(again["updated_at"])


def test_a_message_in_the_address_is_believed_only_when_it_is_true(
    cluster: Cluster, carols: Browser, carol: User, app: Client
) -> None:
    """A crafted link cannot make the page say that somebody has lost access (UI-08)."""
    with Visitor(cluster, carol) as visitor:
        visitor.approve(app)
    for query in (f"withdrawn={app.client_id}", "withdrawn=nobody", "withdrawn=%00", "withdrawn=a&withdrawn=b", "%"):
        page = carols.http.get(f"/account?{query}")
        assert page.status_code == httpx.codes.OK
        assert 'role="status"' not in page.text
    assert app.name in withdraw(carols, app).text


def test_nobody_withdraws_for_somebody_else(
    cluster: Cluster, carols: Browser, carol: User, other_browser: Browser, world: World, app: Client
) -> None:
    """A form withdraws from the account of whoever is signed in, whatever client it names (UI-04)."""
    with Visitor(cluster, carol) as visitor:
        visitor.approve(app)
    mine = cluster.operator.create_client(scopes=(world.see,))
    other_browser.answer(other_browser.consent_page(mine, world.alice))
    form, fields = withdrawing(other_browser.http.get("/account"), mine)
    other_browser.post(f"/{form.action}", [*form.fields, ("withdraw", app.client_id)])
    kept = row(cluster, CONSENT, user_id=carol.user_id, client_id=app.client_id)
    assert kept is not None
    assert kept["epoch"] == 0
    assert fields[-1] == ("withdraw", mine.client_id)
    shown_here(carols.post("/account", fields), httpx.codes.FORBIDDEN)


def test_a_form_from_elsewhere_withdraws_nothing(cluster: Cluster, carols: Browser, carol: User, app: Client) -> None:
    """A missing, foreign or null origin is refused (UI-04)."""
    with Visitor(cluster, carol) as visitor:
        visitor.approve(app)
    form, fields = withdrawing(carols.http.get("/account"), app)
    for origin in (None, "null", "https://evil.example"):
        shown_here(carols.post(f"/{form.action}", fields, origin=origin), httpx.codes.FORBIDDEN)
    kept = row(cluster, CONSENT, user_id=carol.user_id, client_id=app.client_id)
    assert kept is not None
    assert kept["epoch"] == 0


def test_a_form_without_its_token_withdraws_nothing(
    cluster: Cluster, carols: Browser, carol: User, app: Client
) -> None:
    """A missing token, a wrong one, that of another form and that of another session are refused (UI-04)."""
    with Visitor(cluster, carol) as visitor:
        visitor.approve(app)
    page = carols.http.get("/account")
    _, fields = withdrawing(page, app)
    [sign_out] = [form for form in forms(page.text) if form.action == "logout"]
    for csrf in ("", "x", "A" * 43, dict(sign_out.fields)["csrf"]):
        changed = [("csrf", csrf), ("withdraw", app.client_id)]
        shown_here(carols.post("/account", changed), httpx.codes.FORBIDDEN)
    carols.post("/logout", sign_out.fields)
    assert carols.post("/account", fields).headers["location"] == "/login"
    sign_in_for_oneself(carols, carol)
    shown_here(carols.post("/account", fields), httpx.codes.FORBIDDEN)


def test_a_hundred_applications_are_listed(cluster: Cluster, carols: Browser, carol: User) -> None:
    """A long list comes in one page, by name, whatever became of the grants."""
    with cluster.database.connect() as connection:
        connection.execute(
            """
            WITH made AS (
                INSERT INTO clients
                    (client_id, name, version, client_type, application_type, redirect_uris, grant_types,
                     token_endpoint_auth_method)
                SELECT translate(substr(md5(n::text), 1, 26), '0189', 'wxyz'), 'App' || to_char(n, '000'), 'hundred',
                    'public', 'web', '{https://a.example/}', '{authorization_code}', 'none'
                FROM generate_series(1, 100) AS n
                RETURNING client_id
            )
            INSERT INTO consents
                (user_id, client_id, scopes, scope_versions, redirect_uri, user_epoch, client_epoch)
            SELECT %(user_id)s::uuid, client_id, '{gone}', '{1}', 'https://a.example/', 0, 0 FROM made
            """,
            {"user_id": carol.user_id},
        )
    page = carols.http.get("/account").text
    assert page.count('name="withdraw"') == 100
    assert page.index("App 001") < page.index("App 002") < page.index("App 100")


def test_a_post_without_session_leads_to_the_sign_in(browser: Browser) -> None:
    """Whoever has been signed out meanwhile is asked who is there (UI-05)."""
    answer = browser.post("/account", [("csrf", ""), ("withdraw", "x")])
    assert (answer.status_code, answer.headers["location"]) == (httpx.codes.SEE_OTHER, "/login")
    assert browser.http.put("/account").status_code == httpx.codes.METHOD_NOT_ALLOWED


def test_pages_speak_the_language_that_the_browser_prefers(browser: Browser, carols: Browser, world: World) -> None:
    """Sign-in, consent, account and error pages say so by header and markup (UI-01)."""
    interaction = f"/consent?interaction={interaction_of(browser.consent_page(world.public, world.bob))}"
    for each, path in (
        (browser, browser.ask(world.public).headers["location"].replace("/consent", "/login")),
        (browser, interaction),
        (carols, "/account"),
        (browser, "/nowhere"),
        (browser, "/oauth2/authorize"),
        (browser, "/consent?interaction=x"),
    ):
        for accept_language, language in (("de-CH,de;q=0.9", "de"), ("en", "en"), ("xx;q=", "en")):
            page = each.http.get(path, headers={"accept-language": accept_language})
            assert (page.headers["content-language"], page.headers["vary"]) == (language, "Accept-Language"), path
            assert f'<html lang="{language}"' in page.text


def test_a_client_learns_nothing_of_the_language(browser: Browser, world: World) -> None:
    """What a client is told does not depend on the person's language (RESP-01)."""
    browser.http.headers["accept-language"] = "de"
    answer = told(browser.answer(browser.consent_page(world.public, world.bob), "deny"), world.public)
    assert answer["error_description"] == "the resource owner denied the request"
