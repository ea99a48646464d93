"""The search at the end of every run finds what it is for: a secret that is planted does not stay hidden."""

import json
from base64 import b64encode
from pathlib import Path
from urllib.parse import quote

import httpx
import pytest

from tests.support.overheard import listening
from tests.support.secrets_ledger import Remains, SecretsLedger

PASSWORD = 'it/is "Alice\'s" own: ü'
CODE = f"{'Ab0_-9xyZ' * 2}Ab0_.{'qR7-_sTuVw' * 4}xyz"
TOKEN = f"tsa_{'nO5-_pQrSt' * 4}uvw"
CSRF = "kU3h-Vn8_aQ2zL6wX9cB1d"


@pytest.fixture
def ledger() -> SecretsLedger:
    ledger = SecretsLedger()
    ledger.note("password", PASSWORD)
    ledger.note("csrf", *(f"{number}{CSRF}" for number in range(500)))
    return ledger


@pytest.mark.parametrize("before", ["", "x", "xy", "xyz", "xyz:"])
@pytest.mark.parametrize(
    "form",
    [
        PASSWORD.encode(),
        quote(PASSWORD, safe="").encode(),
        quote(PASSWORD).replace("%20", "+").replace("/", "%2F").encode(),
        json.dumps(PASSWORD).encode(),
        PASSWORD.encode().hex().encode(),
        PASSWORD.encode().hex().upper().encode(),
    ],
)
def test_a_secret_is_found_in_every_form(ledger: SecretsLedger, tmp_path: Path, form: bytes, before: str) -> None:
    """A password in a log is found as it is, escaped and in hexadecimal, wherever in a line it stands (GEN-11)."""
    (tmp_path / "token-1.stdout").write_bytes(b"all is well\n" + before.encode() + form + b"'; and so on\n")
    assert ledger.betrayals(tmp_path) == ["token-1.stdout, line 2: password"]


@pytest.mark.parametrize("before", ["", "x", "xy", "xyz:"])
@pytest.mark.parametrize("alphabet", [b"+/", b"-_"])
def test_a_secret_is_found_in_base64(ledger: SecretsLedger, before: str, alphabet: bytes, tmp_path: Path) -> None:
    """A password is found in base64 too, also behind a client id (GEN-11)."""
    ledger.keep(Remains("a header", b64encode(f"{before}{PASSWORD}!".encode(), alphabet)))
    assert ledger.betrayals(tmp_path) == ["a header, line 1: password"]


@pytest.mark.parametrize("secret", [TOKEN, TOKEN.encode().hex(), CODE])
def test_what_nobody_noted_is_known_by_its_form(secret: str, tmp_path: Path) -> None:
    """A token or code that only a browser or another program saw is found all the same (GEN-11)."""
    ledger = SecretsLedger()
    ledger.keep(Remains("database test_1, table clients", f"(1,{secret})".encode()))
    assert ledger.betrayals(tmp_path) == ["database test_1, table clients, line 1: what looks like a secret"]


def test_nothing_is_found_where_nothing_is(ledger: SecretsLedger, tmp_path: Path) -> None:
    """Digests, ids, short guesses and secrets that lack an end are no findings."""
    ledger.note("password", "wrong", "A" * 43, None)
    near_misses = ["wrong", "A" * 43, PASSWORD[1:], PASSWORD[:-1], CODE[:-1], TOKEN[:-1]]
    (tmp_path / "authorize-1.stderr").write_text("\n".join(near_misses))
    (tmp_path / "refresh-key").write_text(PASSWORD)
    assert ledger.betrayals(tmp_path) == []


def test_whatever_a_client_says_and_hears_is_noted(tmp_path: Path) -> None:
    """Passwords, secrets, verifiers, cookies, form values, codes and tokens are secret from when they are sent."""
    answers = [
        httpx.Response(303, headers={"location": f"https://app.example/cb?code={CODE}&state=s"}),
        httpx.Response(200, json={"access_token": TOKEN, "refresh_token": f"tsr{TOKEN[3:]}"}),
        httpx.Response(
            200,
            headers=[("set-cookie", "browser=cookie-that-1; Path=/"), ("set-cookie", "session=cookie-that-2")],
            text=f'<input type="hidden" name="csrf" value="{CSRF}">',
        ),
    ]
    ledger = SecretsLedger()
    transport = httpx.MockTransport(lambda _: answers.pop())
    with httpx.Client(transport=transport, event_hooks=listening(ledger)) as client:
        client.get("https://as.example/authorize", params={"code_challenge": "challenge-of-one"})
        client.post(
            "https://as.example/token",
            data={"code_verifier": "verifier-of-one", "client_secret": "challenge-of-one"},
            auth=("id", "secret-of-one"),
        )
        client.post("https://as.example/login", data={"password": "password-of-one", "username": "somebody-or-other"})
    said = ["verifier-of-one", "secret-of-one", "password-of-one", "cookie-that-1", "cookie-that-2"]
    heard = [CODE.partition(".")[2], TOKEN[4:], f"tsr{TOKEN[3:]}", CSRF]
    ledger.keep(Remains("everything", "\n".join([*said, *heard, "somebody-or-other", "challenge-of-one"]).encode()))
    found = {int(each.rpartition("line ")[2].partition(":")[0]) for each in ledger.betrayals(tmp_path)}
    assert found == set(range(1, len(said) + len(heard) + 1))
