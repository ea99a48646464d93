"""What PhotoPrint asks, and which answers it takes."""

from urllib.parse import parse_qs, parse_qsl, urlsplit

import httpx
import pytest

from examples.photoprint import steps
from examples.photoprint.authorization import (
    AnswerRefused,
    AuthorizationServer,
    ErrorResponse,
    NotAnswering,
)
from tallystick.oauth2.pkce import s256
from tests.unit.photoprint.issuer import CONFIDENTIAL, ISSUER, METADATA, PUBLIC, TOKENS, Issuer


def photoprint_at(server: Issuer) -> AuthorizationServer:
    """Return the server as PhotoPrint sees it."""
    return AuthorizationServer(ISSUER, httpx.Client(transport=server))


def test_a_request_is_what_the_specifications_want() -> None:
    """A request carries a challenge of the verifier that is kept, a state of its own, and no secret."""
    server = photoprint_at(Issuer())
    first, second = server.request(CONFIDENTIAL), server.request(CONFIDENTIAL)
    sent = dict(parse_qsl(urlsplit(first.url).query))
    assert sent.pop("state") == first.state != second.state
    assert sent.pop("code_challenge") == s256(first.code_verifier)
    assert first.code_verifier != second.code_verifier
    assert sent == {
        "response_type": "code",
        "client_id": "confidential-client",
        "redirect_uri": "http://127.0.0.1:8090/callback",
        "scope": "albums.read albums.write",
        "code_challenge_method": "S256",
    }


def test_a_good_answer_gives_its_code() -> None:
    """An answer with the state of the request and the issuer's name is taken."""
    server = photoprint_at(Issuer())
    request = server.request(PUBLIC)
    assert server.check(request, {"code": "c", "state": request.state, "iss": ISSUER}) == "c"


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ({"code": "c", "iss": ISSUER}, "state"),
        ({"code": "c", "iss": ISSUER, "state": ""}, "state"),
        ({"code": "c", "iss": ISSUER, "state": "é"}, "state"),
        ({"code": "c", "state": "right"}, "iss"),
        ({"code": "c", "state": "right", "iss": ""}, "iss"),
        ({"code": "c", "state": "right", "iss": f"{ISSUER}/"}, "iss"),
        ({"code": "c", "state": "right", "iss": "https://evil.example"}, "iss"),
        ({"error": "access_denied", "state": "right"}, "iss"),
        ({"error": "access_denied", "iss": ISSUER}, "state"),
        ({"state": "right", "iss": ISSUER}, "code"),
        ({"code": "", "state": "right", "iss": ISSUER}, "code"),
    ],
)
def test_an_untrusted_answer_is_refused(answer: dict[str, str], reason: str) -> None:
    """An answer without the right state and issuer is refused, a no just as a yes (RFC 6749 §10.12, RFC 9207 §2.4)."""
    server = photoprint_at(Issuer())
    request = server.request(PUBLIC)
    with pytest.raises(AnswerRefused) as refused:
        server.check(request, {**answer, **({"state": request.state} if answer.get("state") == "right" else {})})
    assert refused.value.reason == reason


def test_a_server_that_names_no_issuer_is_allowed_to() -> None:
    """Without RFC 9207 in the metadata an answer needs no issuer, but one that is there must be right."""
    plain = {name: value for name, value in METADATA.items() if "iss_parameter" not in name}
    server = photoprint_at(Issuer(plain))
    request = server.request(PUBLIC)
    assert server.check(request, {"code": "c", "state": request.state}) == "c"
    with pytest.raises(AnswerRefused):
        server.check(request, {"code": "c", "state": request.state, "iss": "https://evil.example"})


def test_a_no_is_an_error_response() -> None:
    """A trusted no carries its reason."""
    server = photoprint_at(Issuer())
    request = server.request(PUBLIC)
    with pytest.raises(ErrorResponse) as no:
        server.check(request, {"error": "access_denied", "state": request.state, "iss": ISSUER})
    assert (no.value.error, no.value.description) == ("access_denied", "")


@pytest.mark.parametrize(
    "metadata", [{**METADATA, "issuer": "https://evil.example"}, {"issuer": ISSUER}, [], "nothing", None]
)
def test_metadata_of_somebody_else_are_refused(metadata: object) -> None:
    """Metadata that name another issuer or lack an endpoint are not used (RFC 8414 §3.3)."""
    with pytest.raises(NotAnswering):
        photoprint_at(Issuer(metadata)).request(PUBLIC)


def test_a_public_client_shows_its_verifier() -> None:
    """A public client sends its id and the verifier, and no authentication."""
    transport = Issuer()
    server = photoprint_at(transport)
    request = server.request(PUBLIC)
    exchange = server.redeem(PUBLIC, request, "a-code")
    sent = parse_qs(transport.asked[0].content.decode())
    assert "authorization" not in transport.asked[0].headers
    assert sent == {
        "grant_type": ["authorization_code"],
        "code": ["a-code"],
        "redirect_uri": [PUBLIC.redirect_uri],
        "code_verifier": [request.code_verifier],
        "client_id": ["public-client"],
    }
    assert exchange.access_token == TOKENS["access_token"]


def test_a_confidential_client_shows_its_secret_too() -> None:
    """A confidential client authenticates by HTTP Basic, when it redeems and when it refreshes."""
    transport = Issuer()
    server = photoprint_at(transport)
    server.redeem(CONFIDENTIAL, server.request(CONFIDENTIAL), "a-code")
    server.refresh(CONFIDENTIAL, "old")
    assert all(asked.headers["authorization"].startswith("Basic ") for asked in transport.asked)
    assert parse_qs(transport.asked[1].content.decode()) == {"grant_type": ["refresh_token"], "refresh_token": ["old"]}


def test_a_refused_exchange_carries_its_reason() -> None:
    """An error of the token endpoint is told with its description."""
    server = photoprint_at(Issuer(tokens={"error": "invalid_grant", "error_description": "spent"}, status=400))
    with pytest.raises(ErrorResponse) as no:
        server.refresh(PUBLIC, "old")
    assert (no.value.error, no.value.description) == ("invalid_grant", "spent")


@pytest.mark.parametrize(
    ("tokens", "status"),
    [
        ({**TOKENS, "token_type": "mac"}, 200),
        ({**TOKENS, "access_token": ""}, 200),
        ({"token_type": "Bearer"}, 200),
        ([], 200),
        ("oops", 200),
        (TOKENS, 503),
        ({"error": "server_error"}, 500),
    ],
)
def test_an_answer_that_makes_no_sense_is_no_token(tokens: object, status: int) -> None:
    """Neither another token type (RFC 6749 §7.1) nor half an answer nor a failing server gives tokens."""
    with pytest.raises(NotAnswering):
        photoprint_at(Issuer(tokens=tokens, status=status)).refresh(PUBLIC, "old")


def test_what_is_shown_holds_no_secret() -> None:
    """Of tokens, verifier and client secret the pages show the ends only."""
    server = photoprint_at(Issuer())
    request = server.request(CONFIDENTIAL)
    exchange = server.redeem(CONFIDENTIAL, request, "a-code")
    shown = (*steps.token_request(exchange), *steps.token_response(exchange), *steps.api_request(exchange))
    text = " ".join(line.value for line in shown)
    for secret in (
        exchange.access_token,
        exchange.refresh_token,
        request.code_verifier,
        exchange.headers["Authorization"],
    ):
        assert secret not in text
    assert {line.name for line in shown if line.masked} == {
        "Authorization",
        "authorization",
        "code_verifier",
        "access_token",
        "refresh_token",
    }
