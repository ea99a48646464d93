"""`POST /oauth2/token` over HTTP: what comes back, to the header."""

import json

import httpx
import pytest

from tallystick.oauth2.opaque_token import parse_access_token
from tests.fakes.authorize_service import REDIRECT_URI, VERIFIER
from tests.integration.token.desk import ISSUER, PHOTOS, SCOPES, Client, Desk

FORM = {"content-type": "application/x-www-form-urlencoded"}
CHALLENGE = 'Basic realm="tallystick"'


@pytest.fixture(scope="module")
def public(desk: Desk) -> Client:
    return desk.register()


@pytest.fixture(scope="module")
def robot(desk: Desk) -> Client:
    return desk.register("client_secret_basic", scopes=SCOPES)


def assert_error(answer: httpx.Response, status: int, error: str) -> None:
    """Check an error to the last member (RFC 6749 §5.2)."""
    assert (answer.status_code, answer.json()["error"]) == (status, error), answer.text
    assert set(answer.json()) == {"error", "error_description"}
    assert answer.headers["content-type"] == "application/json"
    assert all(character in {"!", *map(chr, range(0x20, 0x7F))} - {'"', "\\"} for character in description(answer))
    assert_never_cached(answer)


def description(answer: httpx.Response) -> str:
    """Return the words of an error."""
    words: str = answer.json()["error_description"]
    return words


def assert_never_cached(answer: httpx.Response) -> None:
    """Check the headers that every answer has."""
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["pragma"] == "no-cache"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "set-cookie" not in answer.headers
    assert "access-control-allow-credentials" not in answer.headers


# What is issued


def test_a_code_is_exchanged(desk: Desk, public: Client) -> None:
    """The answer to a code has all members of RFC 6749 §5.1, scope included (TOK-01, GEN-02)."""
    answer = desk.redeem(public, code := desk.code(public, ("photos.read", "photos.write")))
    assert answer.status_code == 200
    assert_never_cached(answer)
    body = answer.json()
    assert set(body) == {"access_token", "token_type", "expires_in", "scope", "refresh_token"}
    assert (body["token_type"], body["expires_in"], body["scope"]) == ("Bearer", 600, "photos.read photos.write")
    grant, token = desk.grant_of(code), desk.token_row(body["access_token"])
    assert token is not None
    assert (token["grant_id"], token["audience"], token["scopes"]) == (grant["grant_id"], PHOTOS, grant["scopes"])
    assert grant["user_id"] == desk.user_id


def test_a_refresh_token_is_exchanged(desk: Desk, public: Client) -> None:
    """A refresh gives a new pair (REFR-02)."""
    first = desk.redeem(public, desk.code(public)).json()
    answer = desk.refresh(public, first["refresh_token"])
    assert answer.status_code == 200
    assert set(answer.json()) == set(first)
    assert answer.json()["refresh_token"] != first["refresh_token"]


@pytest.mark.parametrize("auth_method", ["client_secret_basic", "client_secret_post"])
def test_client_credentials_are_exchanged(desk: Desk, auth_method: str) -> None:
    """A client's own token comes without refresh token, by either method (CC-02, CAUTH-01)."""
    robot = desk.register(auth_method, scopes=("introspect",), access_token_lifetime=77)
    answer = desk.post(robot, {"grant_type": "client_credentials"})
    body = answer.json()
    assert set(body) == {"access_token", "token_type", "expires_in", "scope"}
    assert (body["expires_in"], body["scope"]) == (77, "introspect")
    row = desk.token_row(body["access_token"])
    assert row is not None
    assert (row["grant_id"], row["client_id"], row["audience"]) == (None, robot.client_id, ISSUER)


def test_a_token_lies_where_it_says(desk: Desk, robot: Client) -> None:
    """The bucket in the token is its partition, and its times are the database's."""
    body = desk.post(robot, {"grant_type": "client_credentials", "scope": "profile"}).json()
    token = parse_access_token(body["access_token"])
    assert token is not None
    row = desk.row(
        "SELECT tableoid::regclass::text AS partition, expires_at - issued_at AS lifetime,"
        " clock_timestamp() - issued_at AS age FROM access_tokens WHERE digest = %s",
        token.digest,
    )
    assert row is not None
    assert row["partition"] == f"partitions.access_tokens_{token.bucket}"
    assert row["lifetime"].total_seconds() == 600
    assert 0 <= row["age"].total_seconds() < 5


def test_credentials_are_form_decoded(desk: Desk, robot: Client) -> None:
    """Basic credentials are form-encoded before base64, as RFC 6749 has it (CAUTH-01)."""
    encoded = "".join(f"%{ord(character):02x}" for character in robot.client_id)
    answer = desk.http.post(
        desk.url, data={"grant_type": "client_credentials", "scope": "profile"}, auth=(encoded, robot.secret or "")
    )
    assert answer.status_code == 200


def test_a_charset_may_be_named(desk: Desk, robot: Client) -> None:
    """A media type with parameters, in any case, is still a form (GEN-05)."""
    headers = {"content-type": "Application/X-WWW-Form-URLencoded; charset=UTF-8"}
    answer = desk.http.post(
        desk.url, content="grant_type=client_credentials&scope=profile", headers=headers, auth=robot.auth
    )
    assert answer.status_code == 200


# What is refused before it is read


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS"])
def test_only_post_is_answered(desk: Desk, robot: Client, method: str) -> None:
    """Other methods get 405 with Allow, and issue nothing (GEN-05)."""
    answer = desk.http.request(method, desk.url, params={"grant_type": "client_credentials"}, auth=robot.auth)
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")
    assert_never_cached(answer)


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("application/json", json.dumps({"grant_type": "client_credentials"})),
        (
            "multipart/form-data; boundary=x",
            '--x\r\nContent-Disposition: form-data; name="grant_type"\r\n\r\n--x--\r\n',
        ),
        ("text/plain", "grant_type=client_credentials"),
        ("", "grant_type=client_credentials"),
    ],
)
def test_only_a_form_is_read(desk: Desk, robot: Client, content_type: str, body: str) -> None:
    """Another media type, or none, is refused (GEN-05)."""
    answer = desk.http.post(desk.url, content=body, headers={"content-type": content_type}, auth=robot.auth)
    assert_error(answer, 400, "invalid_request")


def test_the_query_has_no_effect(desk: Desk, robot: Client) -> None:
    """Parameters and credentials in the query are not read (GEN-05, CAUTH-07)."""
    query = {"grant_type": "client_credentials", "client_id": robot.client_id, "client_secret": robot.secret or ""}
    assert_error(desk.http.post(desk.url, params=query, headers=FORM), 400, "invalid_request")
    answer = desk.http.post(
        desk.url, params={"client_secret": robot.secret or ""}, data={"grant_type": "client_credentials"}
    )
    assert_error(answer, 401, "invalid_client")


def test_a_parameter_in_body_and_query_is_sent_twice(desk: Desk, robot: Client) -> None:
    """A known parameter in both is refused, as nobody knows which is meant (GEN-03)."""
    answer = desk.http.post(
        desk.url,
        params={"scope": "profile"},
        data={"grant_type": "client_credentials", "scope": "profile"},
        auth=robot.auth,
    )
    assert_error(answer, 400, "invalid_request")


@pytest.mark.parametrize(
    "body",
    [
        b"grant_type=client_credentials&scope=%",
        b"grant_type=client_credentials&scope=%zz",
        b"grant_type=client_credentials&scope=%ff",
        b"grant_type=client_credentials&scope=\xff",
        b"grant_type=client_credentials&scope=a%00b",
        b"&".join(b"a%d=b" % number for number in range(200)),
    ],
)
def test_a_malformed_form_is_refused(desk: Desk, robot: Client, body: bytes) -> None:
    """Broken escapes, bad UTF-8, NUL and a flood of parameters are 400, never 500 (GEN-06, GEN-13)."""
    assert_error(desk.http.post(desk.url, content=body, headers=FORM, auth=robot.auth), 400, "invalid_request")


@pytest.mark.parametrize("value", ['"', "\\", "\r\nX: y", "<script>", "\x7f", "é", "\u202e", "a" * 5000])
@pytest.mark.parametrize(
    "name", ["grant_type", "code", "redirect_uri", "code_verifier", "refresh_token", "scope", "resource"]
)
def test_hostile_values_are_refused_and_not_reflected(
    desk: Desk, public: Client, robot: Client, name: str, value: str
) -> None:
    """Whatever stands in a parameter, the answer is 4xx and does not repeat it (GEN-06)."""
    if name in {"scope", "resource"}:
        answer = desk.post(robot, {"grant_type": "client_credentials", name: value})
    elif name == "refresh_token":
        answer = desk.refresh(public, value)
    else:
        answer = desk.redeem(public, desk.code(public), **{name: value})
    assert 400 <= answer.status_code < 500
    assert value not in description(answer)
    assert not any(value in header for header in answer.headers.values())


def test_a_huge_body_is_refused(desk: Desk, robot: Client) -> None:
    """A body over the ceiling is 413, with or without a stated length (GEN-13)."""
    body = b"grant_type=client_credentials&padding=" + b"x" * 70_000
    for content in (body, iter([body])):
        answer = desk.http.post(desk.url, content=content, headers=FORM, auth=robot.auth)
        assert_error(answer, 413, "invalid_request")


def test_nothing_else_is_served(desk: Desk) -> None:
    """There is no other route: no documentation, no JWKS yet."""
    base = desk.replicas[0].http_url
    for path in (
        "/",
        "/docs",
        "/openapi.json",
        "/oauth2/token/",
        "/oauth2/revoke/",
        "/oauth2/jwks",
        "/oauth2/authorize",
    ):
        assert desk.http.get(f"{base}{path}").status_code == 404


# What a token is labelled with


def test_a_label_is_kept_and_told_and_not_answered(desk: Desk, robot: Client) -> None:
    """A label lies with its token and in the event of it, in the client's own words (OPS-04)."""
    body = desk.post(robot, {"grant_type": "client_credentials", "scope": "profile", "label": "täglich: 1"}).json()
    assert "label" not in body
    row = desk.token_row(body["access_token"])
    assert row is not None
    assert row["label"] == "täglich: 1"
    event = desk.row(
        "SELECT event, actor, source, attributes FROM audit_events WHERE client_id = %s AND attributes ? 'label'",
        robot.client_id,
    )
    assert event is not None
    assert (event["event"], event["actor"], event["source"]) == (
        "token_issued",
        f"client:{robot.client_id}",
        "127.0.0.1",
    )
    assert event["attributes"]["label"] == "täglich: 1"


@pytest.mark.parametrize("label", ["x" * 101, "a\nb", "\x1b[2J", "\u202e"])
def test_a_label_that_cannot_be_shown_is_refused(desk: Desk, robot: Client, label: str) -> None:
    """A label beyond its ceiling, or that a terminal would obey, is an invalid request (GEN-06, GEN-13)."""
    answer = desk.post(robot, {"grant_type": "client_credentials", "scope": "profile", "label": label})
    assert_error(answer, 400, "invalid_request")


# Who is refused


def test_failed_authentication_is_401_with_a_challenge(desk: Desk, robot: Client) -> None:
    """A failed header or form and an unknown client all get 401, Basic and the same words (CAUTH-02, CAUTH-06)."""
    form = {"grant_type": "client_credentials"}
    answers = [
        desk.http.post(desk.url, data=form, auth=(robot.client_id, "wrong")),
        desk.http.post(desk.url, data=form, auth=("nobody", "wrong")),
        desk.http.post(desk.url, data={**form, "client_id": robot.client_id, "client_secret": robot.secret or ""}),
        desk.http.post(desk.url, data={**form, "client_id": robot.client_id}),
        desk.http.post(desk.url, data={**form, "client_id": "nobody"}),
    ]
    for answer in answers:
        assert_error(answer, 401, "invalid_client")
        assert answer.headers["www-authenticate"] == CHALLENGE
    assert len({answer.content for answer in answers}) == 1


@pytest.mark.parametrize("authorization", ["Basic", "Basic %%%", "Basic " + "QQ==", "Basic /w==", "Bearer abc", "x"])
def test_a_broken_header_is_401(desk: Desk, authorization: str) -> None:
    """No colon, bad base64, bad UTF-8 and another scheme are failed authentication, not an error of ours (CAUTH-06)."""
    answer = desk.http.post(
        desk.url, data={"grant_type": "client_credentials"}, headers={"authorization": authorization}
    )
    assert_error(answer, 401, "invalid_client")


def test_two_authorization_headers_are_refused(desk: Desk) -> None:
    """Nobody chooses between two headers (CAUTH-03)."""
    headers = [("authorization", "Basic QTpi"), ("authorization", "Basic QTpi"), *FORM.items()]
    answer = desk.http.post(desk.url, content="grant_type=client_credentials", headers=headers)
    assert_error(answer, 400, "invalid_request")


@pytest.mark.parametrize("grant_type", ["authorization_code", "refresh_token"])
def test_a_secret_does_not_help_a_public_client(desk: Desk, public: Client, grant_type: str) -> None:
    """A client of method none that sends a secret is refused (CAUTH-04)."""
    answer = desk.http.post(desk.url, data={"grant_type": grant_type, "code": "c"}, auth=(public.client_id, "secret"))
    assert_error(answer, 401, "invalid_client")


def test_a_public_client_has_no_credentials(desk: Desk, public: Client) -> None:
    """client_credentials is not for public clients (CC-01)."""
    answer = desk.post(public, {"grant_type": "client_credentials"})
    assert_error(answer, 400, "unauthorized_client")
    assert "www-authenticate" not in answer.headers


@pytest.mark.parametrize("grant_type", ["password", "implicit", "urn:ietf:params:oauth:grant-type:token-exchange", "x"])
def test_other_grant_types_are_unsupported(desk: Desk, robot: Client, grant_type: str) -> None:
    """What was removed, what is not built and what never was are unsupported (GEN-12, TOK-02)."""
    assert_error(
        desk.post(robot, {"grant_type": grant_type, "username": "u", "password": "p"}), 400, "unsupported_grant_type"
    )


def test_a_grant_type_must_be_registered(desk: Desk) -> None:
    """A client cannot use what was not registered for it (TOK-02)."""
    client = desk.register(grant_types=["authorization_code"])
    answer = desk.redeem(client, desk.code(client))
    assert set(answer.json()) == {"access_token", "token_type", "expires_in", "scope"}
    assert_error(desk.refresh(client, "tsr_x"), 400, "unauthorized_client")


# Codes


@pytest.mark.parametrize(
    "changes",
    [
        {"code": "unknown"},
        {"code": "A" * 22 + "." + "B" * 43},
        {"code_verifier": "v" * 43},
        {"code_verifier": ""},
        {"code_verifier": "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"},
        {"redirect_uri": REDIRECT_URI + "/"},
    ],
)
def test_a_code_that_does_not_fit_is_refused_and_kept(desk: Desk, public: Client, changes: dict[str, str]) -> None:
    """A wrong half is invalid_grant, and the right one still works (TOK-02, TOK-04, PKCE-02, PKCE-04)."""
    code = desk.code(public)
    assert_error(desk.redeem(public, code, **changes), 400, "invalid_grant")
    assert desk.redeem(public, code).status_code == 200


def test_a_missing_code_is_an_invalid_request(desk: Desk, public: Client) -> None:
    """Without code nothing is asked of anybody (TOK-02)."""
    calls = desk.authorize.calls
    assert_error(desk.redeem(public, desk.code(public), code=""), 400, "invalid_request")
    assert desk.authorize.calls == calls


def test_another_client_cannot_redeem(desk: Desk, public: Client) -> None:
    """Client B gets nothing for client A's code, and A still does (TOK-03)."""
    other = desk.register("client_secret_basic")
    code = desk.code(public)
    assert_error(desk.redeem(other, code), 400, "invalid_grant")
    assert desk.redeem(public, code).status_code == 200


def test_a_stripped_challenge_is_noticed(desk: Desk, public: Client) -> None:
    """A verifier for a code without challenge is refused (PKCE-03)."""
    code = desk.code(public, with_challenge=False)
    assert_error(desk.redeem(public, code, code_verifier=VERIFIER), 400, "invalid_grant")


def test_a_replay_is_refused_and_ends_the_grant(desk: Desk, public: Client) -> None:
    """The second redemption ends the first one's tokens, and the log says so, whether authorize remembers (TOK-05)."""
    for forget in (False, True):
        code = desk.code(public)
        tokens = desk.redeem(public, code).json()
        if forget:
            desk.authorize.forget(code)
        assert_error(desk.redeem(public, code), 400, "invalid_grant")
        assert desk.grant_of(code)["end_reason"] == "code_replayed"
        assert_error(desk.refresh(public, tokens["refresh_token"]), 400, "invalid_grant")
        logged = desk.row(
            "SELECT count(*) AS times FROM invalidations WHERE kind = 'grant' AND key = %s",
            str(desk.grant_of(code)["grant_id"]),
        )
        assert logged == {"times": 1}


@pytest.mark.parametrize(
    "changes", [{"code_verifier": "v" * 43}, {"code_verifier": ""}, {"redirect_uri": "https://x.example"}]
)
def test_a_worthless_replay_harms_nobody(desk: Desk, public: Client, changes: dict[str, str]) -> None:
    """A replay that could not have redeemed the code leaves its tokens alive (TOK-06)."""
    code = desk.code(public)
    desk.redeem(public, code)
    for forget in (False, True):
        if forget:
            desk.authorize.forget(code)
        assert_error(desk.redeem(public, code, **changes), 400, "invalid_grant")
        assert desk.grant_of(code)["ended_at"] is None


def test_targets_are_decided_before_the_code_is_spent(desk: Desk) -> None:
    """Scopes of two resources need one named; the mistake costs nothing and the grant keeps all."""
    client = desk.register(scopes=("photos.read", "mail.read", "profile"))
    code = desk.code(client, ("photos.read", "mail.read", "profile"))
    assert_error(desk.redeem(client, code), 400, "invalid_target")
    assert_error(desk.redeem(client, code, resource="https://x.example"), 400, "invalid_target")
    answer = desk.redeem(client, code, resource=PHOTOS).json()
    assert answer["scope"] == "photos.read profile"
    assert desk.grant_of(code)["scopes"] == ["photos.read", "mail.read", "profile"]
    refreshed = desk.refresh(client, answer["refresh_token"], resource="https://mail.example").json()
    assert refreshed["scope"] == "mail.read profile"


# Refresh tokens


@pytest.mark.parametrize("refresh_token", ["", "x", "tsr_x", "é"])
def test_something_else_is_no_refresh_token(desk: Desk, public: Client, refresh_token: str) -> None:
    """What we have not issued is invalid_grant, and nothing at all invalid_request (REFR-08)."""
    error = "invalid_grant" if refresh_token else "invalid_request"
    assert_error(desk.refresh(public, refresh_token), 400, error)


def test_a_refresh_token_is_bound_to_its_client(desk: Desk, public: Client) -> None:
    """Another client, public or confidential, cannot use it and cannot harm it (REFR-01)."""
    tokens = desk.redeem(public, desk.code(public)).json()
    for other in (desk.register(), desk.register("client_secret_basic")):
        assert_error(desk.refresh(other, tokens["refresh_token"]), 400, "invalid_grant")
    assert desk.refresh(public, tokens["refresh_token"]).status_code == 200


def test_scope_cannot_be_widened(desk: Desk, public: Client) -> None:
    """More than was granted is invalid_scope, and the token is not used up (REFR-05)."""
    tokens = desk.redeem(public, desk.code(public)).json()
    assert_error(desk.refresh(public, tokens["refresh_token"], scope="photos.read photos.write"), 400, "invalid_scope")
    assert desk.refresh(public, tokens["refresh_token"], scope="photos.read").json()["scope"] == "photos.read"


def test_a_lost_answer_is_repeated_and_theft_ends_all(desk: Desk, public: Client) -> None:
    """By the database's clock: within the grace the same token again, after it the end (REFR-03, REFR-04)."""
    code = desk.code(public)
    first = desk.redeem(public, code).json()["refresh_token"]
    second = desk.refresh(public, first).json()["refresh_token"]
    assert desk.refresh(public, first).json()["refresh_token"] == second
    with desk.database.connect() as owner:
        owner.execute(
            "UPDATE grants SET rotated_at = ARRAY(SELECT at - interval '10 s' FROM unnest(rotated_at) AS at)"
            " WHERE code_id = %s",
            (code.code_id,),
        )
    assert_error(desk.refresh(public, first), 400, "invalid_grant")
    assert desk.grant_of(code)["end_reason"] == "refresh_reused"
    assert_error(desk.refresh(public, second), 400, "invalid_grant")


def test_the_limit_is_kept(desk: Desk) -> None:
    """A limit of one allows one refresh; limit 0 gives no refresh token at all (REFR-10)."""
    once, never = desk.register(refresh_limit=1), desk.register(refresh_limit=0)
    tokens = desk.redeem(once, desk.code(once)).json()
    tokens = desk.refresh(once, tokens["refresh_token"]).json()
    assert_error(desk.refresh(once, tokens["refresh_token"]), 400, "invalid_grant")
    assert "refresh_token" not in desk.redeem(never, desk.code(never)).json()


# What is logged


def test_the_log_tells_what_happened_and_no_secret(desk: Desk) -> None:
    """Issue, refusal, repeat and end are events, and none of it holds a code, token, verifier or secret (GEN-11)."""
    client = desk.register("client_secret_basic")
    code = desk.code(client)
    tokens = desk.redeem(client, code).json()
    refreshed = desk.refresh(client, tokens["refresh_token"]).json()
    desk.refresh(client, tokens["refresh_token"])
    desk.redeem(client, code)
    desk.http.post(desk.url, data={"grant_type": "client_credentials", "client_id": client.secret or ""})
    output = desk.output()
    events = [json.loads(line) for line in output.splitlines() if line.startswith("{")]
    ours = [event for event in events if event.get("client_id") == client.client_id]
    assert {"token_issued", "token_refused"} <= {event["event"] for event in ours}
    assert {"refresh_repeated", "grant_ended"} <= {event["event"] for event in events}
    assert any(event["event"] == "token_refused" and event["detail"] == "the code was replayed" for event in ours)
    secrets = {
        code.text,
        VERIFIER,
        client.secret,
        *(pair[name] for pair in (tokens, refreshed) for name in ("access_token", "refresh_token")),
    }
    assert not [secret for secret in secrets if secret in output]


def test_the_request_id_crosses_services(desk: Desk, public: Client) -> None:
    """The id that came with a request goes to authorize and back to the client, with token's credential."""
    headers = {"x-request-id": "trace-0123456789"}
    form = {"grant_type": "authorization_code", "code": desk.code(public).text, "redirect_uri": REDIRECT_URI}
    answer = desk.http.post(desk.url, data={**form, **public.form, "code_verifier": VERIFIER}, headers=headers)
    assert answer.headers["x-request-id"] == "trace-0123456789"
    assert desk.authorize.metadata["x-request-id"] == "trace-0123456789"
    assert str(desk.authorize.metadata["authorization"]).startswith("Bearer tsv_")
