"""Who a client is, at each endpoint for programs, and how these are spoken to."""

from base64 import b64encode
from collections.abc import Callable
from dataclasses import replace

import httpx

from tests.interop.black_box.case import Case, told_to_program
from tests.interop.black_box.parties import Parties

_ENDPOINTS = {
    "token_endpoint": {"grant_type": "client_credentials"},
    "revocation_endpoint": {"token": "unknown"},
    "introspection_endpoint": {"token": "unknown"},
}
_FORM = {"content-type": "application/x-www-form-urlencoded"}

Ask = Callable[[Parties, str, dict[str, str]], httpx.Response]


def _right(parties: Parties, endpoint: str, form: dict[str, str]) -> httpx.Response:
    return parties.post(endpoint, parties.target.confidential, form)


def _wrong_secret(parties: Parties, endpoint: str, form: dict[str, str]) -> httpx.Response:
    return parties.post(endpoint, replace(parties.target.confidential, client_secret="wrong"), form)


def _unknown_client(parties: Parties, endpoint: str, form: dict[str, str]) -> httpx.Response:
    return parties.post(endpoint, replace(parties.target.confidential, client_id="unknown"), form)


def _no_secret(parties: Parties, endpoint: str, form: dict[str, str]) -> httpx.Response:
    return parties.post(endpoint, replace(parties.target.confidential, client_secret=None), form)


def _nobody(parties: Parties, endpoint: str, form: dict[str, str]) -> httpx.Response:
    return parties.post(endpoint, None, form)


def _unregistered_method(parties: Parties, endpoint: str, form: dict[str, str]) -> httpx.Response:
    client = parties.target.confidential
    own = {"client_id": client.client_id, "client_secret": client.client_secret}
    return parties.post(endpoint, None, {**form, **own})


def _two_methods(parties: Parties, endpoint: str, form: dict[str, str]) -> httpx.Response:
    client = parties.target.confidential
    return parties.post(endpoint, client, {**form, "client_secret": client.client_secret})


def _another_client_id(parties: Parties, endpoint: str, form: dict[str, str]) -> httpx.Response:
    other = parties.target.other_confidential
    return parties.post(endpoint, parties.target.confidential, {**form, "client_id": other.client_id})


def _same_client_id(parties: Parties, endpoint: str, form: dict[str, str]) -> httpx.Response:
    client = parties.target.confidential
    return parties.post(endpoint, client, {**form, "client_id": client.client_id})


def _no_colon(parties: Parties, endpoint: str, form: dict[str, str]) -> httpx.Response:
    return parties.post(endpoint, None, form, authorization=f"Basic {b64encode(b'no-colon').decode()}")


def _no_base64(parties: Parties, endpoint: str, form: dict[str, str]) -> httpx.Response:
    return parties.post(endpoint, None, form, authorization="Basic %%%")


def _get(parties: Parties, endpoint: str, form: dict[str, str]) -> httpx.Response:
    return parties.send("GET", f"{endpoint}?{httpx.QueryParams(form)}", "", auth=_auth(parties))


def _in_the_query(parties: Parties, endpoint: str, form: dict[str, str]) -> httpx.Response:
    return parties.send("POST", f"{endpoint}?{httpx.QueryParams(form)}", "", auth=_auth(parties), headers=_FORM)


def _in_json(parties: Parties, endpoint: str, form: dict[str, str]) -> httpx.Response:
    pairs = ",".join(f'"{name}":"{value}"' for name, value in form.items())
    headers = {"content-type": "application/json"}
    return parties.send("POST", endpoint, f"{{{pairs}}}", auth=_auth(parties), headers=headers)


def _twice(parties: Parties, endpoint: str, form: dict[str, str]) -> httpx.Response:
    once = str(httpx.QueryParams(form))
    return parties.send("POST", endpoint, f"{once}&{once}", auth=_auth(parties), headers=_FORM)


def _nothing(parties: Parties, endpoint: str, form: dict[str, str]) -> httpx.Response:
    return parties.post(endpoint, parties.target.confidential, dict.fromkeys(form, ""))


def _auth(parties: Parties) -> httpx.BasicAuth:
    client = parties.target.confidential
    return httpx.BasicAuth(client.client_id, client.client_secret or "")


_REFUSED = "401 invalid_client"
_MALFORMED = "400 invalid_request"
_TABLE: list[tuple[str, str, str, Ask]] = [
    ("the right secret", "RFC 6749 §2.3.1", "200", _right),
    ("a wrong secret", "RFC 6749 §5.2", _REFUSED, _wrong_secret),
    ("an unknown client", "RFC 6749 §5.2", _REFUSED, _unknown_client),
    ("a confidential client without its secret", "RFC 6749 §3.2.1", _REFUSED, _no_secret),
    ("no client", "RFC 6749 §5.2", _REFUSED, _nobody),
    ("the secret by a method that is not registered", "RFC 7591 §2", _REFUSED, _unregistered_method),
    ("two methods at once", "RFC 6749 §2.3", _MALFORMED, _two_methods),
    ("another client_id beside Basic", "RFC 6749 §2.3", _MALFORMED, _another_client_id),
    ("the same client_id beside Basic", "RFC 6749 §3.2.1", "200", _same_client_id),
    ("Basic without a colon", "RFC 7617 §2", _REFUSED, _no_colon),
    ("Basic that is no base64", "RFC 7617 §2", _REFUSED, _no_base64),
    ("GET", "RFC 6749 §3.2", "405 invalid_request", _get),
    ("parameters in the query", "RFC 6749 §3.2", _MALFORMED, _in_the_query),
    ("parameters in JSON", "RFC 6749 App. B", _MALFORMED, _in_json),
    ("every parameter twice", "RFC 6749 §3.2", _MALFORMED, _twice),
    ("every parameter empty", "RFC 6749 §3.2", _MALFORMED, _nothing),
]


def _observed(ask: Ask, endpoint: str, form: dict[str, str]) -> Callable[[Parties], str]:
    def observe(parties: Parties) -> str:
        full = {**form, "scope": parties.target.scopes[0]} if endpoint == "token_endpoint" else form
        return told_to_program(ask(parties, endpoint, full))

    return observe


CLIENT_CASES = [
    Case(f"{endpoint.removesuffix('_endpoint')}: {name}", source, expected, _observed(ask, endpoint, form))
    for endpoint, form in _ENDPOINTS.items()
    for name, source, expected, ask in _TABLE
]
