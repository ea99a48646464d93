"""Requests that somebody has bent: repeated, misplaced, hostile and endless ones, at every endpoint."""

import re
import socket
from collections.abc import Iterator
from urllib.parse import urlencode, urlsplit

import pytest

from tests.support.cluster import SERVICES as ALL_SERVICES
from tests.support.cluster import Cluster
from tests.support.doors import AUTHORIZE, CONSENT, FORM, INTROSPECT, LOGIN, REVOKE, SERVICES, TOKEN, Doors
from tests.support.flow import SECONDS

KNOWN = {
    TOKEN: [
        "grant_type", "client_id", "client_secret", "scope", "redirect_uri", "code", "code_verifier", "refresh_token",
        "label",
    ],
    REVOKE: ["token", "token_type_hint", "client_id", "client_secret"],
    INTROSPECT: ["token", "token_type_hint", "client_id", "client_secret"],
}  # fmt: skip
KNOWN_HERE = [(path, name) for path, names in KNOWN.items() for name in names]
AUTHORIZATION = [
    "response_type", "response_mode", "client_id", "redirect_uri", "scope", "state", "code_challenge",
    "code_challenge_method", "resource", "request", "request_uri", "prompt", "nonce", "unknown",
]  # fmt: skip
# Quotes, a backslash, line breaks, markup, a NUL, bad UTF-8, a surrogate, broken escapes, a direction mark.
HOSTILE = [
    b"%22", b"%5C", b"%0D%0ASet-Cookie:+x=1", b"%0A", b"%3Cscript%3E", b"%00", b"%FF", b"%C3%28", b"%ED%A0%80",
    b"%", b"%zz", b"%E2%80%AE", b"\x00", b"\xff", b"\r\n", b"<script>", b"%E2%80%A8%F0%9F%90%8E",
]  # fmt: skip
MARK = "zqzq"
ERROR_CHARACTERS = re.compile(r"[\x20-\x21\x23-\x5b\x5d-\x7e]*")


@pytest.fixture(scope="module")
def doors(cluster: Cluster) -> Iterator[Doors]:
    with Doors(cluster, cluster.issuer) as doors:
        yield doors


def pairs(doors: Doors, path: str) -> dict[str, str]:
    """Return a good form that has each known parameter, credentials among them or beside it."""
    return dict.fromkeys(KNOWN[path], "x") | doors.good_form(path)


# Repeated parameters


@pytest.mark.parametrize(("path", "name"), KNOWN_HERE)
def test_a_known_parameter_is_sent_once(doors: Doors, path: str, name: str) -> None:
    """Twice in the body, once in body and query, is invalid, whether the values are the same or empty (GEN-03)."""
    form = urlencode(doors.good_form(path) | {name: pairs(doors, path)[name]})
    value = urlencode({name: pairs(doors, path)[name]})
    for body, query in (
        (f"{form}&{value}", ""),
        (f"{form}&{name}=other", ""),
        (f"{form}&{name}=", ""),
        (f"{name}=&{form}", ""),
        (form, f"?{value}"),
        (form, f"?{name}="),
    ):
        # Credentials in the header as well would be wrong by themselves.
        answer = doors.post(f"{path}{query}", body, {} if name.startswith("client_") else None)
        assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request"), (body, query)


@pytest.mark.parametrize(("path", "name"), KNOWN_HERE)
def test_the_query_has_no_effect(doors: Doors, path: str, name: str) -> None:
    """Parameters in the query, once or twice, neither help nor count (GEN-03, GEN-05, CAUTH-07)."""
    good = doors.good_form(path)
    value = urlencode({name: pairs(doors, path)[name]})
    without = {key: text for key, text in good.items() if key != name}
    by_query, usual = doors.post(f"{path}?{value}&{value}", without), doors.post(path, without)
    assert by_query.status_code == usual.status_code == (400 if name in {"grant_type", "token"} else 200)
    credentials = urlencode({"client_id": doors.client.client_id, "client_secret": doors.client.client_secret})
    assert doors.post(f"{path}?{credentials}", good, {}).json()["error"] == "invalid_client"


@pytest.mark.parametrize("path", SERVICES)
def test_unknown_parameters_are_ignored(doors: Doors, path: str) -> None:
    """What is not known may be anything, also twice; names and values have their case (GEN-04)."""
    usual = doors.post(path, doors.good_form(path))
    for more in ("unknown=1&unknown=2", "Grant_Type=x&TOKEN=y&Client_Id=z", "&&&", "=", "a" * 2000, "%5B%5D=1"):
        answer = doors.post(path, f"{urlencode(doors.good_form(path))}&{more}")
        assert answer.status_code == usual.status_code == 200, more
    renamed = {name.title(): value for name, value in doors.good_form(path).items()}
    assert doors.post(path, renamed).json()["error"] == "invalid_request"


@pytest.mark.parametrize(
    ("path", "name"), [each for each in KNOWN_HERE if each[1] not in {"grant_type", "token", "scope"}]
)
def test_an_empty_parameter_is_absent(doors: Doors, path: str, name: str) -> None:
    """An empty value is as good as none (GEN-04)."""
    assert doors.post(path, {**doors.good_form(path), name: ""}).status_code == 200


@pytest.mark.parametrize(("path", "name"), [(TOKEN, "grant_type"), (REVOKE, "token"), (INTROSPECT, "token")])
def test_an_empty_parameter_that_is_needed_is_missing(doors: Doors, path: str, name: str) -> None:
    """Where a value is needed, an empty one is none (GEN-04)."""
    answer = doors.post(path, {**doors.good_form(path), name: ""})
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")


@pytest.mark.parametrize("path", SERVICES)
@pytest.mark.parametrize(
    "media_type",
    ["application/json", "multipart/form-data; boundary=x", "text/plain", "", "application/x-www-form-urlencoded-x"],
)
def test_only_forms_are_read(doors: Doors, path: str, media_type: str) -> None:
    """A body of another type is 400, even if a form is in it (GEN-05)."""
    answer = doors.post(path, doors.good_form(path), {**doors.basic, "content-type": media_type})
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")


# Hostile values


@pytest.mark.parametrize(("path", "name"), [*KNOWN_HERE, *((path, "unknown") for path in SERVICES)])
def test_hostile_values_are_refused_and_not_repeated(doors: Doors, path: str, name: str) -> None:
    """Nothing that is put into a parameter brings a 5xx, comes back, or breaks out of the error (GEN-06)."""
    kept = {key: text for key, text in doors.good_form(path).items() if key != name}
    for value in HOSTILE:
        body = f"{urlencode(kept)}&{name}={MARK}".encode() + value + MARK.encode()
        answer = doors.post(path, body, {} if name.startswith("client_") else None)
        assert answer.status_code in {200, 400, 401, 429}, value
        if answer.status_code == 200:
            assert name in {"unknown", "label", "token", "token_type_hint", "code", "code_verifier", "refresh_token",
                            "redirect_uri"}  # fmt: skip
        else:
            assert ERROR_CHARACTERS.fullmatch(answer.json()["error_description"])
        assert MARK not in answer.text + str(answer.headers)


@pytest.mark.parametrize("path", SERVICES)
def test_hostile_names_are_refused_and_not_repeated(doors: Doors, path: str) -> None:
    """Nor does anything that is put into the name of one (GEN-06)."""
    for value in HOSTILE:
        answer = doors.post(path, urlencode(doors.good_form(path)).encode() + b"&" + MARK.encode() + value + b"=1")
        assert answer.status_code in {200, 400}
        assert MARK not in answer.text + str(answer.headers)


@pytest.mark.parametrize("path", SERVICES)
@pytest.mark.parametrize(
    "authorization",
    ["Basic", "Basic ===", "Basic bm9jb2xvbg==", "Basic /////w==", "Basic OnNlY3JldA==", "Basic AAAA",
     "Bearer", "Digest x=y", "\xff", "Basic " + "QUFB" * 2000, "basic, basic", '"<script>"'],
)  # fmt: skip
def test_hostile_credentials_are_refused(doors: Doors, path: str, authorization: str) -> None:
    """A header that cannot be read is 400 or 401, and never 500 (GEN-06, CAUTH-06)."""
    answer = doors.http.post(
        doors.url(path),
        content=urlencode(doors.good_form(path)),
        headers=[(b"content-type", FORM["content-type"].encode()), (b"authorization", authorization.encode("latin-1"))],
    )
    assert answer.status_code in {400, 401}
    assert "<script" not in answer.text + str(answer.headers)
    assert answer.status_code == 400 or answer.headers["www-authenticate"]


@pytest.mark.parametrize("name", AUTHORIZATION)
def test_hostile_values_stay_out_of_pages_and_redirects(doors: Doors, name: str) -> None:
    """At the authorization endpoint they are shown nowhere and split no header (GEN-06)."""
    good = doors.authorization()
    for value in (each for each in HOSTILE if each.isascii() and each.isalnum() | each.startswith(b"%")):
        others = "&".join(pair for pair in urlsplit(good).query.split("&") if not pair.startswith(f"{name}="))
        answer = doors.ask("GET", f"{AUTHORIZE}?{others}&{name}={MARK}{value.decode()}{MARK}")
        assert answer.status_code in {303, 400}, value
        assert MARK not in answer.text
        assert "x" not in answer.cookies
        location = answer.headers.get("location", "")
        assert re.fullmatch(r"[\x21-\x7e]*", location)
        assert not set(location) & set('"<>\\')


@pytest.mark.parametrize("path", [LOGIN, CONSENT])
@pytest.mark.parametrize("name", ["interaction", "csrf", "decision", "scope", "username", "password", "unknown"])
def test_hostile_forms_are_refused(doors: Doors, path: str, name: str) -> None:
    """Our own pages take nothing from strangers and say nothing back (GEN-06)."""
    for value in HOSTILE:
        body = f"{name}={MARK}".encode() + value + MARK.encode()
        answer = doors.ask("POST", path, {**FORM, "origin": doors.issuer}, body)
        assert 400 <= answer.status_code < 500, value
        assert MARK not in answer.text


# What is no request, or has no end


@pytest.mark.parametrize("path", [*SERVICES, LOGIN, CONSENT])
def test_a_body_has_a_ceiling(doors: Doors, path: str) -> None:
    """What is larger than any form is 413, in words that fit (GEN-13)."""
    answer = doors.ask("POST", path, {**FORM, **doors.basic, "origin": doors.issuer}, b"a=" + b"x" * 64 * 1024)
    assert answer.status_code == 413
    assert (answer.headers["content-type"] == "application/json") == (path in SERVICES)


@pytest.mark.parametrize("service", ALL_SERVICES)
@pytest.mark.parametrize(
    ("request_", "status"),
    [
        pytest.param(b"GET /" + b"x" * 40_000, 431, id="endless URI"),
        pytest.param(b"GET / HTTP/1.1\r\nhost: x\r\nx: " + b"x" * 40_000, 431, id="endless header"),
        pytest.param(b"GET / HTTP/1.1\r\nhost: x\r\n" + b"x: y\r\n" * 8000, 431, id="endless headers"),
        pytest.param(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400, id="TLS"),
        pytest.param(b"BREW / HTTP/1.1\r\nhost: x\r\n\r\n", 400, id="unknown method"),
        pytest.param(b"GET / HTTP/9.9\r\nhost: x\r\n\r\n", 400, id="unknown version"),
        pytest.param(b"POST / HTTP/1.1\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\n", 400, id="two lengths"),
        pytest.param(
            b"POST / HTTP/1.1\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n", 400, id="length and chunks"
        ),
        pytest.param(b"GET / HTTP/1.1\r\nx\0y: z\r\n\r\n", 400, id="NUL in a header"),
        pytest.param(b"GET / HTTP/1.1\r\nx : z\r\n\r\n", 400, id="space before the colon"),
    ],
)
def test_what_is_no_request_is_refused(cluster: Cluster, service: str, request_: bytes, status: int) -> None:
    """What cannot be read, or has no end, is refused at once, and the connection with it (GEN-13)."""
    address = urlsplit(cluster.replicas(service)[0].http_url)
    with socket.create_connection((address.hostname, address.port), timeout=SECONDS) as connection:
        connection.sendall(request_)
        answer = b""
        while piece := connection.recv(4096):
            answer += piece
    assert answer.startswith(f"HTTP/1.1 {status} ".encode())
    assert b"\r\ncache-control: no-store\r\n" in answer
    assert b"\r\nx-content-type-options: nosniff\r\n" in answer
    assert answer.endswith(b"\r\n\r\n")


@pytest.mark.parametrize("path", [*SERVICES, LOGIN])
def test_a_form_has_a_ceiling(doors: Doors, path: str) -> None:
    """More parameters than any request has are refused (GEN-13)."""
    answer = doors.post(
        path, "&".join(f"p{number}=1" for number in range(101)), {**doors.basic, "origin": doors.issuer}
    )
    assert answer.status_code in {400, 403}
