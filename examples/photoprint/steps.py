"""Each message of the protocol as lines to show: a name, its value, and what it is for."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl, urlsplit

from examples.photoprint.authorization import AuthorizationRequest, TokenExchange

# What must not be read over somebody's shoulder, even in a demo.
SECRETS = frozenset({"access_token", "refresh_token", "token", "code_verifier", "Authorization", "authorization"})

AUTHORIZATION_REQUEST = {
    "response_type": "Asks for a code. Tokens never travel through the browser.",
    "client_id": "Who is asking: the name that Tallystick gave PhotoPrint. Anybody may know it.",
    "redirect_uri": "Where the answer shall go. It must be one that PhotoPrint registered, to the letter.",
    "scope": "What PhotoPrint would like to do. You decide what it gets.",
    "state": "A random value that must come back unchanged, so that nobody can slip PhotoPrint a foreign answer.",
    "code_challenge": "The SHA-256 of a secret that PhotoPrint keeps: one half of the tally stick (PKCE).",
    "code_challenge_method": "How the challenge was made from the secret.",
}
AUTHORIZATION_RESPONSE = {
    "code": "Stands for your yes. It works once, within a minute, and only together with the secret half.",
    "state": "The value from the request.",
    "iss": "Who answers: the issuer of the code.",
}
TOKEN_REQUEST = {
    "Authorization": "client_id and client_secret, by HTTP Basic: proves that this is PhotoPrint's own server.",
    "grant_type": "What is being traded in.",
    "code": "The code that the browser brought.",
    "redirect_uri": "The same as before: the code is good for this place only.",
    "code_verifier": "The other half of the tally stick. Its SHA-256 must be the challenge.",
    "refresh_token": "What PhotoPrint was given to come back with.",
    "token": "What PhotoPrint gives back.",
    "client_id": "A public client only says who it is: it has no secret to prove it by.",
}
TOKEN_RESPONSE = {
    "access_token": "The key to the API. Whoever holds it may use it, so it goes nowhere else.",
    "token_type": "Bearer: it works for its holder, without further proof.",
    "expires_in": "For how many seconds the access token is good.",
    "refresh_token": "Buys the next access token without asking you again.",
    "scope": "What you allowed.",
}
API_REQUEST = {"authorization": "The access token, as metadata of the call. PhotoStorage is told nothing else of you."}


@dataclass(frozen=True, slots=True)
class Line:
    """One parameter of a message; `masked` says that only its ends are shown."""

    name: str
    value: str
    meaning: str
    masked: bool = False


def masked(value: str) -> str:
    """Return the ends of a secret."""
    scheme, _, rest = value.rpartition(" ")
    shown = f"{rest[:8]}…{rest[-4:]}" if len(rest) > 16 else "…"
    return f"{scheme} {shown}".strip()


def authorization_request(request: AuthorizationRequest) -> tuple[str, tuple[Line, ...]]:
    """Return the endpoint and the lines of the authorization request."""
    url = urlsplit(request.url)
    return f"{url.scheme}://{url.netloc}{url.path}", _lines(AUTHORIZATION_REQUEST, dict(parse_qsl(url.query)))


def authorization_response(answer: Mapping[str, str]) -> tuple[Line, ...]:
    """Return the lines of the answer that the browser brought."""
    return _lines(AUTHORIZATION_RESPONSE, answer)


def token_request(exchange: TokenExchange) -> tuple[Line, ...]:
    """Return the lines of a token or revocation request: the client's authentication, then the form."""
    headers = {name: value for name, value in exchange.headers.items() if name == "Authorization"}
    return _lines(TOKEN_REQUEST, {**headers, **exchange.form})


def token_response(exchange: TokenExchange) -> tuple[Line, ...]:
    """Return the lines of the token endpoint's answer."""
    return _lines(TOKEN_RESPONSE, {name: str(value) for name, value in exchange.answer.items()})


def api_request(tokens: TokenExchange) -> tuple[Line, ...]:
    """Return the lines of the call to the API (RFC 6750 §2.1)."""
    return _lines(API_REQUEST, {"authorization": f"Bearer {tokens.access_token}"})


def given_scopes(asked: Iterable[str], tokens: TokenExchange) -> tuple[str, ...]:
    """Return what was allowed; an answer without `scope` allows all that was asked for (RFC 6749 §5.1)."""
    return tuple(str(tokens.answer.get("scope", " ".join(asked))).split())


def lifetime(tokens: TokenExchange) -> str:
    """Return in words how long an access token is good."""
    seconds = tokens.answer.get("expires_in")
    if not isinstance(seconds, int):
        return "a time that Tallystick does not tell"
    minutes, rest = divmod(seconds, 60)
    return f"{seconds} seconds" if rest or not minutes else f"{minutes} minute{'s' if minutes > 1 else ''}"


def rotation(before: TokenExchange, now: TokenExchange) -> tuple[tuple[str, str, str], ...]:
    """Return what each token was and is."""
    return (
        ("access token", masked(before.access_token), masked(now.access_token)),
        ("refresh token", masked(before.refresh_token), masked(now.refresh_token)),
    )


def _lines(meanings: Mapping[str, str], message: Mapping[str, str]) -> tuple[Line, ...]:
    known = [name for name in meanings if name in message]
    others = [name for name in message if name not in meanings]
    return tuple(
        Line(
            name,
            masked(message[name]) if name in SECRETS else message[name],
            meanings.get(name, "Something that PhotoPrint does not know, and so ignores."),
            masked=name in SECRETS,
        )
        for name in (*known, *others)
    )
