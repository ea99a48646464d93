"""`POST /oauth2/revoke` over HTTP and real Postgres: what comes back, and what is left (RFC 7009)."""

import json
import secrets

import httpx
import pytest

from tallystick.oauth2.opaque_token import digest, new_access_token
from tests.integration.token.desk import Client, Desk

FORM = {"content-type": "application/x-www-form-urlencoded"}

_ADD_BESIDE = """
INSERT INTO access_tokens (bucket, digest, grant_id, client_id, client_epoch, scopes, audience, issued_at, expires_at)
SELECT %s, %s, grant_id, client_id, client_epoch, scopes, audience, issued_at, %s FROM access_tokens WHERE digest = %s
"""


@pytest.fixture(scope="module")
def public(desk: Desk) -> Client:
    return desk.register()


@pytest.fixture(scope="module")
def robot(desk: Desk) -> Client:
    return desk.register("client_secret_basic")


def own_token(desk: Desk, robot: Client) -> str:
    """Return a fresh token of client credentials."""
    token: str = desk.post(robot, {"grant_type": "client_credentials"}).json()["access_token"]
    return token


def assert_revoked(answer: httpx.Response) -> None:
    """Check that nothing is said, and never cached (RFC 7009 §2.2)."""
    assert (answer.status_code, answer.content) == (200, b""), answer.text
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "set-cookie" not in answer.headers


def assert_error(answer: httpx.Response, status: int, error: str) -> None:
    """Check an error to the last member (RFC 6749 §5.2)."""
    assert (answer.status_code, answer.json()["error"]) == (status, error), answer.text
    assert set(answer.json()) == {"error", "error_description"}
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("kind", ["access_token", "refresh_token"])
@pytest.mark.parametrize("auth_method", ["none", "client_secret_basic", "client_secret_post"])
def test_either_token_of_a_grant(desk: Desk, auth_method: str, kind: str) -> None:
    """Either token ends the grant at once, whatever the client; log and audit hear of it (REVO-01, REVO-02)."""
    client = desk.register(auth_method)
    tokens = desk.redeem(client, code := desk.code(client)).json()
    assert_revoked(desk.revoke(client, tokens[kind]))
    grant = desk.grant_of(code)
    assert (grant["end_reason"], grant["ended_at"] is not None) == ("revoked_by_client", True)
    assert_error(desk.refresh(client, tokens["refresh_token"]), 400, "invalid_grant")
    told = "SELECT array_agg(event ORDER BY occurred_at) AS events FROM audit_events"
    about = " WHERE grant_id = %s AND actor = %s AND event IN ('token_revoked', 'grant_ended')"
    row = desk.row(told + about, grant["grant_id"], f"client:{client.client_id}")
    assert row == {"events": ["token_revoked", "grant_ended"]}
    logged = "SELECT count(*) AS times FROM invalidations WHERE kind = 'grant' AND key = %s"
    assert desk.row(logged, str(grant["grant_id"])) == {"times": 1}


def test_a_token_of_its_own(desk: Desk, robot: Client) -> None:
    """A token of client credentials is marked, logged by its digest and told to the audit, once for ever (REVO-02)."""
    token, another = own_token(desk, robot), own_token(desk, robot)
    for _ in range(3):
        assert_revoked(desk.revoke(robot, token))
    for each, revoked in ((token, True), (another, False)):
        row = desk.token_row(each)
        assert row is not None
        assert (row["revoked_at"] is not None) == revoked
    logged = "SELECT count(*) AS times FROM invalidations WHERE kind = 'token' AND key = %s"
    assert desk.row(logged, digest(token).hex()) == {"times": 1}
    told = "SELECT count(*) AS times FROM audit_events WHERE event = 'token_revoked' AND client_id = %s"
    assert desk.row(told, robot.client_id) == {"times": 1}


def test_what_is_over_already(desk: Desk, public: Client) -> None:
    """Nonsense, an expired token, one already revoked and one of a grant that is gone are no errors (REVO-03)."""
    tokens = desk.redeem(public, code := desk.code(public)).json()
    for _ in range(2):
        assert_revoked(desk.revoke(public, tokens["refresh_token"]))
        assert_revoked(desk.revoke(public, tokens["access_token"]))
    with desk.database.connect() as owner:
        owner.execute("DELETE FROM grants WHERE code_id = %s", (code.code_id,))
    for token in (*(tokens[kind] for kind in ("access_token", "refresh_token")), "nonsense", "tsa_é", "tsr_\x7f"):
        assert_revoked(desk.revoke(public, token))


def test_an_expired_access_token_ends_nothing(desk: Desk, public: Client) -> None:
    """What has expired by the database's clock stands for nothing any more (REVO-03)."""
    tokens = desk.redeem(public, code := desk.code(public)).json()
    row = desk.row("SELECT greatest(date_trunc('hour', now()), now() - interval '1 s') AS moment")
    assert row is not None
    expired = new_access_token(secrets.token_bytes(32), row["moment"])
    with desk.database.connect() as owner:
        owner.execute(_ADD_BESIDE, (expired.bucket, expired.digest, row["moment"], digest(tokens["access_token"])))
    assert_revoked(desk.revoke(public, expired.text))
    assert desk.grant_of(code)["ended_at"] is None


@pytest.mark.parametrize("kind", ["access_token", "refresh_token"])
@pytest.mark.parametrize("hint", ["access_token", "refresh_token", "id_token", '"\\<x>'])
def test_a_hint_is_only_a_hint(desk: Desk, public: Client, kind: str, hint: str) -> None:
    """A hint that is wrong or unknown keeps nothing from being found (REVO-05)."""
    tokens = desk.redeem(public, code := desk.code(public)).json()
    assert_revoked(desk.revoke(public, tokens[kind], token_type_hint=hint))
    assert desk.grant_of(code)["end_reason"] == "revoked_by_client"


def test_a_token_is_needed(desk: Desk, public: Client) -> None:
    """Without token, or with an empty one, the request is invalid (REVO-05)."""
    assert_error(desk.revoke(public, ""), 400, "invalid_request")
    assert_error(desk.http.post(desk.revocation_url, data=public.form), 400, "invalid_request")


def test_another_clients_tokens_stay_alive(desk: Desk, public: Client, robot: Client) -> None:
    """No other client, public or confidential, can end a token, and the audit hears of the attempt (D-05, REVO-04)."""
    tokens = desk.redeem(public, code := desk.code(public)).json()
    stranger = desk.register()
    for other in (robot, stranger):
        for kind in ("access_token", "refresh_token"):
            assert_error(desk.revoke(other, tokens[kind]), 400, "invalid_grant")
    token = own_token(desk, robot)
    assert_error(desk.revoke(public, token), 400, "invalid_grant")
    row = desk.token_row(token)
    assert row is not None
    assert (row["revoked_at"], desk.grant_of(code)["ended_at"]) == (None, None)
    assert desk.refresh(public, tokens["refresh_token"]).status_code == 200
    told = "SELECT count(*) AS times FROM audit_events WHERE event = 'revocation_refused' AND grant_id = %s"
    assert desk.row(told, desk.grant_of(code)["grant_id"]) == {"times": 4}


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH", "HEAD"])
def test_only_post_is_answered(desk: Desk, public: Client, method: str) -> None:
    """Other methods get 405, JSONP among them, and end nothing (REVO-07, GEN-05)."""
    tokens = desk.redeem(public, code := desk.code(public)).json()
    query = {"token": tokens["access_token"], "callback": "package.callback", **public.form}
    answer = desk.http.request(method, desk.revocation_url, params=query)
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")
    assert "package.callback" not in answer.text
    assert desk.grant_of(code)["ended_at"] is None


def test_the_query_has_no_effect(desk: Desk, public: Client) -> None:
    """A token in the query is not read, and one in both places was sent twice (GEN-03, GEN-05)."""
    tokens = desk.redeem(public, code := desk.code(public)).json()
    query = {"token": tokens["access_token"]}
    assert_error(desk.http.post(desk.revocation_url, params=query, data=public.form), 400, "invalid_request")
    answer = desk.http.post(desk.revocation_url, params=query, data={**query, **public.form})
    assert_error(answer, 400, "invalid_request")
    assert desk.grant_of(code)["ended_at"] is None


@pytest.mark.parametrize("name", ["token", "token_type_hint", "client_id"])
def test_no_parameter_may_repeat(desk: Desk, public: Client, name: str) -> None:
    """A known parameter sent twice is refused, alike or not (GEN-03)."""
    body = f"token=x&client_id={public.client_id}&token_type_hint=access_token&{name}=x"
    assert_error(desk.http.post(desk.revocation_url, content=body, headers=FORM), 400, "invalid_request")


def test_only_a_form_is_read(desk: Desk, public: Client) -> None:
    """Another media type is refused (GEN-05)."""
    body = json.dumps({"token": "x", "client_id": public.client_id})
    answer = desk.http.post(desk.revocation_url, content=body, headers={"content-type": "application/json"})
    assert_error(answer, 400, "invalid_request")


def test_without_the_audit_a_token_is_revoked(desk: Desk, robot: Client) -> None:
    """A revocation that no event can tell of is done and answered as any other, and the log has the event (REVO-06)."""
    token = own_token(desk, robot)
    row = desk.row("SELECT floor(extract(epoch FROM now()) / 86400)::int AS day")
    assert row is not None
    partition = f"partitions.audit_events_{row['day']}"
    with desk.database.connect() as owner:
        owner.execute(f"ALTER TABLE audit_events DETACH PARTITION {partition}")
        try:
            assert_revoked(desk.revoke(robot, token))
        finally:
            owner.execute(f"ALTER TABLE audit_events ATTACH PARTITION {partition} FOR VALUES IN ({row['day']})")
    found = desk.token_row(token)
    assert found is not None
    assert found["revoked_at"] is not None


def test_what_cannot_be_revoked_is_not_said_to_be(desk: Desk, robot: Client) -> None:
    """While its row cannot be written the answer is 503, and the token is revoked when asked again (REVO-06)."""
    token = own_token(desk, robot)
    with desk.database.connect() as owner:
        owner.execute("BEGIN")
        owner.execute("LOCK TABLE access_tokens IN EXCLUSIVE MODE")
        answer = desk.revoke(robot, token)
        owner.execute("ROLLBACK")
    assert_error(answer, 503, "temporarily_unavailable")
    assert int(answer.headers["retry-after"]) >= 1
    found = desk.token_row(token)
    assert found is not None
    assert found["revoked_at"] is None
    assert_revoked(desk.revoke(robot, token))


def test_no_secret_is_logged(desk: Desk) -> None:
    """Neither the log nor the audit holds a token that was revoked or refused (GEN-11)."""
    client, other = desk.register("client_secret_basic"), desk.register()
    tokens = desk.redeem(client, desk.code(client)).json()
    for kind in ("access_token", "refresh_token"):
        desk.revoke(other, tokens[kind])
        desk.revoke(client, tokens[kind])
    desk.http.post(desk.revocation_url, data={"token": "x", "client_id": tokens["refresh_token"]})
    with desk.database.connect() as owner:
        kept = repr(owner.execute("SELECT * FROM audit_events").fetchall())
    written = desk.output() + kept
    assert "revocation_refused" in written
    assert not [
        secret
        for secret in (client.secret, *map(tokens.get, tokens))
        if str(secret) in written and len(str(secret)) > 40
    ]
