"""A pooler in transaction mode: each transaction may be on another connection to Postgres, and nobody notices."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import psycopg
import pytest

from tallystick.oauth2.client import ClientType
from tallystick.runtime.postgres import AsyncPostgres, SyncPostgres
from tallystick.runtime.settings import SettingsError
from tests.integration.cli.program import Tallystick
from tests.support.cluster import Cluster, running_cluster
from tests.support.databases import Database
from tests.support.flow import Visitor, introspect, post_token, redeem, refresh, revoke
from tests.support.operator_client import Client
from tests.support.pgbouncer import SERVER_CONNECTIONS, PgBouncer, pooled
from tests.support.secrets_ledger import LEDGER

pytestmark = [pytest.mark.long, pytest.mark.timeout(180), pytest.mark.needs("pgbouncer")]

SERVICES = ("tallystick_authorize", "tallystick_token", "tallystick_introspect")
FILES = ("authorize/postgres-dsn", "token/postgres-dsn", "token/partition-dsn", "introspect/postgres-dsn")
FAMILIES = 12
TIMES = 6

# How many connections to the server each role has at most.
COUNT_BY_ROLE = "SELECT usename, count(*) FROM pg_stat_activity WHERE usename = ANY (%s) GROUP BY usename"


@dataclass(frozen=True, slots=True)
class World:
    """The services behind a pooler."""

    cluster: Cluster
    pooler: PgBouncer
    client: Client
    resource_server: Client
    visitor: Visitor

    def buy(self) -> dict[str, str]:
        """Go through the code flow."""
        answer = redeem(self.cluster, self.visitor.approve(self.client))
        assert answer.status_code == httpx.codes.OK, answer.text
        tokens: dict[str, str] = answer.json()
        return tokens

    def refreshed(self, family: int, tokens: dict[str, str]) -> dict[str, str]:
        """Refresh several times, at one replica of token and at the other."""
        for number in range(TIMES):
            replica = self.cluster.replicas("token")[(family + number) % 2]
            form = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
            answer = post_token(replica.http_url, self.client, form)
            assert answer.status_code == httpx.codes.OK, answer.text
            tokens = answer.json()
        return tokens

    def is_live(self, tokens: dict[str, str]) -> bool:
        """Tell what introspection says of an access token."""
        return introspect(self.cluster, self.resource_server, tokens["access_token"])["active"] is True


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the secrets and the services' logs are."""
    return tmp_path_factory.mktemp("pooled")


@pytest.fixture(scope="module")
def logins(database: Database, folder: Path) -> Iterator[dict[str, str]]:
    """The passwords by which the services' roles sign in."""
    where = urlsplit(database.dsn())
    address = where._replace(netloc=where.netloc.rpartition("@")[2]).geturl()
    command = Tallystick(folder, {"MIGRATE_DSN": database.dsn()})
    assert command("key", "create", folder / "secrets", "--postgres", address).status == 0
    made = [folder / "secrets" / name for name in FILES]
    try:
        assert command("migrate", *(f"--login={file}" for file in made)).status == 0
        found = [urlsplit(file.read_text().strip()) for file in made]
        passwords = {str(each.username): str(each.password) for each in found if each.username in SERVICES}
        LEDGER.note("store's password", *passwords.values())
        yield passwords
    finally:
        with database.connect() as connection:
            for role in (*SERVICES, "tallystick_partitions"):
                connection.execute(f"ALTER ROLE {role} NOLOGIN PASSWORD NULL")  # type: ignore[arg-type] # a name of ours


@pytest.fixture(scope="module")
def world(redis_url: str, folder: Path, database: Database, logins: dict[str, str]) -> Iterator[World]:
    with (
        pooled(database, logins) as pooler,
        running_cluster(
            pooler.database,
            redis_url,
            folder,
            token=2,
            settings={"POSTGRES_PREPARE": "false", "REFRESH_GRACE_SECONDS": 0},
        ) as cluster,
    ):
        resource_server, _, scope = cluster.operator.create_resource_server()
        client = cluster.operator.create_client(ClientType.PUBLIC, scopes=[scope])
        with Visitor(cluster, cluster.operator.create_user()) as visitor:
            yield World(cluster, pooler, client, resource_server, visitor)


def test_everything_works_on_few_connections(world: World, database: Database) -> None:
    """Codes, refreshes side by side, revocation, introspection and theft, on connections that all share."""
    families = [world.buy() for _ in range(FAMILIES)]
    with ThreadPoolExecutor(FAMILIES) as threads:
        latest = list(threads.map(world.refreshed, range(FAMILIES), families))
    with database.connect() as connection:
        rows = connection.execute(COUNT_BY_ROLE, (list(SERVICES),)).fetchall()
    assert {row["usename"] for row in rows} == set(SERVICES)
    # token also has one of its own, for partitions, which goes directly and as another role.
    assert max(row["count"] for row in rows) <= SERVER_CONNECTIONS
    assert all(world.is_live(tokens) for tokens in latest)
    with ThreadPoolExecutor(FAMILIES) as threads:
        revoked = list(
            threads.map(lambda tokens: revoke(world.cluster, world.client, tokens["refresh_token"]), latest[:-1])
        )
    assert {answer.status_code for answer in revoked} == {httpx.codes.OK}
    assert not any(world.is_live(tokens) for tokens in latest[:-1])
    assert world.is_live(latest[-1])
    # A refresh token from long before is a thief's.
    assert refresh(world.cluster, world.client, families[-1]["refresh_token"]).status_code == httpx.codes.BAD_REQUEST
    assert not world.is_live(latest[-1])
    for service in ("authorize", "token", "introspect"):
        for replica in world.cluster.replicas(service):
            assert '"log_followed"' in replica.stdout


def test_its_connections_are_bounded_as_ours_would_be(world: World) -> None:
    """What services want of a connection the pooler wants of its own: statements end, commits wait for the standby."""
    with psycopg.connect(world.pooler.database.dsn("tallystick_token"), autocommit=True) as connection:
        found = {
            name: str(connection.execute(f"SHOW {name}").fetchone()[0])  # type: ignore[arg-type,index] # a name of ours
            for name in ("statement_timeout", "lock_timeout", "synchronous_commit")
        }
    assert found == {"statement_timeout": "2500ms", "lock_timeout": "2s", "synchronous_commit": "on"}


async def test_a_pooler_without_limits_is_refused(database: Database, logins: dict[str, str]) -> None:
    """No service starts where what it has given up might be done later, or be on no standby (promise 5)."""
    refusal = r"POSTGRES_DSN .*\(statement_timeout, lock_timeout, .*connect_query"
    with pooled(database, logins, limits=False) as pooler:
        one = AsyncPostgres(pooler.database.dsn("tallystick_token"), name="token", size=1)
        with pytest.raises(SettingsError, match=refusal):
            await one.open()
        await one.close()
        another = SyncPostgres(pooler.database.dsn("tallystick_introspect"), name="introspect", size=1)
        with closing(another), pytest.raises(SettingsError, match=refusal):
            another.open()


def test_it_is_killed_and_comes_back(world: World) -> None:
    """Services say so meanwhile, and go on by themselves."""
    tokens = world.buy()
    world.pooler.kill()
    assert refresh(world.cluster, world.client, tokens["refresh_token"]).status_code == httpx.codes.SERVICE_UNAVAILABLE
    world.pooler.start()
    answer = refresh(world.cluster, world.client, tokens["refresh_token"])
    assert answer.status_code == httpx.codes.OK, answer.text
    assert world.is_live(answer.json())
