"""authorize without its stores: a page while there is nowhere to redirect to, then the client is told."""

import httpx
import pytest

from tests.integration.authorize.browser import Browser, shown_here, told
from tests.support.cluster import Cluster
from tests.support.operator_client import Client, User
from tests.support.stores import PostgresServer, RedisServer


@pytest.fixture
def client(own_cluster: Cluster) -> Client:
    return own_cluster.operator.create_client(scopes=(own_cluster.operator.create_scope(),))


@pytest.fixture
def user(own_cluster: Cluster) -> User:
    return own_cluster.operator.create_user()


def test_without_postgres_a_request_is_shown_here(
    own_cluster: Cluster, own_postgres: PostgresServer, client: Client
) -> None:
    """As long as the client cannot be looked up nothing redirects, and the service recovers by itself (AUTHZ-13)."""
    with Browser(own_cluster) as browser:
        own_postgres.kill()
        page = browser.ask(client)
        shown_here(page, httpx.codes.SERVICE_UNAVAILABLE)
        assert page.headers["retry-after"]
        own_postgres.restart()
        assert browser.ask(client).status_code == httpx.codes.SEE_OTHER


def test_without_redis_the_client_is_told(own_cluster: Cluster, own_redis: RedisServer, client: Client) -> None:
    """A verified request that cannot be kept goes back with temporarily_unavailable (AUTHZ-13)."""
    with Browser(own_cluster) as browser:
        for end, begin in ((own_redis.pause, own_redis.resume), (own_redis.kill, own_redis.restart)):
            end()
            try:
                answer = told(browser.ask(client), client)
            finally:
                begin()
            assert (answer["error"], answer["state"]) == ("temporarily_unavailable", "xyz")
            assert answer["iss"] == browser.issuer
            assert browser.ask(client).status_code == httpx.codes.SEE_OTHER


def test_without_postgres_nobody_is_signed_in_and_nothing_approved(
    own_cluster: Cluster, own_postgres: PostgresServer, client: Client, user: User
) -> None:
    """A database that fails is no wrong password and no denial: the client is told that it is away (AUTHZ-13)."""
    with Browser(own_cluster) as browser, Browser(own_cluster) as other:
        consent, sign_in = browser.consent_page(client, user), other.sign_in_page(client)
        own_postgres.pause()
        try:
            approved, signed_in = browser.answer(consent), other.sign_in(sign_in, user.username, user.password)
        finally:
            own_postgres.resume()
        assert "set-cookie" not in signed_in.headers
        for answer in (told(approved, client), told(signed_in, client)):
            assert (answer["error"], answer["state"]) == ("temporarily_unavailable", "xyz")
            assert "code" not in answer
        assert "code" in told(browser.answer(consent), client)


def test_without_redis_nobody_is_signed_in_and_nothing_approved(
    own_cluster: Cluster, own_redis: RedisServer, client: Client, user: User
) -> None:
    """While Redis is away a page says so, and once it is back, empty, everybody starts again (AUTHZ-13, OPS-05)."""
    with Browser(own_cluster) as browser, Browser(own_cluster) as other:
        consent, sign_in = browser.consent_page(client, user), other.sign_in_page(client)
        own_redis.kill()
        try:
            answers = browser.answer(consent), other.sign_in(sign_in, user.username, user.password)
        finally:
            own_redis.restart()
        for answer in answers:
            shown_here(answer, httpx.codes.SERVICE_UNAVAILABLE)
            assert "set-cookie" not in answer.headers
        shown_here(browser.answer(consent), httpx.codes.GONE)
        assert "code" in told(browser.answer(browser.consent_page(client, user)), client)
