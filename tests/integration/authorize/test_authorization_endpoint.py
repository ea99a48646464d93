"""`/oauth2/authorize` over HTTP: who is told what, and where."""

import httpx
import pytest

from tests.integration.authorize.browser import Browser, shown_here, told
from tests.integration.authorize.conftest import World
from tests.support.cluster import Cluster


def test_a_good_request_leads_to_the_sign_in(browser: Browser, world: World) -> None:
    """A browser that nobody is signed in at is asked who is there (AUTHZ-01)."""
    page = browser.follow(browser.ask(world.public))
    assert (page.status_code, page.url.path) == (httpx.codes.OK, "/login")
    assert world.public.name in page.text


@pytest.mark.parametrize("client_id", [None, "", "unknown", "\x00", "a" * 26])
def test_an_untrusted_client_is_shown_here(browser: Browser, world: World, client_id: str | None) -> None:
    """Nothing redirects on behalf of a client that is not known (AUTHZ-02, UI-01)."""
    shown_here(browser.ask(world.public, client_id=client_id), httpx.codes.BAD_REQUEST)


def test_an_untrusted_redirect_uri_is_shown_here(browser: Browser, world: World) -> None:
    """An unregistered URI gets neither a redirect nor a place on the page (AUTHZ-03, UI-08)."""
    page = browser.ask(world.public, redirect_uri="https://evil.example/<script>", state="never-shown")
    shown_here(page, httpx.codes.BAD_REQUEST)
    assert "evil.example" not in page.text
    assert "never-shown" not in page.text


def test_a_repeated_client_id_is_shown_here(browser: Browser, world: World) -> None:
    """Of two clients none is trusted (AUTHZ-05)."""
    query = f"client_id={world.public.client_id}&client_id={world.public.client_id}"
    shown_here(browser.http.get(f"/oauth2/authorize?{query}"), httpx.codes.BAD_REQUEST)


@pytest.mark.parametrize("query", ["", "%", "%ff=1", "&&&", "a=1&" * 200, "client_id=%", "\xff"])
def test_a_malformed_query_is_shown_here(browser: Browser, query: str) -> None:
    """Any query is answered with a page (GEN-06)."""
    shown_here(browser.http.get(f"/oauth2/authorize?{query}"), httpx.codes.BAD_REQUEST)


def test_an_endless_query_is_refused(browser: Browser, world: World) -> None:
    """A query has a ceiling, and whoever sent it sees a page (GEN-13)."""
    shown_here(browser.ask(world.public, state="s" * 30_000), httpx.codes.REQUEST_ENTITY_TOO_LARGE)


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"response_type": None}, "invalid_request"),
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"response_mode": "fragment"}, "invalid_request"),
        ({"scope": "admin"}, "invalid_scope"),
        ({"code_challenge": None}, "invalid_request"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"request": "x"}, "request_not_supported"),
        ({"request_uri": "http://127.0.0.1:1/"}, "request_uri_not_supported"),
        ({"registration": "{}"}, "registration_not_supported"),
        ({"resource": "photos"}, "invalid_target"),
        ({"resource": "https://unknown.example"}, "invalid_target"),
    ],
)
@pytest.mark.parametrize("kind", ["public", "confidential"])
def test_an_error_is_told_to_the_client(
    browser: Browser, world: World, kind: str, changes: dict[str, str | None], error: str
) -> None:
    """Once the redirect URI is verified errors go there, with state and iss (RESP-01, AUTHZ-14, AUTHZ-15)."""
    client = getattr(world, kind)
    answer = told(browser.ask(client, **changes), client)
    assert (error, "xyz", browser.issuer) == (answer["error"], answer["state"], answer["iss"])
    assert "code" not in answer


def test_the_registered_query_is_kept_with_errors(browser: Browser, world: World) -> None:
    """What the client has put into its URI comes back to it (RESP-02)."""
    assert told(browser.ask(world.confidential, scope="admin"), world.confidential)["x"] == "1"


@pytest.mark.parametrize("state", ["x", "s" * 2000, "a&b=c+d#e%f\"g<h'i j", "%2541", "žluťoučký 🐎", "☃" * 2000])
def test_a_state_comes_back_with_errors(browser: Browser, world: World, state: str) -> None:
    """State comes back as it was sent (AUTHZ-09)."""
    assert state == told(browser.ask(world.public, scope="admin", state=state), world.public)["state"]


@pytest.mark.parametrize("state", ["a\0b", "a\rb", "a\nb"])
def test_a_state_that_cannot_come_back_is_refused(browser: Browser, world: World, state: str) -> None:
    """NUL and line breaks are refused without state (AUTHZ-09)."""
    answer = told(browser.ask(world.public, state=state), world.public)
    assert answer["error"] == "invalid_request"
    assert "state" not in answer


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"])
def test_other_methods_are_refused(browser: Browser, method: str) -> None:
    """Only GET asks, and no cross-origin preflight is answered (AUTHZ-01, GEN-08)."""
    answer = browser.http.request(method, "/oauth2/authorize", headers={"origin": "https://evil.example"})
    assert answer.status_code == httpx.codes.METHOD_NOT_ALLOWED
    assert {"GET", "HEAD"} == set(answer.headers["allow"].split(", "))
    assert not [name for name in answer.headers if name.startswith("access-control-")]
    assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]


def test_nothing_is_readable_from_another_origin(browser: Browser, world: World) -> None:
    """No answer allows another origin to read it (GEN-08)."""
    answer = browser.http.get(
        "/oauth2/authorize", params={"client_id": world.public.client_id}, headers={"origin": "https://evil.example"}
    )
    assert not [name for name in answer.headers if name.startswith("access-control-")]


@pytest.mark.parametrize("path", ["/", "/oauth2/authorize/", "/oauth2/par", "/oauth2/register", "/admin", "/docs"])
def test_what_is_not_there_is_a_page(browser: Browser, path: str) -> None:
    """Unknown paths, and those of later times, are not found (UI-01)."""
    shown_here(browser.http.get(path), httpx.codes.NOT_FOUND)


def test_a_spoofed_host_changes_nothing(browser: Browser, world: World) -> None:
    """Addresses follow from the issuer and never from headers (GEN-10)."""
    spoofed = {"host": "evil.example", "x-forwarded-host": "evil.example", "x-forwarded-proto": "https"}
    redirect = browser.http.get(
        "/oauth2/authorize", params={"client_id": world.public.client_id, "scope": "admin"}, headers=spoofed
    )
    assert browser.issuer == told(redirect, world.public)["iss"]
    assert "evil.example" not in str(redirect.headers)


def test_a_client_that_is_disabled_is_shown_here(cluster: Cluster, browser: Browser, world: World) -> None:
    """A disabled client is refused at once, and again accepted when enabled (AUTHZ-02)."""
    client = cluster.operator.create_client(scopes=(world.see,))
    with cluster.database.connect() as connection:
        for enabled, status in ((False, httpx.codes.BAD_REQUEST), (True, httpx.codes.SEE_OTHER)):
            connection.execute(
                "UPDATE clients SET enabled = %(enabled)s WHERE client_id = %(client_id)s",
                {"enabled": enabled, "client_id": client.client_id},
            )
            assert status == browser.ask(client).status_code
