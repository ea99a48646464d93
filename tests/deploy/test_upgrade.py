"""Two versions over one database: migrations expand first and contract last, and nobody notices (promise 7)."""

from pathlib import Path

import httpx
import pytest

from tests.deploy.load import load
from tests.deploy.rollout import Rollout, rollout
from tests.deploy.upgrade.next_version import next_version
from tests.support.cluster import running_cluster
from tests.support.databases import Database, Databases
from tests.support.environment import ROOT
from tests.support.flow import redeem, sign_in_and_approve

pytestmark = [pytest.mark.long, pytest.mark.timeout(400)]

MIGRATIONS = Path(__file__).parent / "upgrade"
TWO_OF_EACH = {"authorize": 2, "token": 2, "introspect": 2}
REQUESTS = 300
"""How many requests each pair of version and schema must answer."""
SECONDS = 90.0
DRAIN_SECONDS = 10.0


def migrate(database: Database, name: str) -> None:
    """Run one of the test migrations, as `tallystick migrate` would: in one transaction, as the owner."""
    with database.connect() as connection, connection.transaction():
        connection.execute((MIGRATIONS / name).read_bytes())


def roll(to: Rollout, version: Path) -> None:
    """Roll those services that know the column to a version, one after the other."""
    for deployment in (to.introspect, to.token):
        deployment.checkout = version
        deployment.roll()


def test_versions_and_schemas_overlap(databases: Databases, redis_url: str, tmp_path: Path) -> None:
    """Old on old and expanded, both on expanded, forward, back and forward again, new on contracted: nothing fails."""
    new = next_version(tmp_path / "next")
    with (
        databases.migrated() as database,
        running_cluster(database, redis_url, tmp_path) as cluster,
        rollout(cluster, replicas=TWO_OF_EACH, drain_seconds=DRAIN_SECONDS) as to,
        load(to) as under,
    ):
        under.more(REQUESTS, SECONDS)
        migrate(database, "expand.sql")
        under.more(REQUESTS, SECONDS)
        # A replica of each version, side by side.
        for deployment in (to.introspect, to.token):
            deployment.checkout = new
            deployment.scale(3)
        under.more(REQUESTS, SECONDS)
        for version in (new, ROOT, new):
            roll(to, version)
        under.more(REQUESTS, SECONDS)
        migrate(database, "contract.sql")
        under.more(REQUESTS, SECONDS)


@pytest.mark.parametrize(("version", "migrations"), [("next", ()), ("this", ("expand.sql", "contract.sql"))])
def test_what_must_not_meet_does_not_work(
    databases: Databases, redis_url: str, tmp_path: Path, version: str, migrations: tuple[str, ...]
) -> None:
    """The next version on this schema and this one on the contracted schema redeem nothing: the test above can fail."""
    checkout = next_version(tmp_path / "next") if version == "next" else ROOT
    with (
        databases.migrated() as database,
        running_cluster(database, redis_url, tmp_path, checkout=checkout) as cluster,
    ):
        for name in migrations:
            migrate(database, name)
        operator = cluster.operator
        client = operator.create_client(scopes=[operator.create_scope()])
        answer = redeem(cluster, sign_in_and_approve(cluster, client, operator.create_user()))
        assert answer.status_code >= httpx.codes.INTERNAL_SERVER_ERROR
