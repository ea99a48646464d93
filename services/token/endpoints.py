"""HTTP: `POST /oauth2/token` (RFC 6749 §3.2, §5.1, §5.2) and `POST /oauth2/revoke` (RFC 7009 §2)."""

from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse

from services.token import token_request, token_revocation
from services.token.grants import Dispatcher
from services.token.model import IssuedTokens
from services.token.token_revocation import TokenRevocation
from tallystick.oauth2.scope import scope_string
from tallystick.runtime.oauth_http import CountsRefusals, answered, authorization, read_form

TOKEN_PATH = "/oauth2/token"
REVOCATION_PATH = "/oauth2/revoke"


class TokenEndpoint:
    """Reads the form, calls the dispatcher, and writes what comes of it."""

    def __init__(self, dispatcher: Dispatcher, refused: CountsRefusals) -> None:
        self._dispatcher = dispatcher
        self._refused = refused

    def add_to(self, app: FastAPI) -> None:
        """Serve the token endpoint; other methods than POST get 405."""
        app.add_route(TOKEN_PATH, self.post, methods=["POST"])

    async def post(self, request: Request) -> Response:
        """Answer a token request. Nothing but the body and the `Authorization` header has an effect."""
        return await answered(self._tokens(request), self._refused)

    async def _tokens(self, request: Request) -> Response:
        parameters = await read_form(request, token_request.ONCE)
        return _answer(await self._dispatcher.exchange(parameters, authorization(request)))


class RevocationEndpoint:
    """Reads the form, has the token revoked, and answers with nothing (RFC 7009 §2.2)."""

    def __init__(self, revocation: TokenRevocation, refused: CountsRefusals) -> None:
        self._revocation = revocation
        self._refused = refused

    def add_to(self, app: FastAPI) -> None:
        """Serve the revocation endpoint; other methods than POST get 405, JSONP (§2.3) among them."""
        app.add_route(REVOCATION_PATH, self.post, methods=["POST"])

    async def post(self, request: Request) -> Response:
        """Answer a revocation request; what is not known to be over is never called so."""
        return await answered(self._revoked(request), self._refused)

    async def _revoked(self, request: Request) -> Response:
        parameters = await read_form(request, token_revocation.ONCE)
        await self._revocation.revoke(parameters, authorization(request))
        return Response()


def _answer(tokens: IssuedTokens) -> Response:
    members: dict[str, object] = {
        "access_token": tokens.access_token,
        "token_type": "Bearer",
        "expires_in": tokens.expires_in,
        "scope": scope_string(tokens.scopes),
    }
    if tokens.refresh_token is not None:
        members["refresh_token"] = tokens.refresh_token
    return JSONResponse(members)
