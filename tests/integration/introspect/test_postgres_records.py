"""Whatever happens to the rows behind a token shows in the next answer."""

from dataclasses import replace
from datetime import timedelta
from typing import LiteralString

import pytest
from psycopg import errors

from services.introspect.adapters.postgres_callers import FIND_CALLERS
from services.introspect.adapters.postgres_records import (
    FIND_ACCESS_TOKENS,
    FIND_POLICIES,
    FIND_REFRESH_TOKENS,
)
from services.introspect.introspection import Introspect
from services.introspect.leased_records import LeasedRecords
from services.introspect.model import INACTIVE, LEASED, Introspection, Known, Question
from tallystick.oauth2.opaque_token import AccessToken
from tallystick.runtime.failures import Failure
from tallystick.runtime.lease.log import CONFIRMED_READ, READ
from tallystick.runtime.postgres import SyncPostgres
from tests.integration.introspect.conftest import ISSUER, ROLE
from tests.integration.introspect.rows import ClientRow, GrantRow, Rows
from tests.support.databases import Database

PHOTOS = "https://photos.example"


class Seen:
    """An app, the resource server that is asked, bob's grant and its access token."""

    def __init__(self, rows: Rows, records: LeasedRecords) -> None:
        self.rows = rows
        self.app: ClientRow = rows.client("photos.read", "photos.print")
        self.api: ClientRow = rows.client(serves=[PHOTOS])
        self.grant: GrantRow = rows.grant(self.app, "photos.read", "photos.print")
        self.token: AccessToken = rows.access_token(self.app, "photos.read", audience=PHOTOS, grant=self.grant)
        self._introspect = Introspect(records, ISSUER)

    def introspect(self, token: str, caller: str) -> Introspection:
        """What a client is told of a token."""
        return self._introspect(Question(token), caller)

    def access_token(self) -> Introspection:
        """What the resource server is told of the access token."""
        return self.introspect(self.token.text, self.api.client_id)

    def refresh_token(self) -> Introspection:
        """What the app is told of its refresh token."""
        return self.introspect(str(self.grant.refresh_token), self.app.client_id)

    def change(self, statement: LiteralString) -> None:
        """Change a row, which the statement picks by the ids of these."""
        user = self.grant.user
        self.rows.execute(statement, client_id=self.app.client_id, user_id=user.user_id, grant_id=self.grant.grant_id)


@pytest.fixture
def seen(rows: Rows, records: LeasedRecords) -> Seen:
    """A fresh set of rows."""
    return Seen(rows, records)


def test_a_live_access_token(seen: Seen) -> None:
    """The record of a token of a grant says all that is to be known (INTR-04)."""
    answer = seen.access_token()
    assert answer == Introspection(
        active=True,
        scopes=("photos.read",),
        client_id=seen.app.client_id,
        username=seen.grant.user.username,
        token_type="Bearer",
        exp=answer.exp,
        iat=answer.iat,
        sub=f"user:{seen.grant.user.user_id}",
        aud=(PHOTOS,),
        iss=ISSUER,
    )
    assert answer.exp - answer.iat == 600


def test_a_live_token_of_a_client(seen: Seen) -> None:
    """A token without a grant speaks for its client (RFC 6749 §4.4)."""
    token = seen.rows.access_token(seen.app, "photos.read", audience=PHOTOS)
    answer = seen.introspect(token.text, seen.api.client_id)
    assert (answer.active, answer.sub, answer.username) == (True, f"client:{seen.app.client_id}", "")


def test_a_live_refresh_token(seen: Seen) -> None:
    """Its end is the nearer of the idle and the absolute one (INTR-06)."""
    answer = seen.refresh_token()
    assert (answer.active, answer.scopes, answer.token_type) == (True, ("photos.read", "photos.print"), "")
    assert answer.exp - answer.iat == timedelta(days=14).total_seconds()


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE clients SET enabled = false WHERE client_id = %(client_id)s",
        "UPDATE clients SET epoch = epoch + 1 WHERE client_id = %(client_id)s",
        "DELETE FROM clients WHERE client_id = %(client_id)s",
        "DELETE FROM client_scopes WHERE client_id = %(client_id)s",
        "UPDATE users SET enabled = false WHERE user_id = %(user_id)s",
        "UPDATE users SET epoch = epoch + 1 WHERE user_id = %(user_id)s",
        "DELETE FROM users WHERE user_id = %(user_id)s",
        "UPDATE consents SET epoch = epoch + 1 WHERE user_id = %(user_id)s",
        "DELETE FROM consents WHERE user_id = %(user_id)s",
        """UPDATE grants SET ended_at = clock_timestamp(), end_reason = 'revoked_by_operator'
           WHERE grant_id = %(grant_id)s""",
        "UPDATE grants SET client_epoch = 1 WHERE grant_id = %(grant_id)s",
        "UPDATE grants SET user_epoch = 1 WHERE grant_id = %(grant_id)s",
        "UPDATE grants SET consent_epoch = 1 WHERE grant_id = %(grant_id)s",
        "DELETE FROM grants WHERE grant_id = %(grant_id)s",
    ],
)
def test_what_ends_a_grant_ends_its_tokens(seen: Seen, change: LiteralString) -> None:
    """Disabled, revoked, withdrawn, deleted: the next answer is inactive for both tokens (INTR-03, INTR-07)."""
    assert seen.access_token().active
    assert seen.refresh_token().active
    seen.change(change)
    assert seen.access_token() == INACTIVE
    assert seen.refresh_token() == INACTIVE


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE access_tokens SET client_epoch = 1 WHERE grant_id = %(grant_id)s",
        "UPDATE access_tokens SET scopes = '{}' WHERE grant_id = %(grant_id)s",
        "UPDATE access_tokens SET grant_id = gen_random_uuid() WHERE grant_id = %(grant_id)s",
        "DELETE FROM access_tokens WHERE grant_id = %(grant_id)s",
        "DELETE FROM resource_callers WHERE %(grant_id)s IS NOT NULL",
    ],
)
def test_what_ends_an_access_token_alone(seen: Seen, change: LiteralString) -> None:
    """A token may die, or be no more of the caller's business, while its grant lives on (INTR-03, INTR-06)."""
    seen.change(change)
    assert seen.access_token() == INACTIVE
    assert seen.refresh_token().active


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE grants SET refresh_generation = 1 WHERE grant_id = %(grant_id)s",
        "UPDATE grants SET refresh_digest = sha256('other') WHERE grant_id = %(grant_id)s",
        "UPDATE clients SET grant_types = '{authorization_code}' WHERE client_id = %(client_id)s",
        "UPDATE grants SET refresh_limit_left = 0 WHERE grant_id = %(grant_id)s",
        "UPDATE grants SET refresh_idle_expires_at = clock_timestamp() WHERE grant_id = %(grant_id)s",
        "UPDATE grants SET refresh_expires_at = clock_timestamp() WHERE grant_id = %(grant_id)s",
        """UPDATE grants SET refresh_generation = NULL, refresh_digest = NULL, refresh_idle_expires_at = NULL,
           refresh_expires_at = NULL WHERE grant_id = %(grant_id)s""",
    ],
)
def test_what_ends_a_refresh_token_alone(seen: Seen, change: LiteralString) -> None:
    """A refresh token is rotated away, spent or too old while access tokens live on (INTR-03)."""
    seen.change(change)
    assert seen.refresh_token() == INACTIVE
    assert seen.access_token().active


def test_a_scope_that_is_deleted_drops_out(seen: Seen) -> None:
    """A token reaches what its client may ask for now."""
    seen.rows.client("short.lived")
    app = seen.rows.client("photos.read", "short.lived")
    token = seen.rows.access_token(app, "photos.read", "short.lived", audience=PHOTOS)
    seen.change("DELETE FROM scopes WHERE name = 'short.lived' AND %(grant_id)s IS NOT NULL")
    assert seen.introspect(token.text, seen.api.client_id).scopes == ("photos.read",)


def test_disabling_is_reversible(seen: Seen) -> None:
    """A client that is enabled again has its tokens back."""
    seen.change("UPDATE clients SET enabled = false WHERE client_id = %(client_id)s")
    seen.change("UPDATE clients SET enabled = true WHERE client_id = %(client_id)s")
    assert seen.access_token().active


def test_an_expired_token_is_inactive(seen: Seen) -> None:
    """Postgres's clock decides, and the row may still be there (INTR-03)."""
    token = seen.rows.access_token(seen.app, "photos.read", audience=PHOTOS, lasts=timedelta(seconds=-1))
    assert seen.introspect(token.text, seen.api.client_id) == INACTIVE


def test_a_token_of_a_dropped_partition_is_inactive(seen: Seen) -> None:
    """A bucket without a partition holds nothing."""
    token = seen.rows.access_token(seen.app, "photos.read", audience=PHOTOS, lasts=timedelta(hours=-900))
    seen.rows.execute(f"DROP TABLE partitions.access_tokens_{token.bucket}")  # type: ignore[arg-type]  # a number of ours
    assert seen.introspect(token.text, seen.api.client_id) == INACTIVE


def known_of(records: LeasedRecords, token: AccessToken) -> Known | Failure:
    [known] = records.access_tokens([(token, LEASED)])
    return known


def test_a_token_in_another_bucket_is_not_found(seen: Seen, records: LeasedRecords) -> None:
    """The bucket that the token names is the only place where it is looked for."""
    here = known_of(records, seen.token)
    elsewhere = known_of(records, replace(seen.token, bucket=seen.token.bucket + 1))
    assert isinstance(here, Known)
    assert isinstance(elsewhere, Known)
    assert here.record is not None
    assert elsewhere.record is None


def test_a_batch_answers_each_token_by_itself(seen: Seen, records: LeasedRecords) -> None:
    """Of several tokens in one read each gets its own record, in the order of the questions (INTR-07)."""
    tokens = [seen.rows.access_token(seen.app, "photos.read", audience=f"https://{n}.example") for n in range(5)]
    tokens.insert(2, replace(seen.token, text="tsa_unknown"))
    found = records.access_tokens([(token, LEASED) for token in tokens])
    audiences = [known.record and known.record.audience for known in found if isinstance(known, Known)]
    expected: list[str | None] = [f"https://{n}.example" for n in range(5)]
    expected.insert(2, None)
    assert audiences == expected


PARTITIONS = 12


@pytest.mark.parametrize("mode", ["force_custom_plan", "force_generic_plan"])
def test_a_batch_reads_one_index_of_each_partition_that_it_names(seen: Seen, database: Database, mode: str) -> None:
    """However the statement is planned, of all partitions only those named are touched (section 7 of the design)."""
    tokens = [
        seen.rows.access_token(seen.app, "photos.read", audience=PHOTOS, lasts=timedelta(hours=hours))
        for hours in range(1, PARTITIONS + 1)
    ]
    asked = [seen.token, tokens[4], tokens[10]]
    named = {token.bucket for token in asked}
    values = {"digests": [token.digest for token in asked], "buckets": [token.bucket for token in asked]}
    with database.connect(ROLE) as connection:
        connection.execute("SELECT set_config('plan_cache_mode', %s, false)", (mode,))
        connection.execute("SET enable_seqscan = off")
        for _ in range(7):
            connection.execute(READ + FIND_ACCESS_TOKENS, values, prepare=True)
        explain: LiteralString = "EXPLAIN (ANALYZE, COSTS OFF) " + READ + FIND_ACCESS_TOKENS
        plan = connection.execute(explain, values, prepare=True).fetchall()
    touched = [line["QUERY PLAN"] for line in plan if "on access_tokens_" in line["QUERY PLAN"]]
    ran = [line for line in touched if "never executed" not in line]
    assert len(touched) >= PARTITIONS
    assert len(ran) == len(named)
    for bucket in named:
        assert [line for line in ran if f"access_tokens_{bucket}_pkey" in line]


STATEMENTS = {
    "access tokens": FIND_ACCESS_TOKENS,
    "refresh tokens": FIND_REFRESH_TOKENS,
    "policies": FIND_POLICIES,
    "callers": FIND_CALLERS,
}


@pytest.mark.parametrize("beginning", [READ, CONFIRMED_READ], ids=["plain", "confirmed"])
@pytest.mark.parametrize("statement", STATEMENTS.values(), ids=STATEMENTS)
def test_the_statements_lock_nothing_and_write_nothing(
    statement: LiteralString, beginning: LiteralString, database: Database
) -> None:
    """Every question runs in a transaction that may only read."""
    values = {
        "digests": [b"d" * 32],
        "buckets": [1],
        "grant_ids": ["00000000-0000-4000-8000-000000000000"],
        "resources": [PHOTOS],
        "client_ids": ["nobody"],
    }
    with database.connect(ROLE) as connection:
        connection.execute("SET default_transaction_read_only = on")
        [row] = connection.execute(beginning + statement, values).fetchall()
    assert row["timeline"] == "00000001"
    assert row["now"] is not None


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT password_hash FROM users",
        "SELECT * FROM users",
        "SELECT rotation_nonces FROM grants",
        "SELECT rotated_digests FROM grants",
        "SELECT code_digest FROM grants",
        "SELECT code_challenge FROM grants",
        "UPDATE operators SET role = 'admin'",
        "SELECT redirect_uris FROM clients",
        "INSERT INTO invalidations (kind, key) VALUES ('token', 'x')",
        "UPDATE clients SET enabled = true",
        "DELETE FROM access_tokens",
        "UPDATE grants SET ended_at = NULL",
        "CREATE TABLE mine ()",
    ],
)
def test_introspect_may_read_what_it_needs_and_nothing_else(database: Database, statement: LiteralString) -> None:
    """The role of introspect sees no password, nonce or code, and writes nowhere (GEN-11)."""
    with database.connect(ROLE) as connection, pytest.raises(errors.InsufficientPrivilege):
        connection.execute(statement)


def test_the_pool_of_introspect_uses_its_role(postgres: SyncPostgres) -> None:
    """The tests here see what the service sees."""
    row = postgres.one("SELECT current_user AS role")
    assert row == {"role": ROLE}
