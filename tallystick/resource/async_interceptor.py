"""An interceptor for `grpc.aio.server` that lets a call through only with a token that is good for it."""

from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping
from typing import Any, Protocol

import grpc
import grpc.aio

from tallystick.resource.errors import IntrospectionError
from tallystick.resource.handlers import rewrapped
from tallystick.resource.introspection import Introspection
from tallystick.resource.requirement import HEALTH_METHODS, Metadata, Refusal, Requirement, bind, tell


class IntrospectsAsync(Protocol):
    """Says what is to be known about a token; raises `IntrospectionError` when it cannot."""

    async def introspect(self, token: str) -> Introspection:
        """Ask."""


class AsyncRequireToken(grpc.aio.ServerInterceptor):
    """Like `RequireToken`, for servers whose handlers are all asynchronous."""

    def __init__(
        self,
        client: IntrospectsAsync,
        *,
        audience: str,
        scopes: Mapping[str, str] | None = None,
        default_scope: str | None = None,
        open_methods: Collection[str] = HEALTH_METHODS,
    ) -> None:
        self._client = client
        self._requirement = Requirement(audience, dict(scopes or {}), default_scope, frozenset(open_methods))

    async def intercept_service(
        self,
        continuation: "Callable[[grpc.HandlerCallDetails], Awaitable[grpc.RpcMethodHandler[Any, Any] | None]]",
        handler_call_details: grpc.HandlerCallDetails,
    ) -> "grpc.RpcMethodHandler[Any, Any] | None":
        """Guard the handler of a call."""
        handler = await continuation(handler_call_details)
        method, metadata = handler_call_details.method, tuple(handler_call_details.invocation_metadata or ())
        if handler is None or method in self._requirement.open_methods:
            return handler

        async def admit(context: "grpc.aio.ServicerContext[Any, Any]") -> None:
            try:
                bind(await self._judge(method, metadata))
            except Refusal as refusal:
                tell(method, refusal)
                await context.abort(refusal.code, refusal.details, refusal.trailing_metadata)

        def guard_single(behaviour: Callable[..., Any]) -> Callable[..., Any]:
            async def guarded(request: object, context: "grpc.aio.ServicerContext[Any, Any]") -> object:
                await admit(context)
                return await behaviour(request, context)

            return guarded

        def guard_stream(behaviour: Callable[..., Any]) -> Callable[..., Any]:
            async def guarded(request: object, context: "grpc.aio.ServicerContext[Any, Any]") -> AsyncIterator[object]:
                await admit(context)
                responses = behaviour(request, context)
                if isinstance(responses, Awaitable):
                    # A handler that is no generator writes to the context itself.
                    await responses
                    return
                async for response in responses:
                    yield response

            return guarded

        return rewrapped(handler, guard_stream if handler.response_streaming else guard_single)

    async def _judge(self, method: str, metadata: Metadata) -> Introspection:
        presented = self._requirement.presented(metadata)
        try:
            token = await self._client.introspect(presented)
        except IntrospectionError as error:
            raise self._requirement.unknowable(error) from error
        self._requirement.check(method, token)
        return token
