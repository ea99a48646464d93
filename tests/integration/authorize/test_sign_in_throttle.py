"""How often passwords can be tried over HTTP, and who is not held up by that."""

import asyncio
import secrets
from collections import Counter
from collections.abc import Iterator
from urllib.parse import urlencode

import httpx
import pytest

from tallystick.authorize.v1 import user_pb2
from tests.integration.authorize.browser import Browser
from tests.integration.authorize.conftest import World
from tests.support.cluster import Cluster
from tests.support.flow import SECONDS
from tests.support.operator_client import User
from tests.support.pages import only_form
from tests.support.service_process import ServiceProcess

EVENTS = """
SELECT event, outcome, detail, client_id, count(*) AS times FROM audit_events
WHERE user_id = %(user_id)s::uuid AND event LIKE 'sign_in%%' GROUP BY event, outcome, detail, client_id
"""
WINDOW_SECONDS = 300


@pytest.fixture(scope="module")
def proxied(cluster: Cluster) -> Iterator[ServiceProcess]:
    """Another replica, which believes whoever is on this machine about where requests come from."""
    replica = cluster.start("authorize", {"TRUSTED_PROXIES": "127.0.0.1", "SIGN_IN_FAILURES_PER_SOURCE": 8})
    yield replica
    assert replica.stop().code == 0


@pytest.fixture
def victim(cluster: Cluster) -> User:
    """Somebody whose password is guessed at."""
    return cluster.operator.create_user()


def guess(
    cluster: Cluster, proxied: ServiceProcess, user: User, *, source: str, times: int = 1, right: bool = False
) -> list[int]:
    """Try a password from an address at a browser that nobody has used, and return the status of each answer."""
    with Browser(cluster, proxied) as browser:
        browser.http.headers["x-forwarded-for"] = source
        form = only_form(browser.http.get("/login").text)
        password = user.password if right else "wrong"
        return [browser.sign_in(form, user.username, password).status_code for _ in range(times)]


def besiege(cluster: Cluster, proxied: ServiceProcess, user: User) -> None:
    """Guess from many addresses, until strangers are refused."""
    [*_, last] = [guess(cluster, proxied, user, source=f"198.51.100.{number}", times=4)[-1] for number in (1, 2)]
    assert last == httpx.codes.TOO_MANY_REQUESTS


def test_the_sixth_attempt_has_to_wait(cluster: Cluster, browser: Browser, world: World, victim: User) -> None:
    """The form comes again, by 429, with the name and a time to wait, and the right password waits as well (GEN-09)."""
    form = browser.sign_in_page(world.public)
    for _ in range(5):
        assert browser.sign_in(form, victim.username, "wrong").status_code == httpx.codes.OK
    for password in ("wrong", victim.password):
        answer = browser.sign_in(form, victim.username, password)
        assert answer.status_code == httpx.codes.TOO_MANY_REQUESTS
        assert 0 < int(answer.headers["retry-after"]) <= WINDOW_SECONDS
        assert "no-store" in answer.headers["cache-control"]
        assert "set-cookie" not in answer.headers
        assert "There were too many attempts to sign in. Try again in 5 min." in answer.text
        again = only_form(answer.text)
        assert dict(again.fields) == {**dict(form.fields), "username": victim.username}
    with cluster.database.connect() as connection:
        rows = connection.execute(EVENTS, {"user_id": victim.user_id}).fetchall()
    client_id = world.public.client_id
    assert {tuple(row.values()) for row in rows} == {
        ("sign_in_refused", "refused", "wrong password", client_id, 5),
        ("sign_in_throttled", "refused", "too many by account and source", client_id, 2),
    }


def test_known_and_unknown_users_wait_alike(cluster: Cluster, proxied: ServiceProcess, victim: User) -> None:
    """Whether an account exists is not told by when the waiting begins, nor by what is said (GEN-09, UI-08)."""
    pages = []
    for number, username in enumerate((victim.username, "nobody-of-this-name-either")):
        with Browser(cluster, proxied) as browser:
            browser.http.headers["x-forwarded-for"] = f"192.0.2.{number + 1}"
            form = only_form(browser.http.get("/login").text)
            answers = [browser.sign_in(form, username, "wrong") for _ in range(6)]
            csrf = dict(form.fields)["csrf"]
        assert [answer.status_code for answer in answers] == [200] * 5 + [429]
        pages.append(answers[-1].text.replace(username, "NAME").replace(csrf, "CSRF"))
    assert pages[0] == pages[1]


async def test_a_hundred_guesses_at_once_over_two_replicas(
    cluster: Cluster, proxied: ServiceProcess, victim: User
) -> None:
    """Of 100 guesses in parallel, the right one among them, five are looked at (GEN-09)."""
    limits = httpx.Limits(max_connections=100)
    urls = [cluster.authorize.http_url, proxied.http_url]
    async with httpx.AsyncClient(timeout=SECONDS, limits=limits, trust_env=False) as http:
        form = only_form((await http.get(f"{urls[0]}/login")).text)

        async def attempt(number: int) -> int:
            fields = form.filled({"username": victim.username, "password": f"guess-{number}"}, button="sign-in")
            headers = {"origin": cluster.issuer, "content-type": "application/x-www-form-urlencoded"}
            answer = await http.post(f"{urls[number % 2]}/login", content=urlencode(fields), headers=headers)
            return answer.status_code

        statuses = await asyncio.gather(*(attempt(number) for number in range(100)))
    assert Counter(statuses) == {httpx.codes.OK: 5, httpx.codes.TOO_MANY_REQUESTS: 95}


def test_an_account_is_not_guessed_from_everywhere(cluster: Cluster, proxied: ServiceProcess, victim: User) -> None:
    """Strangers together get seven guesses, whose password is then not looked at, and other accounts go on (GEN-09)."""
    besiege(cluster, proxied, victim)
    assert guess(cluster, proxied, victim, source="203.0.113.1", right=True) == [httpx.codes.TOO_MANY_REQUESTS]
    other = cluster.operator.create_user()
    assert guess(cluster, proxied, other, source="203.0.113.1", right=True) == [httpx.codes.SEE_OTHER]


def test_the_owner_is_not_locked_out(cluster: Cluster, proxied: ServiceProcess, victim: User) -> None:
    """Whatever strangers do: where the owner has signed in before, the owner gets in (GEN-09)."""
    with Browser(cluster, proxied) as own:
        own.http.headers["x-forwarded-for"] = "2001:db8:1:2::1"
        for _ in range(2):
            form = only_form(own.http.get("/login").text)
            assert own.sign_in(form, victim.username, victim.password).status_code == httpx.codes.SEE_OTHER
            besiege(cluster, proxied, victim)
        own.http.headers["x-forwarded-for"] = "203.0.113.77"
        assert own.sign_in(form, victim.username, victim.password).status_code == httpx.codes.SEE_OTHER
    at_home = "2001:db8:1:2:ffff::9"
    assert guess(cluster, proxied, victim, source=at_home, right=True) == [httpx.codes.SEE_OTHER]


def test_a_new_password_locks_nobody_out(cluster: Cluster, proxied: ServiceProcess, victim: User) -> None:
    """Who chose a new password because of an attack gets in with it, at the own browser and network (GEN-09)."""
    operator, at_home = cluster.operator, "2001:db8:1:3::1"
    with Browser(cluster, proxied) as own:
        own.http.headers["x-forwarded-for"] = at_home
        form = only_form(own.http.get("/login").text)
        assert own.sign_in(form, victim.username, victim.password).status_code == httpx.codes.SEE_OTHER
        for number in (1, 2):
            guess(cluster, proxied, victim, source=f"198.51.100.10{number}", times=4)
        password = secrets.token_urlsafe(12)
        operator.passwords.append(password)
        request = user_pb2.SetUserPasswordRequest(username=victim.username, password=password)
        operator.call(operator.users.SetUserPassword, request)
        renewed = User(victim.user_id, victim.username, password)
        stranger = guess(cluster, proxied, renewed, source="203.0.113.7", right=True)
        assert stranger == [httpx.codes.TOO_MANY_REQUESTS]
        assert guess(cluster, proxied, renewed, source=at_home, right=True) == [httpx.codes.SEE_OTHER]
        own.http.headers["x-forwarded-for"] = "203.0.113.7"
        assert own.sign_in(form, victim.username, password).status_code == httpx.codes.SEE_OTHER


def test_a_network_does_not_tell_who_lives_there(cluster: Cluster, proxied: ServiceProcess, victim: User) -> None:
    """Guesses from where a user signed in to use up those from elsewhere, as for somebody unknown (UI-08)."""
    guess(cluster, proxied, victim, source="192.0.2.81", right=True)
    for user in (victim, User("", "nobody-who-lives-there", "")):
        here, elsewhere = f"192.0.2.{81 if user is victim else 82}", f"192.0.2.{83 if user is victim else 84}"
        statuses = guess(cluster, proxied, user, source=here, times=5)
        statuses += guess(cluster, proxied, user, source=elsewhere, times=3)
        assert statuses == [httpx.codes.OK] * 7 + [httpx.codes.TOO_MANY_REQUESTS]


def test_a_source_is_one_for_all_accounts(cluster: Cluster, proxied: ServiceProcess, victim: User) -> None:
    """One password tried on many accounts is stopped, and a whole /64 counts as one source (GEN-09)."""
    nobodies = [User("", f"nobody-{number}", "wrong") for number in range(9)]
    statuses = [
        guess(cluster, proxied, nobody, source=f"2001:db8:9:9::{number}")[0] for number, nobody in enumerate(nobodies)
    ]
    assert statuses == [httpx.codes.OK] * 8 + [httpx.codes.TOO_MANY_REQUESTS]
    assert guess(cluster, proxied, victim, source="2001:db8:9:9::a", right=True) == [httpx.codes.TOO_MANY_REQUESTS]
    assert guess(cluster, proxied, victim, source="2001:db8:9:a::a", right=True) == [httpx.codes.SEE_OTHER]


def test_a_refused_form_costs_nothing(browser: Browser, victim: User) -> None:
    """What another site makes a browser send is not counted against anybody (GEN-09, UI-04)."""
    form = only_form(browser.http.get("/login").text)
    fields = form.filled({"username": victim.username, "password": "wrong"}, button="sign-in")
    for _ in range(10):
        assert browser.post("/login", fields, origin="https://evil.example").status_code == httpx.codes.FORBIDDEN
    assert browser.sign_in(form, victim.username, victim.password).status_code == httpx.codes.SEE_OTHER
