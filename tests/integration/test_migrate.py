"""Migrations, and what the roles that they make may touch."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import LiteralString
from uuid import uuid4

import psycopg
import pytest
from psycopg import errors, sql
from psycopg.conninfo import make_conninfo
from psycopg.rows import DictRow

from tallystick.runtime.postgres import AsyncPostgres, SyncPostgres
from tallystick.schema.migrate import migrate
from tallystick.schema.revision import REQUIRED, SchemaTooOld
from tests.support.databases import Database, Databases
from tests.support.environment import ROOT, program_environment
from tests.support.stores import PostgresServer, StoreKind

ROLES = ("tallystick_authorize", "tallystick_token", "tallystick_introspect", "tallystick_partitions")
TABLES = (
    "access_tokens", "audit_events", "client_scopes", "client_secrets", "clients", "consents", "deleted_scopes",
    "ended_sessions", "grants", "group_members", "groups", "invalidations", "lease_terms", "operators", "policy",
    "resource_callers", "resources", "scope_covers", "scopes", "service_groups", "services", "users",
)  # fmt: skip

# What a server has that belongs to no single database.
READ_ROLES = "SELECT rolname AS name FROM pg_roles WHERE NOT starts_with(rolname, 'pg_')"
# Everything in the database that a migration makes, by name and definition.
READ_SCHEMA = """
SELECT table_name || '.' || column_name AS object, data_type || ' ' || is_nullable AS definition
FROM information_schema.columns WHERE table_schema = 'public'
UNION ALL
SELECT conrelid::regclass || '.' || conname, pg_get_constraintdef(oid) FROM pg_constraint
WHERE connamespace = 'public'::regnamespace
UNION ALL
SELECT 'index ' || indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'
UNION ALL
SELECT table_name || ' for ' || grantee || ' to ' || privilege_type, '' FROM information_schema.role_table_grants
WHERE table_schema = 'public'
ORDER BY 1, 2
"""
# Whom a table belongs to.
READ_OWNERS = """
SELECT relname AS name, pg_get_userbyid(relowner) AS owner FROM pg_class
WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') ORDER BY relname
"""
# Whether anybody at all may use an object.
READ_PUBLIC = """
SELECT table_name AS name FROM information_schema.role_table_grants
WHERE table_schema = 'public' AND grantee = 'PUBLIC'
"""


@pytest.fixture(scope="module")
def postgres_without_roles(stores: StoreKind) -> Iterator[PostgresServer]:
    """A server on which no migration has made roles yet."""
    with stores.postgres() as server:
        yield server


@pytest.fixture
def new_postgres(postgres_without_roles: PostgresServer) -> Iterator[PostgresServer]:
    """A server as it is when new; databases are dropped by who made them, the roles here."""
    with psycopg.connect(postgres_without_roles.dsn("postgres"), autocommit=True) as owner:
        before = set(owner.execute(READ_ROLES).fetchall())
        yield postgres_without_roles
        for (name,) in set(owner.execute(READ_ROLES).fetchall()) - before:
            owner.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(name)))


def schema_of(database: Database) -> list[dict[str, object]]:
    """Return everything that migrations have made."""
    with database.connect() as connection:
        return connection.execute(READ_SCHEMA).fetchall()


def refused(connection: psycopg.Connection[DictRow], statement: sql.SQL | sql.Composed) -> bool:
    """Tell whether a statement is refused for want of a privilege; anything else it may run into counts as allowed."""
    try:
        connection.execute(statement)
    except errors.InsufficientPrivilege:
        return True
    except psycopg.Error:
        return False
    return False


def tables_of(database: Database) -> list[dict[str, object]]:
    """Return the tables and their owners."""
    with database.connect() as connection:
        return connection.execute(READ_OWNERS).fetchall()


def migrate_together(dsns: list[str]) -> None:
    """Start a migration for each address at the same moment, each in a process of its own, and see them all succeed."""
    command = [sys.executable, "-c", "import sys; from tallystick.schema.migrate import migrate; migrate(sys.argv[1])"]
    with ExitStack() as stack:
        running = [
            stack.enter_context(
                subprocess.Popen(
                    [*command, dsn], cwd=ROOT, env=program_environment(), stderr=subprocess.PIPE, text=True
                )
            )
            for dsn in dsns
        ]
        endings = [(process.communicate(timeout=60)[1], process.returncode) for process in running]
    assert endings == [("", 0)] * len(dsns)


def test_eight_migrations_at_once(databases: Databases) -> None:
    """Eight migrations of one empty database, started together, all succeed and make one schema."""
    with databases.empty() as database:
        migrate_together([database.dsn()] * 8)
        assert [row["name"] for row in tables_of(database)] == sorted([*TABLES, "schema_revision"])
        with database.connect() as connection:
            versions = connection.execute("SELECT version_num FROM schema_revision").fetchall()
    assert versions == [{"version_num": REQUIRED}]


def test_four_sibling_databases_at_once(new_postgres: PostgresServer) -> None:
    """On a new server, migrations of sibling databases do not trip over the roles, which belong to all of them."""
    databases = Databases(new_postgres)
    with ExitStack() as stack:
        siblings = [stack.enter_context(databases.empty()) for _ in range(4)]
        migrate_together([sibling.dsn() for sibling in siblings for _ in range(2)])
        schemas = [schema_of(sibling) for sibling in siblings]
    assert schemas[0]
    assert all(schema == schemas[0] for schema in schemas)


def test_a_second_migration_changes_nothing(databases: Databases) -> None:
    """A migrated database is left as it is."""
    with databases.migrated() as database:
        before = schema_of(database)
        assert migrate(database.dsn()) == REQUIRED
        assert schema_of(database) == before


def test_a_failed_migration_leaves_nothing(databases: Databases) -> None:
    """A migration that meets a stranger's table undoes what it did and can be repeated once the table is gone."""
    with databases.empty() as database:
        with database.connect() as connection:
            connection.execute("CREATE TABLE operators (stranger text)")
        with pytest.raises(psycopg.Error, match="operators"):
            migrate(database.dsn())
        assert [row["name"] for row in tables_of(database)] in (["operators"], ["operators", "schema_revision"])
        with database.connect() as connection:
            connection.execute("DROP TABLE operators")
        assert migrate(database.dsn()) == REQUIRED


@contextmanager
def owned_by_a_migrator(databases: Databases) -> Iterator[tuple[Database, str]]:
    """Give an empty database and the address of its owner, who may make roles and is no superuser."""
    with databases.empty() as database:
        with database.connect() as connection:
            connection.execute("CREATE ROLE migrator LOGIN CREATEROLE PASSWORD 'migrator'")
            connection.execute(sql.SQL("ALTER DATABASE {} OWNER TO migrator").format(sql.Identifier(database.name)))
        yield database, make_conninfo(database.dsn(), user="migrator", password="migrator")


def test_no_superuser_is_needed(new_postgres: PostgresServer) -> None:
    """Whoever owns the database and may make roles can migrate it, partitions that another role owns included."""
    with owned_by_a_migrator(Databases(new_postgres)) as (database, dsn):
        assert migrate(dsn, to="0001") == "0001"
        with database.connect("tallystick_partitions") as connection:
            connection.execute("CREATE TABLE partitions.access_tokens_7 PARTITION OF access_tokens FOR VALUES IN (7)")
        assert migrate(dsn) == REQUIRED
        assert {"name": "access_tokens", "owner": "tallystick_partitions"} in tables_of(database)
        assert migrate(dsn) == REQUIRED


def test_siblings_of_one_migrator_at_once(new_postgres: PostgresServer) -> None:
    """Siblings that one owner migrates together do not trip over the membership, which belongs to all of them."""
    databases = Databases(new_postgres)
    with owned_by_a_migrator(databases) as (first, dsn), ExitStack() as stack:
        siblings = [stack.enter_context(databases.empty()) for _ in range(3)]
        with first.connect() as connection:
            for sibling in siblings:
                connection.execute(sql.SQL("ALTER DATABASE {} OWNER TO migrator").format(sql.Identifier(sibling.name)))
        migrate_together([dsn, *(make_conninfo(dsn, dbname=sibling.name) for sibling in siblings)])


def test_a_schema_that_is_open_to_everybody_is_closed(databases: Databases) -> None:
    """A database from before PostgreSQL 15, in which everybody might create, leaves that to its owner."""
    with databases.empty() as database:
        with database.connect() as connection:
            connection.execute("GRANT CREATE ON SCHEMA public TO PUBLIC")
        migrate(database.dsn())
        with database.connect("tallystick_authorize") as connection:
            assert refused(connection, sql.SQL("CREATE TABLE mine (value text)"))


def test_a_schema_that_stays_open_is_not_migrated(new_postgres: PostgresServer) -> None:
    """Where the migrator cannot close the schema it says who can, and makes nothing."""
    with owned_by_a_migrator(Databases(new_postgres)) as (database, dsn):
        with database.connect() as connection:
            connection.execute("ALTER SCHEMA public OWNER TO CURRENT_USER")
            connection.execute("GRANT CREATE ON SCHEMA public TO PUBLIC")
        with pytest.raises(errors.RaiseException, match="may create in schema public"):
            migrate(dsn)
        assert "clients" not in {row["name"] for row in tables_of(database)}


def test_an_unreachable_database_is_not_waited_for(databases: Databases) -> None:
    """A database that does not exist ends the migration at once."""
    with databases.empty() as database:
        gone = database.dsn().replace(database.name, f"{database.name}_gone")
    with pytest.raises(psycopg.OperationalError, match="does not exist"):
        migrate(gone)


@pytest.mark.parametrize("role", ROLES)
def test_nobody_can_log_in_as_a_role(database: Database, role: str) -> None:
    """The roles have no login, no superuser's rights and no way to make others."""
    with database.connect() as connection:
        row = connection.execute(
            "SELECT rolcanlogin, rolsuper, rolcreaterole, rolcreatedb, rolbypassrls FROM pg_roles WHERE rolname = %s",
            [role],
        ).fetchone()
    assert row is not None
    assert set(row.values()) == {False}


def test_nothing_is_granted_to_everybody(database: Database) -> None:
    """No table may be used by whoever happens to connect."""
    with database.connect() as connection:
        assert connection.execute(READ_PUBLIC).fetchall() == []


def test_every_table_is_known_here(database: Database) -> None:
    """A new table is added to this file's list, and so to the walks below."""
    assert [row["name"] for row in tables_of(database)] == sorted([*TABLES, "schema_revision"])


@pytest.mark.parametrize("table", TABLES)
def test_introspect_cannot_write(database: Database, table: str) -> None:
    """The role of introspect inserts, updates, deletes and empties nothing."""
    with database.connect("tallystick_introspect") as connection:
        name = sql.Identifier(table)
        assert refused(connection, sql.SQL("INSERT INTO {} DEFAULT VALUES").format(name))
        assert refused(connection, sql.SQL("DELETE FROM {}").format(name))
        assert refused(connection, sql.SQL("TRUNCATE {}").format(name))
        assert refused(connection, sql.SQL("DROP TABLE {}").format(name))
        for privilege in ("INSERT", "UPDATE", "REFERENCES"):
            row = connection.execute("SELECT has_any_column_privilege(%s, %s) AS may", [table, privilege]).fetchone()
            assert row == {"may": False}, privilege


@pytest.mark.parametrize(
    ("role", "table", "columns"),
    [
        ("tallystick_introspect", "users", {"password_hash"}),
        ("tallystick_introspect", "grants", {"code_digest", "code_challenge", "rotation_nonces", "rotation_key_ids"}),
        ("tallystick_introspect", "grants", {"rotated_digests"}),
        ("tallystick_introspect", "operators", {"created_at"}),
        ("tallystick_introspect", "groups", {"description"}),
        ("tallystick_token", "group_members", {"user_id"}),
        ("tallystick_token", "service_groups", {"group_name"}),
        ("tallystick_token", "users", {"password_hash", "username"}),
        ("tallystick_token", "clients", {"branding_logo"}),
        ("tallystick_introspect", "audit_events", {"event_id", "source", "attributes"}),
        ("tallystick_introspect", "ended_sessions", {"digest"}),
        ("tallystick_token", "ended_sessions", {"digest"}),
        ("tallystick_authorize", "grants", {"code_digest", "code_challenge", "refresh_digest", "rotation_nonces"}),
        ("tallystick_authorize", "access_tokens", {"digest"}),
        ("tallystick_partitions", "clients", {"client_id"}),
        ("tallystick_partitions", "users", {"user_id"}),
        ("tallystick_partitions", "grants", {"grant_id"}),
    ],
)
def test_secrets_are_out_of_reach(database: Database, role: str, table: str, columns: set[str]) -> None:
    """A role cannot read the columns that its service has no need of."""
    with database.connect(role) as connection:
        for column in columns:
            statement = sql.SQL("SELECT {} FROM {}").format(sql.Identifier(column), sql.Identifier(table))
            assert refused(connection, statement), column


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM access_tokens",
        "UPDATE access_tokens SET scopes = scopes, label = label",
        "UPDATE access_tokens SET expires_at = expires_at",
        "UPDATE grants SET client_id = client_id",
        "UPDATE grants SET user_id = user_id",
        "UPDATE grants SET scopes = scopes",
        "UPDATE grants SET client_epoch = 0, user_epoch = 0, consent_epoch = 0",
        "UPDATE grants SET code_digest = code_digest, code_challenge = NULL, code_challenge_method = NULL",
        "UPDATE grants SET refresh_expires_at = refresh_expires_at",
        "CREATE TABLE partitions.mine (value text)",
        "UPDATE clients SET enabled = true",
        "INSERT INTO users DEFAULT VALUES",
        "UPDATE operators SET revoked_at = NULL",
        "UPDATE invalidations SET kind = kind",
        "UPDATE lease_terms SET waited_ms = 0",
        "UPDATE policy SET version = 0",
        "UPDATE audit_events SET event = event",
        "DELETE FROM audit_events",
        "DELETE FROM ended_sessions",
        "CREATE TABLE mine (value text)",
    ],
)
def test_token_writes_only_what_it_owns(database: Database, statement: LiteralString) -> None:
    """The role of token changes grants, adds and revokes tokens, prunes the log, and nothing else."""
    with database.connect("tallystick_token") as connection:
        assert refused(connection, sql.SQL(statement))


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO grants DEFAULT VALUES",
        "UPDATE grants SET ended_at = NULL, end_reason = NULL",
        "INSERT INTO access_tokens DEFAULT VALUES",
        "DELETE FROM consents",
        "DELETE FROM operators",
        "CREATE TABLE partitions.mine (value text)",
        "UPDATE invalidations SET kind = kind",
        "DELETE FROM invalidations",
        "DELETE FROM grants",
        "UPDATE access_tokens SET revoked_at = now()",
        "UPDATE ended_sessions SET expires_at = now()",
        "UPDATE audit_events SET event = event",
        "DELETE FROM audit_events",
        "CREATE TABLE mine (value text)",
        "UPDATE schema_revision SET version_num = '9999'",
    ],
)
def test_authorize_writes_only_what_it_owns(database: Database, statement: LiteralString) -> None:
    """The role of authorize issues no grant, no token and no history."""
    with database.connect("tallystick_authorize") as connection:
        assert refused(connection, sql.SQL(statement))


def test_partitions_role_owns_only_its_tables(database: Database) -> None:
    """The role that makes and drops partitions owns the two partitioned tables and nothing else."""
    owned = [row["name"] for row in tables_of(database) if row["owner"] == "tallystick_partitions"]
    assert owned == ["access_tokens", "audit_events"]


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize(
    "statement",
    [
        "CREATE FUNCTION public.unnest(text[]) RETURNS SETOF text LANGUAGE sql AS 'SELECT NULL'",
        "CREATE TABLE public.mine (value text)",
        "CREATE SCHEMA mine",
    ],
)
def test_no_role_creates_where_others_look(database: Database, role: str, statement: LiteralString) -> None:
    """No role can put a function or table where another, with more rights, would find it by its bare name."""
    with database.connect(role) as connection:
        assert refused(connection, sql.SQL(statement))


def test_partitions_role_makes_and_drops_partitions(database: Database) -> None:
    """The role that owns the partitioned table can attach and detach, and token then inserts without further grants."""
    with database.connect("tallystick_partitions") as connection:
        connection.execute(
            "CREATE TABLE partitions.access_tokens_7 (LIKE access_tokens INCLUDING ALL, CHECK (bucket = 7))"
        )
        connection.execute("ALTER TABLE access_tokens ATTACH PARTITION partitions.access_tokens_7 FOR VALUES IN (7)")
    with database.connect("tallystick_token") as token:
        token.execute(insert("access_tokens", TOKEN))
    with database.connect("tallystick_partitions") as connection:
        connection.execute("ALTER TABLE access_tokens DETACH PARTITION partitions.access_tokens_7 CONCURRENTLY")
        connection.execute("DROP TABLE partitions.access_tokens_7")


@pytest.fixture
def rows(database: Database) -> Iterator[psycopg.Connection]:
    """The owner's connection, whose transaction is undone after the test."""
    with psycopg.connect(database.dsn()) as connection:
        yield connection
        connection.rollback()


CLIENT = {
    "client_id": "'abcdefghijklmnopqrstuvwxyz'",
    "name": "'n'",
    "version": "'1'",
    "client_type": "'confidential'",
    "application_type": "'web'",
    "redirect_uris": "'{}'",
    "grant_types": "'{client_credentials}'",
    "token_endpoint_auth_method": "'client_secret_basic'",
}
GRANT = {
    "grant_id": f"'{uuid4()}'",
    "code_id": "'c'",
    "code_digest": "decode(repeat('00', 32), 'hex')",
    "redemption_id": f"'{uuid4()}'",
    "client_id": "'c'",
    "user_id": f"'{uuid4()}'",
    "scopes": "'{}'",
    "redirect_uri": "'u'",
    "redirect_uri_sent": "true",
    "client_epoch": "0",
    "user_epoch": "0",
    "consent_epoch": "0",
}
USER = {"user_id": f"'{uuid4()}'", "username": "'bob'", "password_hash": "'$argon2id$x'"}
OPERATOR = {"name": "'ann'", "digest": "decode(repeat('00', 32), 'hex')", "role": "'admin'"}
TOKEN = {
    "bucket": "7",
    "digest": "decode(repeat('00', 32), 'hex')",
    "client_id": "'c'",
    "client_epoch": "0",
    "scopes": "'{}'",
    "audience": "'a'",
    "issued_at": "now()",
    "expires_at": "to_timestamp(7 * 3600)",
}


EVENT = {
    "day": "floor(extract(epoch FROM now()) / 86400)",
    "event_id": "gen_random_uuid()",
    "occurred_at": "now()",
    "service": "'token'",
    "event": "'token_issued'",
    "outcome": "'success'",
}
SESSION = {"digest": "decode(repeat('00', 32), 'hex')", "expires_at": "now()"}


def insert(table: str, row: dict[str, str], **changed: str) -> sql.SQL:
    """Return the statement that inserts a row, given as SQL expressions, with some of them changed."""
    values = {**row, **changed}
    return sql.SQL(f"INSERT INTO {table} ({', '.join(values)}) VALUES ({', '.join(values.values())})")  # noqa: S608 - of this file


@pytest.mark.parametrize(
    ("table", "row"),
    [
        ("clients", CLIENT),
        ("grants", GRANT),
        ("users", USER),
        ("operators", OPERATOR),
        ("audit_events", EVENT),
        ("ended_sessions", SESSION),
    ],
)
def test_a_right_row_is_taken(rows: psycopg.Connection, table: str, row: dict[str, str]) -> None:
    """The rows that the refusals below differ from are taken as they are."""
    rows.execute(insert(table, row))


@pytest.mark.parametrize(
    ("constraint", "table", "row", "changed"),
    [
        ("clients_client_id_check", "clients", CLIENT, {"client_id": "'short'"}),
        ("clients_client_type_check", "clients", CLIENT, {"client_type": "'trusted'"}),
        ("clients_application_type_check", "clients", CLIENT, {"application_type": "'desktop'"}),
        ("clients_grant_types_check", "clients", CLIENT, {"grant_types": "'{password}'"}),
        ("clients_token_endpoint_auth_method_check", "clients", CLIENT, {"token_endpoint_auth_method": "'magic'"}),
        ("clients_public_has_no_secret_check", "clients", CLIENT, {"token_endpoint_auth_method": "'none'"}),
        (
            "clients_credentials_grant_check",
            "clients",
            CLIENT,
            {"client_type": "'public'", "token_endpoint_auth_method": "'none'"},
        ),
        ("clients_access_token_lifetime_check", "clients", CLIENT, {"access_token_lifetime_seconds": "86401"}),
        ("clients_refresh_limit_check", "clients", CLIENT, {"refresh_limit": "-1"}),
        ("clients_branding_logo_check", "clients", CLIENT, {"branding_logo": "decode(repeat('00', 65537), 'hex')"}),
        ("users_password_hash_check", "users", USER, {"password_hash": "'plain'"}),
        ("operators_name_check", "operators", OPERATOR, {"name": "'Ann Miller'"}),
        ("operators_digest_check", "operators", OPERATOR, {"digest": "'tso_'::bytea"}),
        ("operators_role_check", "operators", OPERATOR, {"role": "'root'"}),
        ("grants_code_digest_check", "grants", GRANT, {"code_digest": "'code'::bytea"}),
        ("grants_code_challenge_check", "grants", GRANT, {"code_challenge": "'c'"}),
        (
            "grants_code_challenge_method_check",
            "grants",
            GRANT,
            {"code_challenge": "'c'", "code_challenge_method": "'S512'"},
        ),
        ("grants_end_check", "grants", GRANT, {"ended_at": "now()"}),
        ("grants_end_reason_check", "grants", GRANT, {"ended_at": "now()", "end_reason": "'bored'"}),
        ("grants_refresh_check", "grants", GRANT, {"refresh_generation": "0"}),
        ("grants_rotations_check", "grants", GRANT, {"rotated_at": "ARRAY[now()]"}),
        ("audit_events_day_check", "audit_events", EVENT, {"occurred_at": "now() + interval '1 day'"}),
        ("audit_events_service_check", "audit_events", EVENT, {"service": "'introspect'"}),
        ("audit_events_event_check", "audit_events", EVENT, {"event": "'Token Issued'"}),
        ("audit_events_outcome_check", "audit_events", EVENT, {"outcome": "'maybe'"}),
        ("audit_events_attributes_check", "audit_events", EVENT, {"attributes": "'[]'"}),
        ("ended_sessions_digest_check", "ended_sessions", SESSION, {"digest": "'s'::bytea"}),
        ("scopes_name_check", "scopes", {"name": "'Read All'"}, {}),
        ("invalidations_kind_check", "invalidations", {"kind": "'gossip'", "key": "'k'"}, {}),
        ("client_secrets_client_id_fkey", "client_secrets", {"client_id": "'c'", "digest": OPERATOR["digest"]}, {}),
        ("client_scopes_client_id_fkey", "client_scopes", {"client_id": "'c'", "scope": "'introspect'"}, {}),
        ("services_resource_fkey", "services", {"resource": "'r'", "service": "'s'"}, {}),
        (
            "scope_covers_service_fkey",
            "scope_covers",
            {"scope": "'introspect'", "resource": "'r'", "service": "'s'"},
            {},
        ),
        ("resource_callers_resource_fkey", "resource_callers", {"resource": "'r'", "client_id": "'c'"}, {}),
    ],
)
def test_a_wrong_row_is_refused(
    rows: psycopg.Connection, constraint: str, table: str, row: dict[str, str], changed: dict[str, str]
) -> None:
    """A row that breaks a rule is refused by the constraint of that name."""
    with pytest.raises(psycopg.IntegrityError) as caught:
        rows.execute(insert(table, row, **changed))
    assert caught.value.diag.constraint_name == constraint


@pytest.mark.parametrize(
    ("constraint", "table", "row", "again"),
    [
        ("clients_name_version_key", "clients", CLIENT, {"client_id": "'zyxwvutsrqponmlkjihgfedcba'"}),
        ("grants_code_id_key", "grants", GRANT, {"grant_id": f"'{uuid4()}'"}),
        ("grants_pkey", "grants", GRANT, {"code_id": "'d'"}),
        ("users_username_key", "users", USER, {"user_id": f"'{uuid4()}'"}),
        ("operators_digest_key", "operators", OPERATOR, {"name": "'bob'"}),
        ("ended_sessions_pkey", "ended_sessions", SESSION, {"expires_at": "now() + interval '1 hour'"}),
    ],
)
def test_a_second_one_is_refused(
    rows: psycopg.Connection, constraint: str, table: str, row: dict[str, str], again: dict[str, str]
) -> None:
    """What must be unique is so by the constraint of that name."""
    rows.execute(insert(table, row))
    with pytest.raises(errors.UniqueViolation) as caught:
        rows.execute(insert(table, row, **again))
    assert caught.value.diag.constraint_name == constraint


def test_a_token_lies_in_the_hour_of_its_expiry(rows: psycopg.Connection) -> None:
    """A token whose bucket is not the hour of its expiry is refused."""
    rows.execute("CREATE TABLE partitions.access_tokens_7 PARTITION OF access_tokens FOR VALUES IN (7)")
    rows.execute(insert("access_tokens", TOKEN))
    with pytest.raises(errors.CheckViolation) as caught:
        rows.execute(insert("access_tokens", TOKEN, expires_at="to_timestamp(8 * 3600)"))
    assert caught.value.diag.constraint_name == "access_tokens_bucket_check"


@pytest.mark.parametrize("label", ["''", "repeat('é', 100)"])
def test_a_label_may_be_so_long(rows: psycopg.Connection, label: str) -> None:
    """A token's label has a hundred characters at the most."""
    rows.execute("CREATE TABLE partitions.access_tokens_7 PARTITION OF access_tokens FOR VALUES IN (7)")
    rows.execute(insert("access_tokens", TOKEN, label=label))
    with pytest.raises(errors.CheckViolation) as caught:
        rows.execute(insert("access_tokens", TOKEN, label=f"{label} || repeat('x', 101)"))
    assert caught.value.diag.constraint_name == "access_tokens_label_check"


def test_a_token_without_its_partition_is_refused(rows: psycopg.Connection) -> None:
    """There is no default partition to fall into."""
    with pytest.raises(errors.CheckViolation, match="no partition"):
        rows.execute(insert("access_tokens", TOKEN, bucket="9", expires_at="to_timestamp(9 * 3600)"))


# What the version before 0002 writes, to the column.
_ADD_CONSENT_OF_0001: LiteralString = """
INSERT INTO consents (user_id, client_id, scopes, scope_versions, redirect_uri)
SELECT user_id, client_id, '{}', '{}', 'u' FROM users, clients
ON CONFLICT (user_id, client_id) DO UPDATE SET scopes = excluded.scopes, scope_versions = excluded.scope_versions,
    redirect_uri = excluded.redirect_uri, updated_at = clock_timestamp()
"""
_ADD_GRANT_OF_0001: LiteralString = """
INSERT INTO grants
    (grant_id, code_id, code_digest, redemption_id, client_id, user_id, scopes, redirect_uri, redirect_uri_sent,
     code_challenge, code_challenge_method, client_epoch, user_epoch, consent_epoch, refresh_generation,
     refresh_digest, refresh_limit_left, refresh_idle_expires_at, refresh_expires_at)
VALUES
    (%(grant_id)s, %(grant_id)s::text, sha256('c'), gen_random_uuid(), 'c', gen_random_uuid(), '{}', 'u', true, 'x',
     'S256', 0, 0, 0, 0, sha256('r'), NULL, now() + interval '1 day', now() + interval '2 days')
"""
_ADD_TOKEN_OF_0001: LiteralString = """
INSERT INTO access_tokens
    (bucket, digest, grant_id, client_id, client_epoch, scopes, audience, issued_at, expires_at)
VALUES (7, sha256(%(grant_id)s::text::bytea), %(grant_id)s, 'c', 0, '{}', 'a', now(), to_timestamp(7 * 3600))
"""
_ROTATE_OF_0001: LiteralString = """
UPDATE grants SET refresh_generation = refresh_generation + 1, refresh_digest = sha256('s'),
    refresh_idle_expires_at = now() + interval '1 day', refreshed_at = now()
WHERE grant_id = %(grant_id)s
"""
_END_GRANT_OF_0001: LiteralString = """
UPDATE grants SET ended_at = clock_timestamp(), end_reason = 'code_replayed'
WHERE grant_id = %(grant_id)s AND ended_at IS NULL
"""


def write_as_0001(database: Database) -> None:
    """Write what the version before 0002 does, by its roles."""
    grant = {"grant_id": uuid4()}
    with database.connect("tallystick_authorize") as authorize, database.connect("tallystick_token") as token:
        authorize.execute(_ADD_CONSENT_OF_0001)
        for statement in (_ADD_GRANT_OF_0001, _ADD_TOKEN_OF_0001, _ROTATE_OF_0001, _END_GRANT_OF_0001):
            assert token.execute(statement, grant).rowcount == 1


async def refusal_of(database: Database) -> str:
    """Return what the services of this version say when they start on a database."""
    token = AsyncPostgres(database.dsn("tallystick_token"), name="token", size=1)
    with pytest.raises(SchemaTooOld) as caught:
        await token.open()
    await token.close()
    introspect = SyncPostgres(database.dsn("tallystick_introspect"), name="introspect", size=1)
    with pytest.raises(SchemaTooOld, match=str(caught.value)):
        introspect.open()
    introspect.close()
    return str(caught.value)


async def test_a_database_in_use_moves_from_0001_to_0002(databases: Databases) -> None:
    """What was there stays, what is new has its first value, and the version before goes on writing (promise 7)."""
    with databases.empty() as database:
        migrate(database.dsn(), to="0001")
        with database.connect() as owner:
            owner.execute(insert("clients", CLIENT))
            owner.execute(insert("users", USER))
        with database.connect("tallystick_partitions") as partitions:
            partitions.execute("CREATE TABLE partitions.access_tokens_7 PARTITION OF access_tokens FOR VALUES IN (7)")
        write_as_0001(database)
        with database.connect() as owner:
            owner.execute("UPDATE consents SET updated_at = '2026-01-02 03:04:05+00'")
        said = await refusal_of(database)
        assert said == "the database has schema 0001, this version needs 0003: run `tallystick migrate`"

        with database.connect() as reader:
            reader.execute("BEGIN")
            reader.execute("TABLE access_tokens")
            with pytest.raises(errors.LockNotAvailable):
                migrate(database.dsn(), to="0002")
        assert await refusal_of(database) == said
        assert migrate(database.dsn(), to="0002") == "0002"
        with database.connect() as owner:
            assert owner.execute("SELECT label, revoked_at FROM access_tokens").fetchall() == [
                {"label": "", "revoked_at": None}
            ]
            [consent] = owner.execute("SELECT given_at, updated_at FROM consents").fetchall()
            [grant] = owner.execute("SELECT end_reason, access_expires_at FROM grants").fetchall()
            days = owner.execute(
                "SELECT array_agg(substr(relname, 14)::integer - floor(extract(epoch FROM now()) / 86400)::integer"
                " ORDER BY relname) AS ahead FROM pg_class WHERE relname ~ '^audit_events_[0-9]+$'"
            ).fetchone()
        assert consent["given_at"] == consent["updated_at"]
        assert (grant, days) == (
            {"end_reason": "code_replayed", "access_expires_at": None},
            {"ahead": list(range(8))},
        )
        write_as_0001(database)


async def test_a_database_in_use_moves_from_0002_to_0003(databases: Databases) -> None:
    """The log begins with a row and policy with its version, and the version before goes on writing (promise 7)."""
    with databases.empty() as database:
        migrate(database.dsn(), to="0002")
        with database.connect() as owner:
            owner.execute(insert("clients", CLIENT))
            owner.execute(insert("users", USER))
        with database.connect("tallystick_partitions") as partitions:
            partitions.execute("CREATE TABLE partitions.access_tokens_7 PARTITION OF access_tokens FOR VALUES IN (7)")
        write_as_0001(database)
        log_as_0002(database)
        said = await refusal_of(database)
        assert said == "the database has schema 0002, this version needs 0003: run `tallystick migrate`"

        assert migrate(database.dsn()) == REQUIRED
        assert policy_of(database) == (newest := position_of(database))
        with database.connect() as owner:
            [terms] = owner.execute("SELECT granted_ms, waited_ms FROM lease_terms").fetchall()
        assert terms == {"granted_ms": 1000, "waited_ms": 1000}
        write_as_0001(database)
        log_as_0002(database)
        assert newest < policy_of(database) < position_of(database)


def log_as_0002(database: Database) -> None:
    """Write the log as the version before 0003 does: a change of policy, then the end of a grant."""
    with database.connect("tallystick_authorize") as authorize, database.connect("tallystick_token") as token:
        authorize.execute("INSERT INTO invalidations (kind, key) VALUES ('policy', 'photos.read')")
        token.execute("INSERT INTO invalidations (kind, key) VALUES ('grant', 'g')")


def policy_of(database: Database) -> int:
    with database.connect("tallystick_introspect") as introspect:
        [row] = introspect.execute("SELECT version FROM policy").fetchall()
    return int(row["version"])


def position_of(database: Database) -> int:
    with database.connect("tallystick_introspect") as introspect:
        [row] = introspect.execute("SELECT max(position) AS newest FROM invalidations").fetchall()
    return int(row["newest"])


def test_positions_become_visible_in_order(database: Database) -> None:
    """A second writer of invalidations waits for the first, so whoever has read a position has read all before it."""
    statement = "INSERT INTO invalidations (kind, key) VALUES ('grant', 'k')"
    with (
        psycopg.connect(database.dsn("tallystick_token")) as first,
        psycopg.connect(
            database.dsn("tallystick_authorize"), options="-c role=tallystick_authorize -c lock_timeout=200ms"
        ) as second,
    ):
        first.execute(statement)
        with pytest.raises(errors.LockNotAvailable):
            second.execute(statement)
        second.rollback()
        first.commit()
        second.execute(statement)


def test_every_constraint_has_a_name_of_ours(database: Database) -> None:
    """Every constraint is named after its table, so that adapters can tell which rule was broken."""
    with database.connect() as connection:
        found = connection.execute(
            "SELECT conrelid::regclass::text AS table, conname AS name FROM pg_constraint"
            " WHERE connamespace = 'public'::regnamespace AND contype <> 'n' AND conrelid <> 0"
        ).fetchall()
    assert [row for row in found if not str(row["name"]).startswith(f"{row['table']}_")] == []
