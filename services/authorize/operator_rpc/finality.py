"""Whoever may have ended something is answered once it has ended everywhere, by one rule for all methods.

The rule stands here and not where things end, so that no method can forget it, and so that repeats keep to it: to
disable what is disabled, to take away what somebody else has just taken away, to delete what is deleted.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import grpc
import grpc.aio

from services.authorize.ports import Finality
from tallystick.runtime.failures import NotFound

# Methods whose names begin so end nothing. Every other one may.
_ENDS_NOTHING = ("Check", "Create", "Enable", "Get", "List")

Request = TypeVar("Request")
Response = TypeVar("Response")


def may_end(method: str) -> bool:
    """Tell whether a method, by its full name, may end what somebody holds."""
    return not method.rpartition("/")[2].startswith(_ENDS_NOTHING)


class AnswersWhenFinal(grpc.aio.ServerInterceptor):
    """Answers when no replica remembers what was ended; the guard around it bounds the time."""

    def __init__(self, finality: Finality) -> None:
        self._finality = finality

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[grpc.RpcMethodHandler[Request, Response] | None]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> grpc.RpcMethodHandler[Request, Response] | None:
        """Return the handler, with the wait behind it if its method may end something."""
        handler = await continuation(handler_call_details)
        if handler is None or not may_end(str(handler_call_details.method)):
            return handler
        behaviour: Any = handler.unary_unary

        async def final(request: Request, context: grpc.aio.ServicerContext[Request, Response]) -> Response:
            try:
                answer: Response = await behaviour(request, context)
            except NotFound:
                # It may have been there until a moment ago.
                await self._finality.until_final()
                raise
            await self._finality.until_final()
            return answer

        return grpc.unary_unary_rpc_method_handler(final, handler.request_deserializer, handler.response_serializer)
