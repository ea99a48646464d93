"""Notes the secrets in the HTTP that tests speak, for the search at the run's end.

A client of httpx listens with `event_hooks=OVERHEARD`. What other clients and browsers send is known by its form, as
far as it has one: see `secrets_ledger`.
"""

import json
import re
from base64 import b64decode
from binascii import Error
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl, unquote_plus, urlsplit

import httpx

from tallystick.oauth2.pkce import s256
from tests.support.secrets_ledger import LEDGER, SecretsLedger

_TYPED = ("password", "client_secret", "code_verifier")
_GIVEN = ("access_token", "refresh_token", "client_secret")
_HIDDEN = re.compile(r'name="(csrf|interaction)" value="([^"]+)"')
_COOKIE = re.compile(r"\s*([^=;]+)=([^;]*)")
_LONGEST = 65_536
"""Bodies beyond are hostile, and nobody's secrets."""


def listening(ledger: SecretsLedger) -> dict[str, list[Callable[..., Any]]]:
    """Return the event hooks of a client whose exchanges go into a ledger."""

    def note(response: httpx.Response) -> None:
        _note_request(ledger, response.request)
        _note_answer(ledger, response)

    return {"response": [note]}


OVERHEARD = listening(LEDGER)
"""The event hooks for the ledger of this run."""


def _note_request(ledger: SecretsLedger, request: httpx.Request) -> None:
    body = request.read()
    for name, value in _fields(body.decode(errors="replace") if len(body) <= _LONGEST else ""):
        if name in _TYPED:
            ledger.note(name, value)
        if name == "code_verifier" and value.isascii():
            ledger.publish(s256(value))
    ledger.publish(*(value for name, value in _fields(request.url.query.decode()) if name == "code_challenge"))
    for _, value in _COOKIE.findall(request.headers.get("cookie", "")):
        ledger.note("cookie", value)
    scheme, _, credentials = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "basic":
        ledger.note("client_secret", _secret_in(credentials))


def _note_answer(ledger: SecretsLedger, response: httpx.Response) -> None:
    for cookie in response.headers.get_list("set-cookie"):
        for _, value in _COOKIE.findall(cookie)[:1]:
            ledger.note("cookie", value)
    for name, value in _fields(_query(response.headers.get("location", ""))):
        if name == "code":
            ledger.note("code", value, value.partition(".")[2])
    content = response.read()
    if content.startswith(b"{"):
        for name, value in _members(content):
            if name in _GIVEN and isinstance(value, str):
                ledger.note(name, value, value.partition("_")[2])
    elif b'name="csrf"' in content:
        for name, value in _HIDDEN.findall(content.decode(errors="replace")):
            ledger.note(name, value)


def _secret_in(credentials: str) -> str:
    try:
        return unquote_plus(b64decode(credentials).decode(errors="replace").partition(":")[2])
    except (Error, ValueError):
        return ""


def _query(location: str) -> str:
    try:
        return urlsplit(location).query
    except ValueError:
        return ""


def _fields(form: str) -> list[tuple[str, str]]:
    try:
        return parse_qsl(form, errors="replace")
    except ValueError:
        return []


def _members(content: bytes) -> list[tuple[str, Any]]:
    try:
        value = json.loads(content)
    except ValueError:
        return []
    return list(value.items()) if isinstance(value, dict) else []
