"""The OAuth part of PhotoPrint: an authorization code with PKCE, refresh, and revocation. authlib does the protocol.

This module decides what to ask, checks what comes back, and keeps what was said so that the pages can show it.
"""

import hmac
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlencode

import httpx
from authlib.oauth2 import OAuth2Client, OAuth2Error
from authlib.oauth2.rfc8414 import get_well_known_url

SECONDS = 10.0
SCOPES = ("albums.read", "albums.write")


@dataclass(frozen=True, slots=True)
class Registration:
    """What the authorization server knows PhotoPrint by; a public client has no secret."""

    client_id: str
    client_secret: str | None = field(repr=False)
    redirect_uri: str


@dataclass(frozen=True, slots=True)
class AuthorizationRequest:
    """One request, with what PhotoPrint must remember until the answer: `state` and `code_verifier`."""

    url: str = field(repr=False)
    state: str = field(repr=False)
    code_verifier: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class TokenExchange:
    """What was sent to the token endpoint, or to the revocation endpoint, and what it answered."""

    url: str
    headers: Mapping[str, str] = field(repr=False)
    form: Mapping[str, str] = field(repr=False)
    status: int
    answer: Mapping[str, Any] = field(repr=False)

    @property
    def access_token(self) -> str:
        """The token for the API."""
        return str(self.answer.get("access_token", ""))

    @property
    def refresh_token(self) -> str:
        """The token for new tokens; empty if there is none."""
        return str(self.answer.get("refresh_token", ""))


class AnswerRefused(Exception):
    """The browser brought an answer that is not to be trusted; `reason` names the check that failed."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class ErrorResponse(Exception):
    """The authorization server said no (RFC 6749 §4.1.2.1 and §5.2)."""

    def __init__(self, error: str, description: str) -> None:
        super().__init__(error)
        self.error = error
        self.description = description


class NotAnswering(Exception):
    """The authorization server cannot be reached, or does not answer as one."""


class AuthorizationServer:
    """Tallystick, as PhotoPrint sees it: nothing but an issuer, whose metadata tells the rest (RFC 8414)."""

    def __init__(self, issuer: str, http: httpx.Client) -> None:
        self.issuer = issuer
        self._http = http
        self._metadata: Mapping[str, Any] | None = None

    def request(self, registration: Registration) -> AuthorizationRequest:
        """Make an authorization request (RFC 6749 §4.1.1) with a code challenge (RFC 7636 §4.3).

        Raises:
            NotAnswering: if the metadata cannot be read.
        """
        client = self._client(registration, _Recorder(self._http))
        code_verifier = secrets.token_urlsafe(32)
        url, state = client.create_authorization_url(
            self._read_metadata()["authorization_endpoint"],
            state=secrets.token_urlsafe(16),
            code_verifier=code_verifier,
            scope=" ".join(SCOPES),
        )
        return AuthorizationRequest(url, state, code_verifier)

    def check(self, request: AuthorizationRequest, answer: Mapping[str, str]) -> str:
        """Return the code of an answer that belongs to this request and comes from this issuer.

        Raises:
            AnswerRefused: if `state` or `iss` is not what it must be.
            ErrorResponse: if the answer is a no.
            NotAnswering: if the metadata cannot be read.
        """
        if not hmac.compare_digest(answer.get("state", "").encode(), request.state.encode()):
            raise AnswerRefused("state")
        # RFC 9207 §2.4: an answer of another server, or of nobody, could make us send the code to the wrong place.
        announced = self._read_metadata().get("authorization_response_iss_parameter_supported", False)
        if (announced or "iss" in answer) and answer.get("iss") != self.issuer:
            raise AnswerRefused("iss")
        if "error" in answer:
            raise ErrorResponse(answer["error"], answer.get("error_description", ""))
        if not answer.get("code"):
            raise AnswerRefused("code")
        return answer["code"]

    def redeem(self, registration: Registration, request: AuthorizationRequest, code: str) -> TokenExchange:
        """Trade the code for tokens (RFC 6749 §4.1.3).

        Raises:
            ErrorResponse: if the server refuses.
            NotAnswering: if it cannot be asked.
        """
        return self._exchange(
            registration,
            lambda client, endpoint: client.fetch_token(endpoint, code=code, code_verifier=request.code_verifier),
        )

    def refresh(self, registration: Registration, refresh_token: str) -> TokenExchange:
        """Trade the refresh token for new tokens (RFC 6749 §6).

        Raises:
            ErrorResponse: if the server refuses.
            NotAnswering: if it cannot be asked.
        """
        return self._exchange(
            registration, lambda client, endpoint: client.refresh_token(endpoint, refresh_token=refresh_token)
        )

    def revoke(self, registration: Registration, token: str) -> TokenExchange:
        """Give a token back (RFC 7009 §2.1): nothing that came of the same permission works any more.

        Raises:
            NotAnswering: if the server does not say that it is over.
        """
        return self._sent(
            registration, "revocation_endpoint", lambda client, endpoint: client.revoke_token(endpoint, token=token)
        )

    def _exchange(self, registration: Registration, send: Callable[[OAuth2Client, str], object]) -> TokenExchange:
        exchange = self._sent(registration, "token_endpoint", send)
        # RFC 6749 §7.1: a token of a type that we do not understand is not to be used.
        if not exchange.access_token or exchange.answer.get("token_type", "").lower() != "bearer":
            raise NotAnswering
        return exchange

    def _sent(
        self, registration: Registration, endpoint: str, send: Callable[[OAuth2Client, str], object]
    ) -> TokenExchange:
        recorder, url = _Recorder(self._http), self._read_metadata().get(endpoint)
        if not url:
            raise NotAnswering
        try:
            send(self._client(registration, recorder), url)
        except OAuth2Error as error:
            raise ErrorResponse(error.error, error.description or "") from error
        except (httpx.HTTPError, ValueError) as error:
            raise NotAnswering from error
        if recorder.exchange is None:
            raise NotAnswering
        return recorder.exchange

    def _client(self, registration: Registration, recorder: "_Recorder") -> OAuth2Client:
        return OAuth2Client(
            recorder,
            client_id=registration.client_id,
            client_secret=registration.client_secret,
            redirect_uri=registration.redirect_uri,
            code_challenge_method="S256",
        )

    def _read_metadata(self) -> Mapping[str, Any]:
        if self._metadata is None:
            try:
                answer = self._http.get(get_well_known_url(self.issuer, external=True)).raise_for_status()
                metadata = answer.json()
            except (httpx.HTTPError, ValueError) as error:
                raise NotAnswering from error
            # RFC 8414 §3.3: metadata that names another issuer is not to be used.
            if not isinstance(metadata, dict) or metadata.get("issuer") != self.issuer:
                raise NotAnswering
            if not {"authorization_endpoint", "token_endpoint"} <= metadata.keys():
                raise NotAnswering
            self._metadata = metadata
        return self._metadata


class _Recorder:
    """The session that authlib posts through: httpx, and a note of what was said."""

    def __init__(self, http: httpx.Client) -> None:
        self._http = http
        self.exchange: TokenExchange | None = None

    def post(self, url: str, *, data: Mapping[str, str], headers: Mapping[str, str], auth: Any) -> httpx.Response:
        """Send a form with the client's authentication, as authlib prepares it."""
        url, headers, body = auth.prepare("POST", url, dict(headers), urlencode(data))
        answer = self._http.post(url, headers=headers, content=body)
        if answer.is_success:
            said = answer.json() if answer.content else {}
            self.exchange = TokenExchange(url, headers, dict(parse_qsl(body)), answer.status_code, said)
        return answer
