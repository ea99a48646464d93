"""The authorization server as PhotoPrint's tests have it: it says what it is told to say."""

import json

import httpx

from examples.photoprint.authorization import Registration

ISSUER = "https://auth.example"
PUBLIC = Registration("public-client", None, "http://127.0.0.1:8090/callback")
CONFIDENTIAL = Registration("confidential-client", "a-secret-that-is-long", "http://127.0.0.1:8090/callback")
METADATA = {
    "issuer": ISSUER,
    "authorization_endpoint": f"{ISSUER}/authorize",
    "token_endpoint": f"{ISSUER}/token",
    "revocation_endpoint": f"{ISSUER}/revoke",
    "authorization_response_iss_parameter_supported": True,
}
TOKENS = {
    "access_token": "an-access-token-that-is-long",
    "token_type": "Bearer",
    "expires_in": 600,
    "refresh_token": "a-refresh-token-that-is-long",
    "scope": "albums.read",
}


class Issuer(httpx.BaseTransport):
    """An authorization server that says what it is told to say, and remembers what it was asked."""

    def __init__(self, metadata: object = METADATA, tokens: object = TOKENS, status: int = 200) -> None:
        self.metadata = metadata
        self.tokens = tokens
        self.status = status
        self.asked: list[httpx.Request] = []

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        if request.url.path == "/.well-known/oauth-authorization-server":
            return httpx.Response(200, json=self.metadata)
        self.asked.append(request)
        if request.url.path == "/revoke":
            return httpx.Response(self.status)
        return httpx.Response(self.status, content=json.dumps(self.tokens))
