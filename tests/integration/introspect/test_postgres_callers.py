"""Clients that want to ask, as rows."""

from datetime import datetime, timedelta

import pytest

from services.introspect.leased_records import LeasedRecords
from tallystick.oauth2.client import AuthMethod
from tallystick.oauth2.client_authentication import PresentedCredentials, authenticate
from tallystick.oauth2.errors import InvalidClient
from tallystick.oauth2.opaque_token import digest
from tallystick.runtime.postgres import SyncPostgres
from tests.integration.introspect.rows import Rows


@pytest.mark.parametrize("method", list(AuthMethod))
def test_a_client_is_read_with_its_method(rows: Rows, records: LeasedRecords, method: AuthMethod) -> None:
    """The registered method and the digests of the secrets arrive (CAUTH-04)."""
    client = rows.client(auth_method=method)
    found = records.client(client.client_id).client
    assert found is not None
    assert (found.client_id, found.auth_method, found.enabled) == (client.client_id, method, True)
    expected = [] if method is AuthMethod.NONE else [digest(client.secret)]
    assert [secret.digest for secret in found.secrets] == expected


def test_each_secret_keeps_its_own_end(rows: Rows, records: LeasedRecords) -> None:
    """Of several secrets only the one that has ended stops working (CAUTH-08)."""
    client = rows.client()
    ending = rows.secret(client.client_id, lasts=timedelta(hours=1))
    ended = rows.secret(client.client_id, lasts=timedelta(hours=-1))
    found = records.client(client.client_id)

    def present(secret: str) -> None:
        credentials = PresentedCredentials(client.client_id, AuthMethod.CLIENT_SECRET_BASIC, secret)
        authenticate(credentials, found.client, now=found.now)

    present(client.secret)
    present(ending)
    with pytest.raises(InvalidClient):
        present(ended)


def test_a_disabled_client_is_read_as_such(rows: Rows, records: LeasedRecords) -> None:
    """Whether a client is enabled is read with it."""
    client = rows.client()
    rows.execute("UPDATE clients SET enabled = false WHERE client_id = %(client_id)s", client_id=client.client_id)
    found = records.client(client.client_id).client
    assert found is not None
    assert not found.enabled


@pytest.mark.parametrize("client_id", ["", "nobody", "' OR true --", "ü", "a" * 10_000])
def test_an_unknown_client_is_none(records: LeasedRecords, client_id: str) -> None:
    """Whatever is asked for, an unknown client is no error (CAUTH-06)."""
    assert records.client(client_id).client is None


@pytest.mark.parametrize("known", [True, False])
def test_secrets_are_judged_by_the_time_of_the_database(
    rows: Rows, postgres: SyncPostgres, records: LeasedRecords, *, known: bool
) -> None:
    """The time that comes with a client, or with none, is the database's (CAUTH-08)."""
    client_id = rows.client().client_id if known else "nobody"
    before, found, after = time_of(postgres), records.client(client_id), time_of(postgres)
    assert before <= found.now <= after


def time_of(postgres: SyncPostgres) -> datetime:
    row = postgres.one("SELECT clock_timestamp() AS now")
    assert row is not None
    now: datetime = row["now"]
    return now
