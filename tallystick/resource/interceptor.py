"""An interceptor for `grpc.server` that lets a call through only with a token that is good for it."""

from collections.abc import Callable, Collection, Mapping
from typing import Any, Protocol

import grpc

from tallystick.resource.errors import IntrospectionError
from tallystick.resource.handlers import rewrapped
from tallystick.resource.introspection import Introspection
from tallystick.resource.requirement import HEALTH_METHODS, Metadata, Refusal, Requirement, bind, tell


class Introspects(Protocol):
    """Says what is to be known about a token; raises `IntrospectionError` when it cannot."""

    def introspect(self, token: str) -> Introspection:
        """Ask."""


class RequireToken(grpc.ServerInterceptor):
    """Asks introspection before each call and answers in the handler's stead when the token is not good for it.

    UNAUTHENTICATED without a token that is live and for this `audience`; PERMISSION_DENIED when it lacks the scope that
    `scopes` has for the method, or else `default_scope`; UNAVAILABLE when nobody can say. Trailing metadata
    `www-authenticate` tells programs which (RFC 6750 §3). A method without a scope is refused; `open_methods` need no
    token. Handlers learn of the token by `current_token()`.
    """

    def __init__(
        self,
        client: Introspects,
        *,
        audience: str,
        scopes: Mapping[str, str] | None = None,
        default_scope: str | None = None,
        open_methods: Collection[str] = HEALTH_METHODS,
    ) -> None:
        self._client = client
        self._requirement = Requirement(audience, dict(scopes or {}), default_scope, frozenset(open_methods))

    def intercept_service(
        self,
        continuation: "Callable[[grpc.HandlerCallDetails], grpc.RpcMethodHandler[Any, Any] | None]",
        handler_call_details: grpc.HandlerCallDetails,
    ) -> "grpc.RpcMethodHandler[Any, Any] | None":
        """Guard the handler of a call; the question is asked in the call's own thread."""
        handler = continuation(handler_call_details)
        method, metadata = handler_call_details.method, handler_call_details.invocation_metadata or ()
        if handler is None or method in self._requirement.open_methods:
            return handler

        def guard(behaviour: Callable[..., object]) -> Callable[..., object]:
            def guarded(request: object, context: grpc.ServicerContext) -> object:
                try:
                    bind(self._judge(method, metadata))
                except Refusal as refusal:
                    tell(method, refusal)
                    context.set_trailing_metadata(refusal.trailing_metadata)
                    context.abort(refusal.code, refusal.details)
                return behaviour(request, context)

            return guarded

        return rewrapped(handler, guard)

    def _judge(self, method: str, metadata: Metadata) -> Introspection:
        presented = self._requirement.presented(metadata)
        try:
            token = self._client.introspect(presented)
        except IntrospectionError as error:
            raise self._requirement.unknowable(error) from error
        self._requirement.check(method, token)
        return token
