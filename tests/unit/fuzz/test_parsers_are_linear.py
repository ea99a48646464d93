"""No parser takes longer than its input: what repeats for as long as a body may be is judged within a second."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from ipaddress import ip_network

import pytest

from services.authorize.pages.accept_language import preferred_language
from services.authorize.pages.destination import Destination
from services.authorize.pages.display_text import display_text
from services.authorize.registry.page import page_request
from services.token.grant_page import position
from tallystick.oauth2.audience import is_resource_identifier, target
from tallystick.oauth2.authorization_code import parse_authorization_code
from tallystick.oauth2.bearer_token import bearer_token
from tallystick.oauth2.client import ApplicationType
from tallystick.oauth2.client_authentication import basic_credentials
from tallystick.oauth2.errors import OAuthError
from tallystick.oauth2.opaque_token import CredentialType, is_credential, parse_access_token
from tallystick.oauth2.parameters import MalformedForm, parse_form, parse_query
from tallystick.oauth2.pkce import CodeChallenge, CodeChallengeMethod, answers
from tallystick.oauth2.redirect_uri import is_on_device, matching, registration_problem
from tallystick.oauth2.refresh_token import parse_refresh_token
from tallystick.oauth2.scope import parse_scope
from tallystick.oauth2.service_name import MalformedServiceName, parse_service_name
from tallystick.runtime import request_id
from tallystick.runtime.callers import bearer_credential
from tallystick.runtime.failures import Failure
from tallystick.runtime.forwarded import TrustedProxies, parse_address
from tallystick.runtime.http import MAX_BODY_BYTES

SECONDS = 1.0
"""Of the processor, not of the clock; in fact each takes a few milliseconds."""

PROXIES = TrustedProxies((ip_network("10.0.0.0/8"),))

PARSERS: dict[str, Callable[[str], object]] = {
    "access token": parse_access_token,
    "refresh token": parse_refresh_token,
    "authorization code": parse_authorization_code,
    "credential": lambda text: is_credential(CredentialType.OPERATOR, text),
    "basic": basic_credentials,
    "bearer": bearer_token,
    "metadata": bearer_credential,
    "form": lambda text: parse_form(text.encode()).optional("a"),
    "query": lambda text: parse_query(text.encode()),
    "scope": parse_scope,
    "challenge": lambda text: CodeChallenge(text, CodeChallengeMethod.PLAIN).is_well_formed(),
    "verifier": lambda text: answers(text, CodeChallenge("a" * 43, CodeChallengeMethod.S256)),
    "redirect URI": lambda text: matching([text[:-1], "http://127.0.0.1/"], text, ApplicationType.NATIVE),
    "registered URI": lambda text: registration_problem(text, ApplicationType.NATIVE),
    "URI on the device": is_on_device,
    "destination": Destination.of,
    "resource": is_resource_identifier,
    "target": lambda text: target(text.split(" "), {}, requested=tuple(text.split(" ")), issuer="https://i.example"),
    "service": parse_service_name,
    "page token": position,
    "page token of records": lambda text: page_request("client", 0, text),
    "request id": lambda text: request_id.accepted(text, "fresh"),
    "shown text": lambda text: display_text(text, limit=100),
    "description": OAuthError,
    "language": lambda text: preferred_language([text], ("en", "de")),
    "address": parse_address,
    "forwarded": lambda text: PROXIES.origin("10.0.0.1", [text], ["https"]),
}
# These do not care how a text begins.
PLAIN = {"shown text", "target", "description"}

BEGINNINGS = (
    "", "Basic ", "Bearer ", "tsa_", "tsr_", "http://127.0.0.1:", "https://", "com.example.", "POST /", "a=", "http://[",
    "de;q=", "[", "1.1.1.1,",
)  # fmt: skip
REPEATED = (
    "a",
    " ",
    "=",
    "&",
    "%",
    "%41",
    "+",
    ".",
    "a.",
    "/",
    "/a",
    "{a}",
    "/{a}",
    "0",
    "-",
    "a ",
    "a=&",
    "\u200d",
    "é",
    "@",
    ":",
)


def long_texts(beginnings: Sequence[str]) -> Iterator[str]:
    """Return texts as long as a body may be: a beginning, one thing again and again, an end that fits nothing."""
    for beginning in beginnings:
        for piece in REPEATED:
            yield beginning + piece * ((MAX_BODY_BYTES - len(beginning)) // len(piece)) + "\x01"


@pytest.mark.parametrize("name", PARSERS)
def test_a_long_text_is_judged_at_once(name: str) -> None:
    """Whatever repeats for 64 KiB is judged within a second of the processor's time (GEN-13)."""
    beginnings = ("",) if name in PLAIN else BEGINNINGS
    slowest = max((_seconds(PARSERS[name], text), text[:20]) for text in long_texts(beginnings))
    assert slowest[0] < SECONDS, slowest


def _seconds(parse: Callable[[str], object], text: str) -> float:
    began = time.process_time()
    with suppress(OAuthError, MalformedForm, MalformedServiceName, Failure, ValueError):
        parse(text)
    return time.process_time() - began
