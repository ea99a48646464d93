"""What a case is, and the few words in which an answer is told."""

from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import parse_qs, urlsplit

import httpx

from tests.interop.black_box.parties import STATE, Parties


@dataclass(frozen=True, slots=True)
class Case:
    """Something that is done to a server, and what we hold to be the answer by the section that says so."""

    name: str
    source: str
    expected: str
    observe: Callable[[Parties], str]

    def __str__(self) -> str:
        return self.name


def told_to_client(answer: httpx.Response, redirect_uri: str, issuer: str) -> str:
    """Tell an answer of the authorization endpoint: a page, a question to the person, or what the client is told."""
    location = answer.headers.get("location", "")
    if not answer.is_redirect:
        return "page" if answer.is_client_error else f"status {answer.status_code}"
    if not location.startswith(redirect_uri):
        return "asks" if urlsplit(location).netloc in {"", urlsplit(issuer).netloc} else "redirects elsewhere"
    told = parse_qs(urlsplit(location).query or urlsplit(location).fragment, keep_blank_values=True)
    words = [told.get("error", ["code"])[0]]
    if told.get("state") != [STATE]:
        words.append("without state")
    if told.get("iss") != [issuer]:
        words.append("without iss")
    return ", ".join(words)


def told_to_program(answer: httpx.Response) -> str:
    """Tell an answer of the other endpoints: its status, the error if there is one, and which header it lacks."""
    words = [str(answer.status_code), _error(answer)]
    if answer.content and "no-store" not in answer.headers.get("cache-control", ""):
        words.append("without no-store")
    if answer.status_code == httpx.codes.UNAUTHORIZED and "www-authenticate" not in answer.headers:
        words += ["without challenge"] if "authorization" in answer.request.headers else []
    return " ".join(word for word in words if word)


def _error(answer: httpx.Response) -> str:
    if not answer.content:
        return ""
    try:
        return str(answer.json().get("error", ""))
    except ValueError:
        return "not JSON"
