"""Interceptors for `grpc.server` that let a call through only with a token that is good for it."""

from abc import abstractmethod
from collections.abc import Callable, Collection, Mapping
from typing import Any, NoReturn, Protocol

import grpc

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


class Introspects(Protocol):
    """Says what is to be known about a token; raises `IntrospectionError` when it cannot."""

    def introspect(self, token: str) -> Introspection:
        """Ask."""


class ChecksAccess(Protocol):
    """Says whether a token is good for a service of a resource; raises `IntrospectionError` when it cannot."""

    def check_access(self, token: str, resource: str, service: str) -> Access:
        """Ask."""


class _Guard(grpc.ServerInterceptor):
    """Judges before each call of a method that is not open, in the call's own thread."""

    def __init__(self, open_methods: Collection[str]) -> None:
        self._open_methods = frozenset(open_methods)

    def intercept_service(
        self,
        continuation: "Callable[[grpc.HandlerCallDetails], grpc.RpcMethodHandler[Any, Any] | None]",
        handler_call_details: grpc.HandlerCallDetails,
    ) -> "grpc.RpcMethodHandler[Any, Any] | None":
        """Guard the handler of a call."""
        handler = continuation(handler_call_details)
        method, metadata = handler_call_details.method, handler_call_details.invocation_metadata or ()
        if handler is None or method in self._open_methods:
            return handler

        def guard(behaviour: Callable[..., object]) -> Callable[..., object]:
            def guarded(request: object, context: grpc.ServicerContext) -> object:
                try:
                    bind(self._judge(method, metadata))
                except Refusal as refusal:
                    self._refuse(method, refusal, context)
                except IntrospectionError as error:
                    self._refuse(method, unknowable(error), context)
                return behaviour(request, context)

            return guarded

        return rewrapped(handler, guard)

    @staticmethod
    def _refuse(method: str, refusal: Refusal, context: grpc.ServicerContext) -> NoReturn:
        tell(method, refusal.details)
        context.set_trailing_metadata(refusal.trailing_metadata)
        context.abort(refusal.code, refusal.details)

    @abstractmethod
    def _judge(self, method: str, metadata: Metadata) -> Introspection:
        """Return the token of a call that may be served; raise `Refusal` or `IntrospectionError`."""


class RequireToken(_Guard):
    """Asks introspection before each call and answers in the handler's stead when the token is not good for it.

    UNAUTHENTICATED without a token that is live and for this `audience`; PERMISSION_DENIED when it lacks the scope that
    `scopes` has for the method, or else `default_scope`; UNAVAILABLE when nobody can say. Trailing metadata
    `www-authenticate` tells programs which (RFC 6750 §3). A method without a scope is refused; `open_methods` need no
    token. Handlers learn of the token by `current_token()`.

    Whether the token's owner may use the method is not asked: that is `RequireAccess`.
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
        super().__init__(open_methods)
        self._client = client
        self._requirement = ScopeRequirement(audience, dict(scopes or {}), default_scope)

    def _judge(self, method: str, metadata: Metadata) -> Introspection:
        # The record may be a kept one; whether it is enough is judged for each method anew.
        token = self._client.introspect(bearer_of(metadata, self._requirement.audience))
        self._requirement.check(method, token)
        return token


class RequireAccess(_Guard):
    """Asks introspection before each call for a verdict: token live, method within its scope, owner authorised.

    The method is the service that is asked about: `POST /package.Service/Method` of this `resource`, as registered.
    UNAUTHENTICATED without a token that is live and for the resource; PERMISSION_DENIED when the method is not
    registered, no scope of the token covers it, or its owner may not use it, in words that say which; UNAVAILABLE when
    nobody can say. Trailing metadata `www-authenticate` tells programs (RFC 6750 §3). `open_methods` need no token.
    Handlers learn of the token by `current_token()`.
    """

    def __init__(self, client: ChecksAccess, *, resource: str, open_methods: Collection[str] = HEALTH_METHODS) -> None:
        super().__init__(open_methods)
        self._client = client
        self._resource = resource

    def _judge(self, method: str, metadata: Metadata) -> Introspection:
        access = self._client.check_access(bearer_of(metadata, self._resource), self._resource, service_of(method))
        check_verdict(access)
        return access.token
