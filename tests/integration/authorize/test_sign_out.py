"""`POST /logout`: how a session ends, for good, and who cannot end it."""

import secrets
from collections.abc import Iterator
from dataclasses import dataclass

import httpx
import pytest
import redis

from services.authorize.csrf import form_token
from tallystick.oauth2.opaque_token import base64url, digest
from tests.integration.authorize.browser import Browser, shown_here
from tests.integration.authorize.conftest import World
from tests.support.cluster import Cluster
from tests.support.operator_client import User
from tests.support.pages import Form, forms, only_form

EVENTS = """
SELECT event, actor, outcome, detail FROM audit_events
WHERE user_id = %(user_id)s::uuid AND event IN ('signed_in', 'signed_out') ORDER BY occurred_at
"""
ENDED = """
SELECT extract(epoch FROM expires_at - clock_timestamp())::integer AS left FROM ended_sessions
WHERE digest = %(digest)s
"""


@pytest.fixture
def erin(cluster: Cluster) -> User:
    """Somebody of this test's own."""
    return cluster.operator.create_user()


@pytest.fixture
def signed_in(browser: Browser, erin: User) -> Browser:
    """Erin's browser, in which she is signed in."""
    sign_in(browser, erin)
    return browser


def sign_in(browser: Browser, user: User) -> None:
    """Sign in to the account, as somebody whom no client has sent."""
    answer = browser.sign_in(only_form(browser.http.get("/login").text), user.username, user.password)
    assert answer.headers["location"] == "/account"


def sign_out_form(browser: Browser) -> Form:
    """Return the form on the account page that ends the session."""
    [form] = [form for form in forms(browser.http.get("/account").text) if form.action == "logout"]
    return form


def is_signed_in(browser: Browser) -> bool:
    """Tell whether the account page is shown."""
    return browser.http.get("/account").status_code == httpx.codes.OK


def told_by_audit(cluster: Cluster, user: User) -> list[tuple[str, str]]:
    """Return the events of a user's sessions, with their details."""
    with cluster.database.connect() as connection:
        rows = connection.execute(EVENTS, {"user_id": user.user_id}).fetchall()
    assert {(row["actor"], row["outcome"]) for row in rows} == {(f"user:{user.user_id}", "success")}
    return [(row["event"], row["detail"]) for row in rows]


def test_signing_out(cluster: Cluster, signed_in: Browser, erin: User) -> None:
    """The session is over, the cookie gone, a page says so, and the audit tells of it (UI-04, OPS-04)."""
    cookie, form = signed_in.session_cookie(), sign_out_form(signed_in)
    answer = signed_in.post("/logout", form.fields)
    assert (answer.status_code, answer.headers["location"]) == (httpx.codes.SEE_OTHER, "/login?signed_out")
    [cleared] = answer.headers.get_list("set-cookie")
    assert {"httponly", "max-age=0", "path=/", "samesite=lax"} == {
        each.strip().lower() for each in cleared.split(";")[1:]
    }
    page = signed_in.follow(answer)
    assert "You are signed out." in page.text
    assert erin.username not in page.text
    assert not is_signed_in(signed_in)
    with cluster.database.connect() as connection:
        [row] = connection.execute(ENDED, {"digest": digest(cookie)}).fetchall()
    assert 12 * 3600 - 60 < row["left"] <= 12 * 3600 + 600
    assert told_by_audit(cluster, erin) == [("signed_in", ""), ("signed_out", "")]


def test_whoever_is_signed_in_is_not_told_otherwise(signed_in: Browser) -> None:
    """The address alone claims nothing (UI-08)."""
    assert "You are signed out." not in signed_in.http.get("/login?signed_out").text
    assert is_signed_in(signed_in)


@dataclass(frozen=True, slots=True)
class KeptSession:
    """One session as Redis knew it, to be brought back: a restored snapshot, or a replica that lagged."""

    client: "redis.Redis"
    key: str
    value: bytes

    def bring_back(self) -> None:
        """Put it back, as fresh as it ever was."""
        self.client.restore(self.key, 3_600_000, self.value, replace=True)


@pytest.fixture
def kept(cluster: Cluster, signed_in: Browser) -> Iterator[KeptSession]:
    """Erin's session."""
    with redis.Redis.from_url(cluster.redis_url, socket_timeout=5) as client:
        key = f"tallystick:session:{digest(signed_in.session_cookie()).hex()}"
        yield KeptSession(client, key, client.dump(key))


def test_redis_cannot_undo_a_sign_out(signed_in: Browser, kept: KeptSession) -> None:
    """A session that Redis brings back is refused, on every page and replica (UI-05)."""
    old = dict(signed_in.http.cookies)
    signed_in.post("/logout", sign_out_form(signed_in).fields)
    assert not kept.client.exists(kept.key)
    kept.bring_back()
    signed_in.http.cookies.update(old)
    assert not is_signed_in(signed_in)
    assert kept.client.exists(kept.key)


def test_a_session_that_redis_has_lost_stays_ended_too(signed_in: Browser, kept: KeptSession) -> None:
    """Signing out holds when Redis did not know the session at that moment (UI-05)."""
    old, form = dict(signed_in.http.cookies), sign_out_form(signed_in)
    kept.client.delete(kept.key)
    assert signed_in.post("/logout", form.fields).status_code == httpx.codes.SEE_OTHER
    kept.bring_back()
    signed_in.http.cookies.update(old)
    assert not is_signed_in(signed_in)


def test_strangers_do_not_fill_the_table(cluster: Cluster, erin: User) -> None:
    """One network signs out of a few sessions that nobody had, then is told to come back; others go on (UI-05)."""
    replica = cluster.start("authorize", {"TRUSTED_PROXIES": "127.0.0.1"})
    try:
        with Browser(cluster, replica) as browser:
            browser.http.headers["x-forwarded-for"] = "198.51.100.1"
            sign_in(browser, erin)
            name = next(cookie.name for cookie in browser.http.cookies.jar if "session" in cookie.name)
            marks = {cookie.name: cookie.value or "" for cookie in browser.http.cookies.jar}
            device = next(value for key, value in marks.items() if "browser" in key)

            def statuses(source: str, times: int) -> list[int]:
                answers = []
                for _ in range(times):
                    session = base64url(secrets.token_bytes(32))
                    token = form_token("logout", browser=device, interaction="", session=session)
                    cookies = "; ".join(f"{key}={value}" for key, value in {**marks, name: session}.items())
                    with Browser(cluster, replica) as stranger:
                        stranger.http.headers.update({"x-forwarded-for": source, "cookie": cookies})
                        answers.append(stranger.post("/logout", [("csrf", token)]).status_code)
                return answers

            before = count_ended(cluster)
            assert statuses("198.51.100.1", 20) == [httpx.codes.SEE_OTHER] * 20
            assert statuses("198.51.100.1", 5) == [httpx.codes.SERVICE_UNAVAILABLE] * 5
            assert statuses("198.51.100.2", 1) == [httpx.codes.SEE_OTHER]
            assert count_ended(cluster) - before == 21
            answer = browser.post("/logout", sign_out_form(browser).fields)
            assert answer.status_code == httpx.codes.SEE_OTHER
            assert not is_signed_in(browser)
    finally:
        replica.stop()


def count_ended(cluster: Cluster) -> int:
    """Return how many sessions Postgres says no to."""
    with cluster.database.connect() as connection:
        [row] = connection.execute("SELECT count(*) AS times FROM ended_sessions").fetchall()
    return int(row["times"])


def test_another_user_replaces_the_one_before(
    cluster: Cluster, signed_in: Browser, erin: User, kept: KeptSession, world: World
) -> None:
    """Whoever signs in ends the session before, for good, whosever it was (UI-05)."""
    before = signed_in.session_cookie()
    sign_in(signed_in, world.alice)
    assert world.alice.username in signed_in.http.get("/account").text
    kept.bring_back()
    with Browser(cluster) as thief:
        name = next(cookie.name for cookie in signed_in.http.cookies.jar if "session" in cookie.name)
        thief.http.cookies.set(name, before)
        assert not is_signed_in(thief)
    assert told_by_audit(cluster, erin) == [("signed_in", ""), ("signed_out", "replaced by another sign-in")]


def test_a_planted_session_is_of_no_use(cluster: Cluster, signed_in: Browser, world: World) -> None:
    """A cookie that somebody else has put into the browser signs its owner out, and nobody in (UI-05)."""
    with Browser(cluster) as victim:
        name = next(cookie.name for cookie in signed_in.http.cookies.jar if "session" in cookie.name)
        victim.http.cookies.set(name, signed_in.session_cookie(), domain="127.0.0.1", path="/")
        sign_in(victim, world.bob)
        assert victim.session_cookie() != signed_in.session_cookie()
        assert world.bob.username in victim.http.get("/account").text
        assert not is_signed_in(signed_in)


def test_a_double_click_is_no_error(signed_in: Browser) -> None:
    """The second click finds nobody signed in, with or without the cookie (UI-04)."""
    old, form = dict(signed_in.http.cookies), sign_out_form(signed_in)
    for _ in range(2):
        assert signed_in.post("/logout", form.fields).status_code == httpx.codes.SEE_OTHER
    signed_in.http.cookies.update(old)
    assert signed_in.post("/logout", form.fields).status_code == httpx.codes.SEE_OTHER


@pytest.mark.parametrize("origin", [None, "null", "https://evil.example", "http://127.0.0.1", "HTTP://127.0.0.1:1"])
def test_another_site_cannot_sign_anybody_out(signed_in: Browser, origin: str | None) -> None:
    """A missing, foreign or null origin is refused, even with the right token, and the session goes on (UI-04)."""
    answer = signed_in.post("/logout", sign_out_form(signed_in).fields, origin=origin)
    shown_here(answer, httpx.codes.FORBIDDEN)
    assert "set-cookie" not in answer.headers
    assert is_signed_in(signed_in)


@pytest.mark.parametrize("csrf", ["", "x", "A" * 43, "é"])
def test_a_form_without_its_token_signs_nobody_out(signed_in: Browser, csrf: str) -> None:
    """A missing or wrong token is refused (UI-04)."""
    shown_here(signed_in.post("/logout", [("csrf", csrf)]), httpx.codes.FORBIDDEN)
    assert is_signed_in(signed_in)


def test_a_token_is_for_one_form_of_one_session_of_one_browser(
    cluster: Cluster, signed_in: Browser, erin: User
) -> None:
    """The token of another form, of an earlier session or of another browser signs nobody out (UI-04)."""
    used = sign_out_form(signed_in)
    sign_in_again = only_form(signed_in.http.get("/login").text)
    signed_in.post("/logout", used.fields)
    sign_in(signed_in, erin)
    with Browser(cluster) as other:
        sign_in(other, erin)
        for form in (used, sign_in_again, sign_out_form(other)):
            shown_here(signed_in.post("/logout", [("csrf", dict(form.fields)["csrf"])]), httpx.codes.FORBIDDEN)
            assert is_signed_in(signed_in)


def test_a_repeated_token_is_refused(signed_in: Browser) -> None:
    """A form of ours has each field once (GEN-03)."""
    form = sign_out_form(signed_in)
    shown_here(signed_in.post("/logout", [*form.fields, *form.fields]), httpx.codes.FORBIDDEN)
    assert is_signed_in(signed_in)


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE"])
def test_an_address_signs_nobody_out(signed_in: Browser, method: str) -> None:
    """A link, an image or a prefetch ends nothing (UI-04, GEN-05)."""
    answer = signed_in.http.request(method, "/logout")
    assert (answer.status_code, answer.headers["allow"]) == (httpx.codes.METHOD_NOT_ALLOWED, "POST")
    assert is_signed_in(signed_in)


def test_after_signing_out_a_client_has_to_ask_again(signed_in: Browser, world: World, erin: User) -> None:
    """Nobody who sits down at the browser afterwards approves in the name of whoever left (UI-05)."""
    form = signed_in.consent_page(world.public, erin)
    signed_in.post("/logout", sign_out_form(signed_in).fields)
    assert signed_in.answer(form).headers["location"].startswith("/login?interaction=")
    assert signed_in.follow(signed_in.ask(world.public)).url.path == "/login"
