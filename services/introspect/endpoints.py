"""`POST /oauth2/introspect` (RFC 7662 §2). Waiting for Postgres happens in threads of its own."""

import asyncio
from concurrent.futures import Executor
from contextvars import copy_context
from functools import partial

from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse

from services.introspect.caller_authentication import CallerAuthentication
from services.introspect.introspection import Introspect
from services.introspect.model import Introspection, Question
from tallystick.oauth2.parameters import Parameters
from tallystick.oauth2.scope import scope_string
from tallystick.runtime import oauth_http
from tallystick.runtime.bulkhead import Bulkhead
from tallystick.runtime.failures import TimedOut

PATH = "/oauth2/introspect"
_ONCE = frozenset({"token", "token_type_hint", "client_id", "client_secret"})
_ANSWER_SECONDS = 10.0


class IntrospectionEndpoint:
    """Reads a request, answers it in a thread, and writes the answer or the error."""

    def __init__(
        self,
        authentication: CallerAuthentication,
        introspect: Introspect,
        threads: Executor,
        calls: Bulkhead,
        refused: oauth_http.CountsRefusals = oauth_http.uncounted,
    ) -> None:
        self._authentication = authentication
        self._introspect = introspect
        self._threads = threads
        self._calls = calls
        self._refused = refused

    def add_to(self, app: FastAPI) -> None:
        """Serve the endpoint; any method but POST is answered 405."""
        app.add_route(PATH, self.post, methods=["POST"])

    async def post(self, request: Request) -> Response:
        """Answer one request."""
        return await oauth_http.answered(self._answered(request), self._refused)

    async def _answered(self, request: Request) -> Response:
        parameters = await oauth_http.read_form(request, _ONCE)
        question = partial(self._answer, oauth_http.authorization(request), parameters)
        try:
            async with asyncio.timeout(_ANSWER_SECONDS):
                loop = asyncio.get_running_loop()
                answer = await loop.run_in_executor(self._threads, copy_context().run, question)
        except TimeoutError:
            raise TimedOut("no thread had an answer in time") from None
        return JSONResponse(_members(answer))

    def _answer(self, authorization: str | None, parameters: Parameters) -> Introspection:
        caller = self._authentication.authenticate(authorization, parameters)
        # The hint is of no use, as a token tells its own type, but may not be repeated (RFC 7662 §2.1).
        parameters.optional("token_type_hint")
        with self._calls.place(caller):
            return self._introspect(Question(parameters.required("token")), caller)


def _members(answer: Introspection) -> dict[str, object]:
    """Return the JSON members (RFC 7662 §2.2): those that apply, and nothing beside `active` when it is false."""
    if not answer.active:
        return {"active": False}
    members = {
        "active": True,
        "scope": scope_string(answer.scopes),
        "client_id": answer.client_id,
        "username": answer.username,
        "token_type": answer.token_type,
        "exp": answer.exp,
        "iat": answer.iat,
        "sub": answer.sub,
        "aud": answer.aud[0] if len(answer.aud) == 1 else list(answer.aud),
        "iss": answer.iss,
    }
    return {name: value for name, value in members.items() if value}
