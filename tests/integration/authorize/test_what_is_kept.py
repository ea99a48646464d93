"""What a walk through the pages leaves behind: in Redis, in Postgres and in the logs."""

from collections.abc import Iterator

import pytest
import redis

from tests.integration.authorize.browser import Browser, interaction_of, told
from tests.integration.authorize.conftest import World
from tests.support.cluster import Cluster

EVERYTHING = """
SELECT coalesce(string_agg(rows, ' '), '') AS text FROM (
    SELECT row_to_json(users)::text AS rows FROM users UNION ALL SELECT row_to_json(consents)::text FROM consents
) AS kept
"""


@pytest.fixture
def kept(cluster: Cluster) -> Iterator["redis.Redis"]:
    with redis.Redis.from_url(cluster.redis_url, decode_responses=True) as client:
        yield client


def contents(kept: "redis.Redis") -> str:
    """Return all keys and values."""
    return str([(key, kept.get(key)) for key in kept.scan_iter()])


def test_no_secret_is_kept(cluster: Cluster, browser: Browser, world: World, kept: "redis.Redis") -> None:
    """Code, cookies, interaction id, form token and password are nowhere but with their owner (GEN-11)."""
    form = browser.consent_page(world.public, world.bob, state="state-for-the-client-alone")
    waiting = contents(kept)
    code = told(browser.answer(form), world.public)["code"]
    with cluster.database.connect() as connection:
        [stored] = connection.execute(EVERYTHING).fetchall()
    everywhere = waiting + contents(kept) + str(stored) + cluster.output()
    secrets = {
        "code": code,
        "secret of the code": code.partition(".")[2],
        "interaction": interaction_of(form),
        "form token": dict(form.fields)["csrf"],
        "password": world.bob.password,
        **dict(browser.http.cookies),
    }
    assert [name for name, secret in secrets.items() if secret in everywhere] == []
    assert "state-for-the-client-alone" not in cluster.output()


def test_everything_in_redis_has_an_end(browser: Browser, world: World, kept: "redis.Redis") -> None:
    """Abandoned and finished requests leave nothing for ever, and a code lives a minute (OPS-02, RESP-04)."""
    before = set(kept.scan_iter())
    browser.sign_in_page(world.public)
    told(browser.answer(browser.consent_page(world.public, world.bob)), world.public)
    left = {str(key).split(":")[1]: kept.ttl(key) for key in set(kept.scan_iter()) - before}
    assert left.keys() == {"interaction", "session", "known", "code", "challenge"}
    assert 0 < left["code"] <= 60
    assert 60 < left["interaction"] <= 600
    assert 600 < left["session"] <= 3600
    assert 3600 < left["challenge"] <= 24 * 3600
    assert 3600 < left["known"] <= 180 * 24 * 3600
