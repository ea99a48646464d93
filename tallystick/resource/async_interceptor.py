"""Interceptors for `grpc.aio.server` that let a call through only with a token that is good for it."""

from abc import abstractmethod
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping
from typing import Any, NoReturn, Protocol

import grpc
import grpc.aio

from tallystick.resource.access import Access
from tallystick.resource.errors import IntrospectionError
from tallystick.resource.handlers import rewrapped
from tallystick.resource.introspection import Introspection
from tallystick.resource.presented import bind
from tallystick.resource.refusal import Refusal, tell, unknowable
from tallystick.resource.requirement import (
    HEALTH_METHODS,
    Metadata,
    ScopeRequirement,
    bearer_of,
    check_verdict,
    service_of,
)


class IntrospectsAsync(Protocol):
    """Says what is to be known about a token; raises `IntrospectionError` when it cannot."""

    async def introspect(self, token: str) -> Introspection:
        """Ask."""


class ChecksAccessAsync(Protocol):
    """Says whether a token is good for a service of a resource; raises `IntrospectionError` when it cannot."""

    async def check_access(self, token: str, resource: str, service: str) -> Access:
        """Ask."""


class _AsyncGuard(grpc.aio.ServerInterceptor):
    """Judges before each call of a method that is not open."""

    def __init__(self, open_methods: Collection[str]) -> None:
        self._open_methods = frozenset(open_methods)

    async def intercept_service(
        self,
        continuation: "Callable[[grpc.HandlerCallDetails], Awaitable[grpc.RpcMethodHandler[Any, Any] | None]]",
        handler_call_details: grpc.HandlerCallDetails,
    ) -> "grpc.RpcMethodHandler[Any, Any] | None":
        """Guard the handler of a call."""
        handler = await continuation(handler_call_details)
        method, metadata = handler_call_details.method, tuple(handler_call_details.invocation_metadata or ())
        if handler is None or method in self._open_methods:
            return handler

        def guard_single(behaviour: Callable[..., Any]) -> Callable[..., Any]:
            async def guarded(request: object, context: "grpc.aio.ServicerContext[Any, Any]") -> object:
                await self._admit(method, metadata, context)
                return await behaviour(request, context)

            return guarded

        def guard_stream(behaviour: Callable[..., Any]) -> Callable[..., Any]:
            async def guarded(request: object, context: "grpc.aio.ServicerContext[Any, Any]") -> AsyncIterator[object]:
                await self._admit(method, metadata, context)
                responses = behaviour(request, context)
                if isinstance(responses, Awaitable):
                    # A handler that is no generator writes to the context itself.
                    await responses
                    return
                async for response in responses:
                    yield response

            return guarded

        return rewrapped(handler, guard_stream if handler.response_streaming else guard_single)

    async def _admit(self, method: str, metadata: Metadata, context: "grpc.aio.ServicerContext[Any, Any]") -> None:
        try:
            bind(await self._judge(method, metadata))
        except Refusal as refusal:
            await self._refuse(method, refusal, context)
        except IntrospectionError as error:
            await self._refuse(method, unknowable(error), context)

    @staticmethod
    async def _refuse(method: str, refusal: Refusal, context: "grpc.aio.ServicerContext[Any, Any]") -> NoReturn:
        tell(method, refusal.details)
        await context.abort(refusal.code, refusal.details, refusal.trailing_metadata)

    @abstractmethod
    async def _judge(self, method: str, metadata: Metadata) -> Introspection:
        """Return the token of a call that may be served; raise `Refusal` or `IntrospectionError`."""


class AsyncRequireToken(_AsyncGuard):
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
        super().__init__(open_methods)
        self._client = client
        self._requirement = ScopeRequirement(audience, dict(scopes or {}), default_scope)

    async def _judge(self, method: str, metadata: Metadata) -> Introspection:
        token = await self._client.introspect(bearer_of(metadata, self._requirement.audience))
        self._requirement.check(method, token)
        return token


class AsyncRequireAccess(_AsyncGuard):
    """Like `RequireAccess`, for servers whose handlers are all asynchronous."""

    def __init__(
        self, client: ChecksAccessAsync, *, resource: str, open_methods: Collection[str] = HEALTH_METHODS
    ) -> None:
        super().__init__(open_methods)
        self._client = client
        self._resource = resource

    async def _judge(self, method: str, metadata: Metadata) -> Introspection:
        presented = bearer_of(metadata, self._resource)
        access = await self._client.check_access(presented, self._resource, service_of(method))
        check_verdict(access)
        return access.token
