"""What every request meets at all three services, whoever it is for: TLS, headers, methods, other origins."""

import json
from collections.abc import Iterator

import httpx
import pytest

from tests.support.cluster import Cluster, running_cluster
from tests.support.databases import Databases, RedisDatabases
from tests.support.doors import (
    AUTHORIZE,
    CONSENT,
    EVERY_PATH,
    FORM,
    INTROSPECT,
    LOGIN,
    METADATA,
    REVOKE,
    SERVICES,
    SPOOFED,
    TOKEN,
    Basic,
    Doors,
)

ISSUER = "https://issuer.example"
CLIENT_ADDRESS = "198.51.100.9"
PROXY = {"x-forwarded-proto": "https", "x-forwarded-for": f"203.0.113.5, {CLIENT_ADDRESS}"}
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE")


@pytest.fixture(scope="module")
def plain(cluster: Cluster) -> Iterator[Doors]:
    """The services as on a developer's machine, without a proxy."""
    with Doors(cluster, cluster.issuer) as doors:
        yield doors


@pytest.fixture(scope="module")
def secure(
    databases: Databases, redis_databases: RedisDatabases, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Doors]:
    """The services behind a proxy that terminates TLS."""
    settings = {"ISSUER": ISSUER, "TRUSTED_PROXIES": "127.0.0.1"}
    with (
        databases.migrated() as database,
        redis_databases.lent() as redis_url,
        running_cluster(database, redis_url, tmp_path_factory.mktemp("https"), settings=settings) as cluster,
        Doors(cluster, ISSUER, PROXY) as doors,
    ):
        yield doors


@pytest.fixture(params=["plain", "secure"])
def doors(request: pytest.FixtureRequest) -> Doors:
    """Both."""
    both: Doors = request.getfixturevalue(request.param)
    return both


def assert_framed(doors: Doors, answer: httpx.Response) -> None:
    """Check the headers that every answer has."""
    assert answer.headers.get_list("cache-control") == ["no-store"]
    assert answer.headers.get_list("pragma") == ["no-cache"]
    assert answer.headers.get_list("x-content-type-options") == ["nosniff"]
    assert len(answer.headers.get_list("x-request-id")) == 1
    assert answer.headers.get_list("strict-transport-security") == (["max-age=31536000"] if doors.proxy else [])
    assert "server" not in answer.headers
    assert "access-control-allow-credentials" not in answer.headers


# HTTPS


@pytest.mark.parametrize("proxy", [{}, {"x-forwarded-proto": "http"}, {"forwarded": "proto=https"}])
@pytest.mark.parametrize("path", [*EVERY_PATH, "/nowhere", "/"])
def test_plain_http_is_refused(secure: Doors, path: str, proxy: dict[str, str]) -> None:
    """What came in clear is 400 with every method, in words that fit, and never redirected (GEN-01)."""
    for method in METHODS:
        answer = secure.http.request(method, secure.url(path), headers=proxy | FORM | secure.basic, content="token=x")
        assert answer.status_code == 400, method
        assert "location" not in answer.headers
        assert "set-cookie" not in answer.headers
        assert "strict-transport-security" not in answer.headers
        assert answer.headers["cache-control"] == "no-store"
        if method == "HEAD":
            continue
        if path in SERVICES:
            assert answer.json()["error"] == "invalid_request"
        else:
            assert "This connection is not secure" in answer.text
            assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]


def test_the_log_says_what_to_set(secure: Doors) -> None:
    """A refusal of plain HTTP is a log entry that tells operators what is missing (GEN-01)."""
    secure.http.get(secure.url(METADATA[0]))
    lines = [line for line in secure.cluster.output().splitlines() if '"plain_http_refused"' in line]
    assert "X-Forwarded-Proto: https" in json.loads(lines[-1])["advice"]


@pytest.mark.parametrize("path", EVERY_PATH)
def test_a_contradictory_proxy_is_refused(secure: Doors, path: str) -> None:
    """A scheme that is said twice counts as none (GEN-01)."""
    headers = [("x-forwarded-proto", "https"), ("x-forwarded-proto", "https")]
    assert secure.http.get(secure.url(path), headers=headers).status_code == 400


def test_a_refusal_is_kept_with_the_clients_address(secure: Doors) -> None:
    """The audit knows the last host before the trusted proxy, and no other that it names (GEN-10)."""
    wrong = Basic(secure.client.client_id, "wrong").header
    assert secure.post(TOKEN, secure.good_form(TOKEN), wrong).status_code == 401
    with secure.cluster.database.connect() as connection:
        sources = connection.execute(
            "SELECT source FROM audit_events WHERE client_id = %(client_id)s AND outcome = 'refused'",
            {"client_id": secure.client.client_id},
        ).fetchall()
    assert [row["source"] for row in sources] == [CLIENT_ADDRESS]


def test_what_operators_do_is_kept_with_their_address(secure: Doors) -> None:
    """Over gRPC the peer of the call is the source (OPS-04)."""
    with secure.cluster.database.connect() as connection:
        rows = connection.execute("SELECT DISTINCT source FROM audit_events WHERE actor LIKE 'operator:%'").fetchall()
    assert [row["source"] for row in rows] == ["127.0.0.1"]


# Headers


@pytest.mark.parametrize("path", SERVICES)
def test_answers_for_programs_are_framed(doors: Doors, path: str) -> None:
    """No answer for programs is kept by caches or taken for another type, whatever its status (GEN-02, GEN-13)."""
    form, wrong = doors.good_form(path), Basic(doors.new_client().client_id, "wrong").header
    answers = {
        200: doors.post(path, form),
        400: doors.post(path, "%"),
        401: doors.post(path, form, wrong),
        404: doors.ask("POST", f"{path}/", FORM),
        405: doors.ask("GET", path),
        413: doors.post(path, b"x" * 70_000),
        429: [doors.post(path, form, wrong) for _ in range(10)][-1],
    }
    for status, answer in answers.items():
        assert answer.status_code == status
        assert_framed(doors, answer)
        if status > 200:
            assert set(answer.json()) == {"error", "error_description"}
            assert answer.headers["content-type"] == "application/json"


def test_answers_for_people_are_framed(doors: Doors) -> None:
    """No page or redirect is kept by caches, and none can be framed (GEN-02, GEN-13)."""
    asked = doors.ask("GET", doors.authorization())
    consent = asked.headers["location"].removeprefix(doors.issuer)
    cookies = {"cookie": asked.headers["set-cookie"].partition(";")[0]}
    forward = doors.ask("GET", consent, cookies)
    origin = {**FORM, "origin": doors.issuer}
    answers = [
        (303, asked),
        (303, forward),
        (200, doors.ask("GET", forward.headers["location"].removeprefix(doors.issuer), cookies)),
        (303, doors.ask("GET", doors.authorization(scope="nonsense"))),
        (400, doors.ask("GET", AUTHORIZE)),
        (403, doors.ask("POST", LOGIN, FORM, "x=1")),
        (404, doors.ask("GET", "/nowhere")),
        (404, doors.ask("GET", CONSENT)),
        (405, doors.ask("DELETE", CONSENT)),
        (413, doors.ask("POST", CONSENT, origin, b"x" * 70_000)),
    ]
    for status, answer in answers:
        assert answer.status_code == status
        assert_framed(doors, answer)
        assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
        assert answer.headers["x-frame-options"] == "DENY"


@pytest.mark.parametrize("path", METADATA)
def test_metadata_is_framed(doors: Doors, path: str) -> None:
    """The metadata has the headers of everything else (GEN-02, GEN-13)."""
    for method, status in {"GET": 200, "HEAD": 200, "POST": 405}.items():
        answer = doors.ask(method, path)
        assert answer.status_code == status
        assert_framed(doors, answer)


# Methods


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        *((path, {"POST"}) for path in SERVICES),
        (AUTHORIZE, {"GET", "HEAD"}),
        (LOGIN, {"GET", "HEAD", "POST"}),
        (CONSENT, {"GET", "HEAD", "POST"}),
        *((path, {"GET", "HEAD"}) for path in METADATA),
    ],
)
def test_other_methods_are_refused(plain: Doors, path: str, allowed: set[str]) -> None:
    """A method that does not fit is 405 and told which do; TRACE echoes nothing (GEN-05)."""
    for method in set(METHODS) - allowed:
        answer = plain.ask(method, path, {"x-probe": "echoed"})
        assert answer.status_code == 405, method
        assert set(answer.headers["allow"].split(", ")) == allowed
        assert "echoed" not in answer.text


# Other origins

PREFLIGHT = {
    "origin": "https://app.example",
    "access-control-request-method": "POST",
    "access-control-request-headers": "authorization,content-type",
}


@pytest.mark.parametrize(("path", "method"), [(TOKEN, "POST"), (REVOKE, "POST"), *((path, "GET") for path in METADATA)])
def test_apps_in_browsers_may_ask(doors: Doors, path: str, method: str) -> None:
    """A preflight is answered, and every answer can be read, never with cookies (GEN-08)."""
    preflight = doors.ask("OPTIONS", path, PREFLIGHT | {"access-control-request-method": method})
    assert (preflight.status_code, preflight.content) == (204, b"")
    assert_framed(doors, preflight)
    assert preflight.headers["access-control-allow-methods"] == method
    assert {"authorization", "content-type", "x-request-id"} == set(
        preflight.headers["access-control-allow-headers"].lower().split(", ")
    )
    answers = [preflight, doors.ask(method, path, PREFLIGHT), doors.ask("PUT", path, PREFLIGHT)]
    if method == "POST":
        answers += [
            doors.post(path, doors.good_form(path)),
            doors.post(path, "%"),
            doors.post(path, doors.good_form(path), {}),
        ]
        answers += [doors.post(path, b"x" * 70_000)]
        assert {answer.status_code for answer in answers} == {204, 200, 400, 401, 405, 413}
    for answer in answers:
        assert answer.headers.get_list("access-control-allow-origin") == ["*"]
        exposed = answer.headers["access-control-expose-headers"].split(", ")
        assert exposed == ["WWW-Authenticate", "DPoP-Nonce", "Retry-After", "X-Request-Id"]
        assert "access-control-allow-credentials" not in answer.headers


@pytest.mark.parametrize("path", [AUTHORIZE, LOGIN, CONSENT, INTROSPECT, "/nowhere"])
def test_no_other_answer_can_be_read(doors: Doors, path: str) -> None:
    """Pages and introspection answer no preflight and tell pages of other origins nothing (GEN-08)."""
    answers = [doors.ask(method, path, PREFLIGHT) for method in ("OPTIONS", "GET", "POST")]
    assert answers[0].status_code in {404, 405}
    if path == INTROSPECT:
        answers.append(doors.post(path, doors.good_form(path), doors.basic | PREFLIGHT))
        assert answers[-1].status_code == 200
    for answer in answers:
        assert not [name for name in answer.headers if name.startswith("access-control-")]


def test_the_issuer_is_what_the_settings_say(doors: Doors) -> None:
    """Neither metadata nor redirects nor claims follow a header (GEN-10)."""
    headers = {**SPOOFED, **doors.proxy}
    document = doors.ask("GET", METADATA[0], headers).json()
    assert document["issuer"] == doors.issuer
    assert document["authorization_endpoint"] == f"{doors.issuer}{AUTHORIZE}"
    told = doors.ask("GET", doors.authorization(scope="nonsense"), headers).headers["location"]
    assert httpx.URL(told).params["iss"] == doors.issuer
    token = doors.post(TOKEN, doors.good_form(TOKEN), doors.basic | headers).json()["access_token"]
    about = doors.post(INTROSPECT, {"token": token}, doors.basic | headers).json()
    assert (about["active"], about["iss"]) == (True, doors.issuer)
