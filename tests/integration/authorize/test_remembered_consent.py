"""Approval without a question: only for what was allowed before, to whom it was allowed, and as it was then."""

import secrets
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from tallystick.authorize.v1 import client_pb2, scope_pb2, user_pb2
from tallystick.oauth2.client import GrantType
from tests.integration.authorize.browser import Browser, shown_here, told
from tests.integration.authorize.conftest import World
from tests.support.cluster import Cluster
from tests.support.operator_client import Client, User
from tests.support.pages import only_form

WEB = "https://shoebox.example/cb"
OTHER = "https://shoebox.example/other"

EVENTS = """
SELECT event, outcome, actor, attributes->>'scope' AS scope FROM audit_events
WHERE client_id = %(client_id)s AND event LIKE 'consent%%' ORDER BY occurred_at
"""


@pytest.fixture
def web(cluster: Cluster, world: World) -> Client:
    """A public client at a web site, with two redirect URIs."""
    return cluster.operator.create_client(scopes=(world.see, world.order), redirect_uris=(WEB, OTHER))


def execute(cluster: Cluster, statement: str, **values: object) -> None:
    with cluster.database.connect() as connection:
        connection.execute(statement, values)


def events(cluster: Cluster, client: Client) -> list[dict[str, object]]:
    """Return what the audit tells of a client's consents."""
    with cluster.database.connect() as connection:
        return connection.execute(EVENTS, {"client_id": client.client_id}).fetchall()


def asked(browser: Browser, client: Client, **changes: str | None) -> httpx.Response:
    """Send a request of somebody who is signed in and return the answer of the consent page."""
    answer = browser.follow(browser.ask(client, **changes))
    assert answer.url.path == "/consent"
    return answer


def is_silent(answer: httpx.Response) -> bool:
    """Tell whether the client has its code already; if not, there is a form that asks."""
    if answer.is_redirect:
        return "code=" in answer.headers["location"]
    assert only_form(answer.text).boxes
    return False


def test_what_was_allowed_is_not_asked_again(cluster: Cluster, browser: Browser, world: World, web: Client) -> None:
    """All or some of what was allowed is approved at once, with state and iss, and the audit says so (AUTHZ-12)."""
    browser.answer(browser.consent_page(web, world.bob))
    for scope in (None, world.see.name, f"{world.order.name} {world.see.name}"):
        answer = told(asked(browser, web, scope=scope, state="again"), web)
        assert {"code", "state", "iss"} == answer.keys()
        assert ("again", browser.issuer) == (answer["state"], answer["iss"])
    told_of = [(each["event"], set(str(each["scope"]).split())) for each in events(cluster, web)]
    both = {world.see.name, world.order.name}
    assert told_of == [
        ("consent_given", both),
        ("consent_remembered", both),
        ("consent_remembered", {world.see.name}),
        ("consent_remembered", both),
    ]
    assert {each["actor"] for each in events(cluster, web)} == {f"user:{world.bob.user_id}"}


@pytest.mark.parametrize("redirect_uri", ["http://127.0.0.1/cb", "com.example.shoebox:/cb", "http://localhost:8090/cb"])
def test_a_client_on_the_device_is_shown_every_time(
    cluster: Cluster, browser: Browser, world: World, redirect_uri: str
) -> None:
    """A live session and an earlier consent do not speak for whoever listens on the device (AUTHZ-12)."""
    client = cluster.operator.create_client(scopes=(world.see,), redirect_uris=(redirect_uri,))
    assert "code" in told(browser.answer(browser.consent_page(client, world.bob)), client)
    assert not is_silent(asked(browser, client))
    if redirect_uri == "http://127.0.0.1/cb":
        assert not is_silent(asked(browser, client, redirect_uri="http://127.0.0.1:51004/cb"))


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE scopes SET version = version + 1 WHERE name = %(scope)s",
        "UPDATE consents SET scopes = '{}', scope_versions = '{}', epoch = epoch + 1 WHERE client_id = %(client_id)s",
        "UPDATE consents SET redirect_uri = 'https://shoebox.example/former' WHERE client_id = %(client_id)s",
        "UPDATE consents SET user_epoch = NULL WHERE client_id = %(client_id)s",
        "UPDATE consents SET client_epoch = NULL WHERE client_id = %(client_id)s",
        "DELETE FROM consents WHERE client_id = %(client_id)s",
    ],
)
def test_what_has_changed_is_asked_again(cluster: Cluster, browser: Browser, world: World, change: str) -> None:
    """A scope that means more, a consent withdrawn, or another redirect URI brings the page back (AUTHZ-12)."""
    scope = cluster.operator.create_scope()
    client = cluster.operator.create_client(scopes=(scope,), redirect_uris=(WEB,))
    browser.answer(browser.consent_page(client, world.bob))
    assert is_silent(asked(browser, client))
    execute(cluster, change, client_id=client.client_id, scope=scope.name)
    page = asked(browser, client)
    assert not is_silent(page)
    told(browser.answer(only_form(page.text)), client)
    assert is_silent(asked(browser, client))


def test_a_new_password_ends_what_is_remembered(cluster: Cluster) -> None:
    """What a thief allowed with the old password is put to the owner, who has a new one (AUTHZ-12, REFR-07)."""
    operator = cluster.operator
    user, first, second = operator.create_user(), operator.create_scope(), operator.create_scope()
    client = operator.create_client(scopes=(first, second), redirect_uris=(WEB,))
    with Browser(cluster) as thief:
        told(thief.answer(thief.consent_page(client, user)), client)
    password = secrets.token_urlsafe(12)
    operator.passwords.append(password)
    request = user_pb2.SetUserPasswordRequest(username=user.username, password=password)
    operator.call(operator.users.SetUserPassword, request)
    with Browser(cluster) as owner:
        form = owner.consent_page(client, User(user.user_id, user.username, password), scope=first.name)
        told(owner.answer(form), client)
        assert is_silent(asked(owner, client, scope=first.name))
        assert not is_silent(asked(owner, client, scope=second.name))


def test_the_end_of_all_access_ends_what_is_remembered(cluster: Cluster, browser: Browser, world: World) -> None:
    """After an operator has revoked all of a client's access its users are asked (AUTHZ-12, REFR-07)."""
    operator = cluster.operator
    first, second = operator.create_scope(), operator.create_scope()
    client = operator.create_client(scopes=(first, second), redirect_uris=(WEB,))
    browser.answer(browser.consent_page(client, world.bob))
    assert is_silent(asked(browser, client))
    operator.call(operator.clients.RevokeAllOfClient, client_pb2.RevokeAllOfClientRequest(client_id=client.client_id))
    page = asked(browser, client, scope=first.name)
    assert not is_silent(page)
    browser.answer(only_form(page.text))
    assert is_silent(asked(browser, client, scope=first.name))
    assert not is_silent(asked(browser, client, scope=second.name))


def test_a_scope_that_is_made_anew_is_asked(cluster: Cluster, browser: Browser, world: World) -> None:
    """A name that came back stands for another scope, whatever it was changed to before (AUTHZ-12)."""
    operator = cluster.operator
    scope = operator.create_scope(description="See your photos")
    client = operator.create_client(scopes=(scope,), redirect_uris=(WEB,))
    browser.answer(browser.consent_page(client, world.bob))
    assert is_silent(asked(browser, client))
    for _ in range(2):
        operator.call(operator.scopes.DeleteScope, scope_pb2.DeleteScopeRequest(name=scope.name))
        operator.create_scope(scope.name, "Delete your photos")
        execute(
            cluster,
            "INSERT INTO client_scopes VALUES (%(client_id)s, %(scope)s)",
            client_id=client.client_id,
            scope=scope.name,
        )
        page = asked(browser, client)
        assert not is_silent(page)
        browser.answer(only_form(page.text))
        assert is_silent(asked(browser, client))


def test_access_while_one_is_away_is_asked(cluster: Cluster, browser: Browser, world: World) -> None:
    """A client that may get refresh tokens by now is put to the user, who was told otherwise (AUTHZ-12, UI-07)."""
    only_codes = (GrantType.AUTHORIZATION_CODE,)
    client = cluster.operator.create_client(scopes=(world.see,), redirect_uris=(WEB,), grant_types=only_codes)
    browser.answer(browser.consent_page(client, world.bob))
    assert is_silent(asked(browser, client))
    grants = "UPDATE clients SET grant_types = %(grants)s, refresh_limit = %(limit)s WHERE client_id = %(client_id)s"
    both = ["authorization_code", "refresh_token"]
    execute(cluster, grants, grants=both, limit=0, client_id=client.client_id)
    assert is_silent(asked(browser, client))
    execute(cluster, grants, grants=both, limit=None, client_id=client.client_id)
    page = asked(browser, client)
    assert not is_silent(page)
    browser.answer(only_form(page.text))
    assert is_silent(asked(browser, client))
    execute(cluster, grants, grants=both[:1], limit=None, client_id=client.client_id)
    assert is_silent(asked(browser, client))


def test_more_than_was_allowed_is_asked(browser: Browser, world: World, web: Client) -> None:
    """A wider scope and another redirect URI are put to the user, and the old ones still are not (AUTHZ-12)."""
    browser.answer(browser.consent_page(web, world.bob, scope=world.see.name))
    assert not is_silent(asked(browser, web))
    assert not is_silent(asked(browser, web, scope=world.order.name))
    assert not is_silent(asked(browser, web, scope=world.see.name, redirect_uri=OTHER))
    assert is_silent(asked(browser, web, scope=world.see.name))


def test_what_was_allowed_step_by_step_is_remembered_together(cluster: Cluster, browser: Browser, world: World) -> None:
    """A scope that was not asked for stays remembered, unless it means more today or was for another URI (AUTHZ-12)."""
    first, second, third = (cluster.operator.create_scope() for _ in range(3))
    client = cluster.operator.create_client(scopes=(first, second, third), redirect_uris=(WEB, OTHER))
    for scope in (first, second):
        browser.answer(browser.consent_page(client, world.bob, scope=scope.name))
    assert is_silent(asked(browser, client, scope=f"{first.name} {second.name}"))
    execute(cluster, "UPDATE scopes SET version = version + 1 WHERE name = %(scope)s", scope=first.name)
    browser.answer(browser.consent_page(client, world.bob, scope=third.name))
    execute(cluster, "UPDATE scopes SET version = version - 1 WHERE name = %(scope)s", scope=first.name)
    assert not is_silent(asked(browser, client, scope=first.name))
    assert is_silent(asked(browser, client, scope=f"{second.name} {third.name}"))
    browser.answer(browser.consent_page(client, world.bob, scope=first.name, redirect_uri=OTHER))
    assert not is_silent(asked(browser, client, scope=second.name, redirect_uri=OTHER))


def test_what_was_unticked_is_asked_again(browser: Browser, world: World, web: Client) -> None:
    """Unticking takes a scope out of what is remembered, and a denial leaves it as it is (AUTHZ-12, UI-07)."""
    browser.answer(browser.consent_page(web, world.bob))
    address = browser.ask(web).headers["location"]
    looked_at = browser.http.get(address, headers={"sec-purpose": "prefetch"})
    browser.answer(only_form(looked_at.text), ticked=[("scope", world.see.name)])
    refused = asked(browser, web)
    assert not is_silent(refused)
    assert "access_denied" in browser.answer(only_form(refused.text), "deny").headers["location"]
    assert is_silent(asked(browser, web, scope=world.see.name))
    assert not is_silent(asked(browser, web, scope=world.order.name))


def test_a_disabled_client_gets_an_error(cluster: Cluster, browser: Browser, world: World, web: Client) -> None:
    """Nothing is approved for a client that is disabled, before or while the browser is on its way (AUTHZ-02)."""
    operator = cluster.operator
    browser.answer(browser.consent_page(web, world.bob))
    started = browser.ask(web)
    operator.call(operator.clients.DisableClient, client_pb2.DisableClientRequest(client_id=web.client_id))
    shown_here(browser.ask(web), httpx.codes.BAD_REQUEST)
    shown_here(browser.http.get(started.headers["location"]), httpx.codes.BAD_REQUEST)
    operator.call(operator.clients.EnableClient, client_pb2.EnableClientRequest(client_id=web.client_id))
    assert is_silent(asked(browser, web))


def test_nobody_else_is_spoken_for(browser: Browser, other_browser: Browser, world: World, web: Client) -> None:
    """What Bob allowed is asked of Alice, and of nobody without a session (AUTHZ-12)."""
    browser.answer(browser.consent_page(web, world.bob))
    assert other_browser.consent_page(web, world.alice).boxes
    [session] = [name for name in dict(browser.http.cookies) if "session" in name]
    browser.http.cookies.delete(session)
    assert browser.follow(browser.ask(web)).url.path == "/login"


def test_signing_in_is_enough_for_what_is_remembered(
    browser: Browser, other_browser: Browser, world: World, web: Client
) -> None:
    """Whoever signs in again goes straight back to the client (AUTHZ-12)."""
    browser.answer(browser.consent_page(web, world.bob))
    form = other_browser.sign_in_page(web)
    answer = other_browser.follow(other_browser.sign_in(form, world.bob.username, world.bob.password))
    assert "code" in told(answer, web)


def test_looking_approves_nothing(browser: Browser, world: World, web: Client) -> None:
    """HEAD, prefetching and frames see the page, and the interaction is there for whoever comes (AUTHZ-18)."""
    browser.answer(browser.consent_page(web, world.bob))
    address = browser.ask(web).headers["location"]
    looks = [
        browser.http.head(address),
        browser.http.get(address, headers={"sec-purpose": "prefetch"}),
        browser.http.get(address, headers={"sec-purpose": "prefetch;prerender"}),
        browser.http.get(address, headers={"purpose": "prefetch"}),
        browser.http.get(address, headers={"sec-fetch-dest": "iframe"}),
        browser.http.get(address, headers={"sec-fetch-dest": "empty"}),
    ]
    assert {look.status_code for look in looks} == {httpx.codes.OK}
    assert is_silent(browser.http.get(address, headers={"sec-fetch-dest": "document"}))


def test_an_interaction_is_approved_once(cluster: Cluster, browser: Browser, world: World, web: Client) -> None:
    """Of many browsers' requests for one interaction one gets a code, and the audit tells of one (AUTHZ-18, UI-09)."""
    browser.answer(browser.consent_page(web, world.bob))
    address = browser.ask(web).headers["location"]
    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(lambda _: browser.http.get(address), range(8)))
    assert [each["event"] for each in events(cluster, web)] == ["consent_given", "consent_remembered"]
    assert sum(answer.is_redirect for answer in answers) == 1
    assert sum(answer.status_code == httpx.codes.GONE for answer in answers) == 7


def test_another_browser_is_not_let_through(
    browser: Browser, other_browser: Browser, world: World, web: Client
) -> None:
    """An address that leaks gives its finder no code, signed in or not (AUTHZ-18)."""
    browser.answer(browser.consent_page(web, world.bob))
    other_browser.consent_page(world.public, world.bob)
    shown_here(other_browser.http.get(browser.ask(web).headers["location"]), httpx.codes.FORBIDDEN)
