"""Rolling and scaling under load: no request fails, and new replicas get their share."""

import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.deploy.load import Load, load
from tests.deploy.rollout import rollout
from tests.support.cluster import running_cluster
from tests.support.databases import Database

pytestmark = [pytest.mark.long, pytest.mark.timeout(400)]

DRAIN_SECONDS = 10.0
REQUESTS = 5000
SHARE_SECONDS = 5.0
"""Within this time of being ready a new replica of token has its share of what a balancer sends."""


@contextmanager
def under_load(database: Database, redis_url: str, folder: Path, replicas: Mapping[str, int]) -> Iterator[Load]:
    with (
        running_cluster(database, redis_url, folder) as cluster,
        rollout(cluster, replicas=replicas, drain_seconds=DRAIN_SECONDS) as to,
        load(to) as under,
    ):
        under.more(100, 60)
        yield under


def test_rolling_any_service_drops_no_request(database: Database, redis_url: str, tmp_path: Path) -> None:
    """Every replica of every service is replaced under load, and of 5,000 requests none fails (promise 7)."""
    two_of_each = {"authorize": 2, "token": 2, "introspect": 2}
    with under_load(database, redis_url, tmp_path, two_of_each) as under:
        for deployment in (under.to.authorize, under.to.token, under.to.introspect):
            before = under.sent[deployment.service]
            deployment.roll()
            assert under.sent[deployment.service] > before
        under.until(lambda: under.total() >= REQUESTS, 240)


def test_new_replicas_take_their_share(database: Database, redis_url: str, tmp_path: Path) -> None:
    """Token goes from one replica to three while codes are redeemed; five seconds later each has its share."""
    one_of_each = {"authorize": 1, "token": 1, "introspect": 1}
    with under_load(database, redis_url, tmp_path, one_of_each) as under:
        new = {pod.process.name for pod in under.to.token.scale(3)}
        time.sleep(SHARE_SECONDS)
        before = Counter(under.by_replica)
        under.until(lambda: (under.by_replica - before).total() >= 150, 120)
        since = under.by_replica - before
        assert new < since.keys()
        assert all(0.25 < since[name] / since.total() < 0.42 for name in since), since
