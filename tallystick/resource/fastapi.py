"""For FastAPI: a dependency that lets a request through only with a token that is good for it. Extra `fastapi`.

    access = require_access(client, resource="https://photos.example")

    @app.get("/albums/{album}", dependencies=[Depends(access)])
    def show(album: str): ...

or `verdict: Annotated[Access, Depends(access)]` for a handler that wants to know who asks.
"""

from collections.abc import Awaitable, Callable
from inspect import iscoroutinefunction
from typing import Any
from urllib.parse import unquote

from fastapi import HTTPException, Request
from fastapi.concurrency import run_in_threadpool

from tallystick.oauth2.bearer_token import bearer_challenge
from tallystick.oauth2.errors import InvalidRequest
from tallystick.resource.access import Access, Denial
from tallystick.resource.async_interceptor import ChecksAccessAsync
from tallystick.resource.errors import IntrospectionError
from tallystick.resource.interceptor import ChecksAccess
from tallystick.resource.presented import presented_token
from tallystick.resource.refusal import UNKNOWABLE, tell, tell_failure


def require_access(
    client: ChecksAccess | ChecksAccessAsync, *, resource: str
) -> Callable[[Request], Awaitable[Access]]:
    """Return a dependency that asks introspection for a verdict: token live, request in its scope, owner authorised.

    The service that is asked about is the request's method and its path as it came, before anything was decoded, with
    the prefix that the server adds (`root_path`), if any. 401 without a token that is live and for the resource, 403
    when the service is not registered, no scope of the token covers it, or its owner may not use it, each with
    `WWW-Authenticate` (RFC 6750 §3); 400 for more than one token or a malformed one; 503 when nobody can say. A
    synchronous client is asked in a thread.
    """
    ask = _asynchronous(client)

    async def admitted(request: Request) -> Access:
        service = _requested(request)
        try:
            token = presented_token(request.headers.getlist("authorization"))
        except InvalidRequest as error:
            raise _refused(service, 400, error.description, bearer_challenge(resource, error=error.code)) from None
        if token is None:
            raise _refused(service, 401, "an access token is needed", bearer_challenge(resource))
        try:
            access = await ask(token, resource, service)
        except IntrospectionError as error:
            tell_failure(error)
            raise HTTPException(503, UNKNOWABLE) from None
        if not access.allowed or access.denial is not None:
            details = (access.denial or Denial.OTHER).value
            raise _refused(service, access.http_status, details, access.www_authenticate)
        return access

    return admitted


def _asynchronous(client: ChecksAccess | ChecksAccessAsync) -> Callable[[str, str, str], Awaitable[Access]]:
    check: Callable[[str, str, str], Any] = client.check_access
    if iscoroutinefunction(check):
        return check

    async def check_in_thread(token: str, resource: str, service: str) -> Access:
        access: Access = await run_in_threadpool(check, token, resource, service)
        return access

    return check_in_thread


def _requested(request: Request) -> str:
    """Return method and path; raise `HTTPException` where the server keeps the path as it came to itself."""
    raw_path = request.scope.get("raw_path")
    if not isinstance(raw_path, bytes):
        # The decoded path would let `%2e%2e` and `%2f` through, so there is nothing to ask about.
        raise HTTPException(503, "the server does not tell which path was requested")
    # Byte for byte; what is not ASCII is no path and fits nothing that is registered.
    path = raw_path.decode("latin-1")
    if unquote(path) != request.scope["path"]:
        # The verdict would be about the path as it came, and the handler is that of what it was made into.
        raise HTTPException(503, "the path has been rewritten since it came, so it cannot be asked about")
    return f"{request.method} {path}"


def _refused(service: str, status: int, details: str, challenge: str) -> HTTPException:
    tell(service, details)
    return HTTPException(status, details, {"WWW-Authenticate": challenge} if challenge else None)
