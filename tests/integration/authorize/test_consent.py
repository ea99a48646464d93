"""`/consent` over HTTP: what is approved, by whom, and how often."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from google.protobuf.field_mask_pb2 import FieldMask

from tallystick.authorize.v1 import client_pb2
from tallystick.oauth2.authorization_code import parse_authorization_code
from tallystick.oauth2.client import ClientType
from tests.integration.authorize.browser import Browser, changed, interaction_of, shown_here, told
from tests.integration.authorize.conftest import World
from tests.support.cluster import Cluster
from tests.support.operator_client import Client, OperatorClient, User
from tests.support.pages import only_form

CONSENT = """
SELECT n.scopes, n.scope_versions, n.redirect_uri, n.epoch
FROM consents n JOIN users u ON u.user_id = n.user_id
WHERE u.username = %(username)s AND n.client_id = %(client_id)s
"""


def remembered(cluster: Cluster, user: User, client: Client) -> dict[str, object] | None:
    """Return what is kept of a consent."""
    with cluster.database.connect() as connection:
        values = {"username": user.username, "client_id": client.client_id}
        return connection.execute(CONSENT, values).fetchone()


@pytest.mark.parametrize("kind", ["public", "confidential"])
def test_approving_gives_a_code(browser: Browser, world: World, kind: str) -> None:
    """The client gets code, state and iss by 303, and its own query back (RESP-01, RESP-02, AUTHZ-16)."""
    client = getattr(world, kind)
    answer = told(browser.answer(browser.consent_page(client, world.bob, state="a b+c")), client)
    own = {"x": "1"} if kind == "confidential" else {}
    assert {**own, "code": answer["code"], "state": "a b+c", "iss": browser.issuer} == answer
    assert parse_authorization_code(answer["code"]) is not None


def test_nobody_but_the_client_learns_of_the_code(browser: Browser, world: World) -> None:
    """The redirect is stored nowhere and says not where it comes from (RESP-07, GEN-02)."""
    answer = browser.answer(browser.consent_page(world.public, world.bob))
    assert (answer.headers["cache-control"], answer.headers["referrer-policy"]) == ("no-store", "no-referrer")
    assert answer.text == ""


@pytest.mark.parametrize("state", ["x", "s" * 2000, "a&b=c+d#e%f\"g<h'i j", "%2541", "žluťoučký 🐎", "</form>\t"])
def test_a_state_comes_back_with_the_code(browser: Browser, world: World, state: str) -> None:
    """State comes back as it was sent, and is on no page (AUTHZ-09)."""
    assert (
        state == told(browser.answer(browser.consent_page(world.public, world.bob, state=state)), world.public)["state"]
    )


def test_an_absent_state_stays_absent(browser: Browser, world: World) -> None:
    """No state is made up (AUTHZ-09)."""
    answer = told(browser.answer(browser.consent_page(world.public, world.bob, state=None)), world.public)
    assert {"code", "iss"} == answer.keys()


def test_the_page_asks_for_what_was_asked_for(browser: Browser, world: World) -> None:
    """The page names client, user, scopes and destination, and each scope can be unticked (UI-07)."""
    form = browser.consent_page(world.public, world.bob, scope=world.see.name)
    assert [("scope", world.see.name)] == form.boxes
    page = browser.http.get(f"/consent?interaction={interaction_of(form)}").text
    for shown in (world.public.name, world.bob.username, world.see.description):
        assert shown in page


def test_some_scopes_may_be_approved(cluster: Cluster, browser: Browser, world: World) -> None:
    """What was unticked is not agreed to, and what was agreed to is kept with its version (UI-07)."""
    client = cluster.operator.create_client(scopes=(world.see, world.order))
    form = browser.consent_page(client, world.bob)
    assert len(form.boxes) == 2
    assert "code" in told(browser.answer(form, ticked=[("scope", world.see.name)]), client)
    kept = remembered(cluster, world.bob, client)
    assert {
        "scopes": [world.see.name],
        "scope_versions": [1],
        "redirect_uri": client.redirect_uris[0],
        "epoch": 0,
    } == kept


def test_a_new_consent_keeps_the_epoch(cluster: Cluster, browser: Browser, world: World) -> None:
    """Agreeing again does not bring back what was withdrawn before (TOK-09)."""
    client = cluster.operator.create_client(scopes=(world.see, world.order))
    browser.answer(browser.consent_page(client, world.bob))
    with cluster.database.connect() as connection:
        connection.execute(
            "UPDATE consents SET epoch = 7 WHERE client_id = %(client_id)s", {"client_id": client.client_id}
        )
    told(browser.answer(browser.consent_page(client, world.bob), ticked=[("scope", world.order.name)]), client)
    kept = remembered(cluster, world.bob, client)
    assert kept is not None
    assert ([world.order.name], 7) == (kept["scopes"], kept["epoch"])


def test_denying_is_told_to_the_client(cluster: Cluster, browser: Browser, world: World) -> None:
    """A denial is access_denied, with state and iss, and nothing is kept (AUTHZ-13, RESP-01)."""
    client = cluster.operator.create_client(scopes=(world.see,))
    answer = told(browser.answer(browser.consent_page(client, world.bob), "deny"), client)
    assert ("access_denied", "xyz", browser.issuer) == (answer["error"], answer["state"], answer["iss"])
    assert "code" not in answer
    assert remembered(cluster, world.bob, client) is None


@pytest.mark.parametrize("ticked", [[], [("scope", "admin")], [("scope", "")]])
def test_ticking_nothing_that_was_asked_for_is_a_denial(
    browser: Browser, world: World, ticked: list[tuple[str, str]]
) -> None:
    """None ticked, or only what was not asked for, is access_denied (AUTHZ-13, AUTHZ-17)."""
    answer = told(browser.answer(browser.consent_page(world.public, world.bob), ticked=ticked), world.public)
    assert answer["error"] == "access_denied"


def test_a_form_cannot_add_a_scope(cluster: Cluster, browser: Browser, world: World) -> None:
    """A scope that the client may have but did not ask for cannot be slipped in (AUTHZ-17)."""
    client = cluster.operator.create_client(scopes=(world.see, world.order))
    form = browser.consent_page(client, world.bob, scope=world.see.name)
    told(browser.answer(form, ticked=[*form.boxes, ("scope", world.order.name)]), client)
    kept = remembered(cluster, world.bob, client)
    assert kept is not None
    assert [world.see.name] == kept["scopes"]


def test_a_form_cannot_change_the_request(browser: Browser, world: World) -> None:
    """Fields that repeat the request's parameters have no effect (AUTHZ-17)."""
    form = browser.consent_page(world.public, world.bob)
    smuggled = [
        ("redirect_uri", "https://evil.example"),
        ("client_id", world.confidential.client_id),
        ("state", "other"),
    ]
    answer = told(browser.post("/consent", [*changed(form, "approve"), *smuggled]), world.public)
    assert answer["state"] == "xyz"


def test_a_second_answer_gets_no_code(browser: Browser, world: World) -> None:
    """What was answered is over, whatever the second answer is, for the pages too (UI-09, UI-04)."""
    form = browser.consent_page(world.public, world.bob)
    assert "code" in told(browser.answer(form), world.public)
    shown_here(browser.answer(form), httpx.codes.GONE)
    shown_here(browser.answer(form, "deny"), httpx.codes.GONE)
    for path in ("/login", "/consent"):
        shown_here(browser.http.get(path, params={"interaction": interaction_of(form)}), httpx.codes.GONE)


def test_a_double_click_gives_one_code(browser: Browser, world: World) -> None:
    """Of many answers at once one gets a code (UI-09)."""
    form = browser.consent_page(world.public, world.bob)
    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(lambda _: browser.answer(form), range(16)))
    codes = [answer for answer in answers if "code=" in answer.headers.get("location", "")]
    assert len(codes) == 1
    assert sum(answer.status_code == httpx.codes.GONE for answer in answers) == 15


def test_looking_answers_nothing(browser: Browser, world: World) -> None:
    """HEAD, prefetching and reloading leave the interaction as it is (AUTHZ-18)."""
    form = browser.consent_page(world.public, world.bob)
    address = f"/consent?interaction={interaction_of(form)}"
    assert browser.http.head(address).text == ""
    assert browser.http.get(address, headers={"sec-purpose": "prefetch"}).status_code == httpx.codes.OK
    assert browser.http.get(f"{address}&decision=approve&scope={world.see.name}").status_code == httpx.codes.OK
    assert "code" in told(browser.answer(form), world.public)


def test_two_tabs_do_not_disturb_each_other(cluster: Cluster, browser: Browser, world: World) -> None:
    """Each tab's answer goes to the client that asked in it (AUTHZ-18)."""
    other = cluster.operator.create_client(scopes=(world.see,), redirect_uris=("https://other.example/cb",))
    first = browser.consent_page(world.public, world.bob, state="first")
    second = browser.consent_page(other, world.bob, state="second")
    assert told(browser.answer(second), other)["state"] == "second"
    assert told(browser.answer(first), world.public)["state"] == "first"


def test_an_answer_without_session_leads_to_the_sign_in(browser: Browser, world: World) -> None:
    """Nobody approves for somebody who is signed in no more, and the interaction goes on (UI-05)."""
    form = browser.consent_page(world.public, world.bob)
    [session] = [name for name in dict(browser.http.cookies) if "session" in name]
    browser.http.cookies.delete(session)
    answer = browser.answer(form)
    assert (httpx.codes.SEE_OTHER, f"/login?interaction={interaction_of(form)}") == (
        answer.status_code,
        answer.headers["location"],
    )
    page = browser.follow(browser.http.get(f"/consent?interaction={interaction_of(form)}"))
    assert page.url.path == "/login"


def test_the_form_of_another_session_is_refused(browser: Browser, world: World) -> None:
    """Bob's page does not approve for Alice, who has signed in since (UI-04)."""
    bobs = browser.consent_page(world.public, world.bob)
    sign_in = browser.http.get(f"/login?interaction={interaction_of(bobs)}")
    browser.sign_in(only_form(sign_in.text), world.alice.username, world.alice.password)
    shown_here(browser.answer(bobs), httpx.codes.FORBIDDEN)


@pytest.mark.parametrize("origin", [None, "null", "https://evil.example", "http://127.0.0.1"])
def test_a_form_from_elsewhere_approves_nothing(browser: Browser, world: World, origin: str | None) -> None:
    """A missing, foreign or null origin is refused, and the interaction goes on (UI-04)."""
    form = browser.consent_page(world.public, world.bob)
    shown_here(browser.post("/consent", changed(form, "approve"), origin=origin), httpx.codes.FORBIDDEN)
    assert "code" in told(browser.answer(form), world.public)


@pytest.mark.parametrize("csrf", ["", "x", "A" * 43])
def test_a_form_without_its_token_approves_nothing(browser: Browser, world: World, csrf: str) -> None:
    """A missing or wrong token is refused (UI-04)."""
    form = browser.consent_page(world.public, world.bob)
    shown_here(browser.post("/consent", changed(form, "approve", csrf=csrf)), httpx.codes.FORBIDDEN)


def test_the_token_of_the_sign_in_form_approves_nothing(browser: Browser, world: World) -> None:
    """A token fits one form (UI-04)."""
    sign_in = browser.sign_in_page(world.public)
    browser.sign_in(sign_in, world.bob.username, world.bob.password)
    fields = [*sign_in.fields, ("scope", world.see.name), ("decision", "approve")]
    shown_here(browser.post("/consent", fields), httpx.codes.FORBIDDEN)


@pytest.mark.parametrize("decision", ["", "yes", "Approve"])
def test_an_answer_must_be_one(browser: Browser, world: World, decision: str) -> None:
    """Anything but the two buttons decides nothing (UI-07)."""
    form = browser.consent_page(world.public, world.bob)
    fields = [*form.fields, *form.boxes, ("decision", decision)]
    shown_here(browser.post("/consent", fields), httpx.codes.FORBIDDEN)


def test_another_browser_cannot_answer(browser: Browser, other_browser: Browser, world: World) -> None:
    """Somebody who is signed in elsewhere cannot be made to approve what was started here (AUTHZ-18)."""
    form = browser.consent_page(world.public, world.bob)
    other_browser.consent_page(world.public, world.alice)
    address = f"/consent?interaction={interaction_of(form)}"
    shown_here(other_browser.http.get(address), httpx.codes.FORBIDDEN)
    shown_here(other_browser.answer(form), httpx.codes.FORBIDDEN)


def disable(operator: OperatorClient, client_id: str) -> None:
    operator.call(operator.clients.DisableClient, client_pb2.DisableClientRequest(client_id=client_id))


def move(operator: OperatorClient, client_id: str) -> None:
    moved = client_pb2.Client(client_id=client_id, redirect_uris=["https://elsewhere.example/"])
    request = client_pb2.UpdateClientRequest(client=moved, update_mask=FieldMask(paths=["redirect_uris"]))
    operator.call(operator.clients.UpdateClient, request)


def delete(operator: OperatorClient, client_id: str) -> None:
    operator.call(operator.clients.DeleteClient, client_pb2.DeleteClientRequest(client_id=client_id))


@pytest.mark.parametrize("change", [disable, move, delete])
def test_a_client_that_was_withdrawn_meanwhile_gets_nothing(
    cluster: Cluster, browser: Browser, world: World, change: Callable[[OperatorClient, str], None]
) -> None:
    """Client and redirect URI are looked at again before anything is sent there (AUTHZ-02, AUTHZ-03)."""
    client = cluster.operator.create_client(scopes=(world.see,))
    form = browser.consent_page(client, world.bob)
    change(cluster.operator, client.client_id)
    shown_here(browser.http.get(f"/consent?interaction={interaction_of(form)}"), httpx.codes.BAD_REQUEST)
    shown_here(browser.answer(form), httpx.codes.BAD_REQUEST)


def test_a_scope_that_was_taken_away_meanwhile_is_not_granted(cluster: Cluster, browser: Browser, world: World) -> None:
    """Approved is what was asked for, ticked, and is still allowed (AUTHZ-08)."""
    client = cluster.operator.create_client(ClientType.CONFIDENTIAL, scopes=(world.see, world.order))
    take_away = "DELETE FROM client_scopes WHERE client_id = %(client_id)s AND scope = %(scope)s"
    with cluster.database.connect() as connection:
        form = browser.consent_page(client, world.bob)
        connection.execute(take_away, {"client_id": client.client_id, "scope": world.order.name})
        assert "code" in told(browser.answer(form), client)
        kept = remembered(cluster, world.bob, client)
        assert kept is not None
        assert [world.see.name] == kept["scopes"]
        form = browser.consent_page(client, world.bob)
        connection.execute(take_away, {"client_id": client.client_id, "scope": world.see.name})
        assert told(browser.answer(form), client)["error"] == "access_denied"
