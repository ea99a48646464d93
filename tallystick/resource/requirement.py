"""What a gRPC method demands of its caller's token, and how a refusal reads (RFC 6750 §3)."""

import logging
from collections.abc import Iterable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field

import grpc

from tallystick.oauth2.bearer_token import bearer_challenge, bearer_token
from tallystick.oauth2.errors import InvalidRequest
from tallystick.resource.errors import IntrospectionError
from tallystick.resource.introspection import Introspection

HEALTH_METHODS = frozenset(
    {"/grpc.health.v1.Health/Check", "/grpc.health.v1.Health/List", "/grpc.health.v1.Health/Watch"}
)
"""The methods that need no token unless told otherwise."""

Metadata = Iterable[tuple[str, str | bytes]]

_log = logging.getLogger("tallystick.resource")
_current: ContextVar[Introspection] = ContextVar("tallystick_resource_token")


def current_token() -> Introspection:
    """Return what is known of the token of the call in hand; raise `LookupError` outside of a guarded handler."""
    return _current.get()


def bind(token: Introspection) -> None:
    """Make a token the current one; gRPC runs every call in a context of its own."""
    _current.set(token)


def tell(method: str, refusal: "Refusal") -> None:
    """Write a refusal to the log `tallystick.resource`; it holds no token."""
    _log.info("refused %s: %s", method, refusal.details)


class Refusal(Exception):
    """A call is not let through. `challenge` is what HTTP would send as `WWW-Authenticate`."""

    def __init__(self, code: grpc.StatusCode, details: str, challenge: str = "") -> None:
        super().__init__(details)
        self.code = code
        self.details = details
        self.trailing_metadata = (("www-authenticate", challenge),) if challenge else ()


@dataclass(frozen=True, slots=True)
class Requirement:
    """Which audience a token must be for, and which scope each method (`/package.Service/Method`) needs.

    A method that is neither open nor has a scope, of its own or by default, is refused.
    """

    audience: str
    scopes: Mapping[str, str] = field(default_factory=dict)
    default_scope: str | None = None
    open_methods: frozenset[str] = HEALTH_METHODS

    def presented(self, metadata: Metadata) -> str:
        """Return the bearer token of a call (RFC 6750 §2.1); raise `Refusal` unless there is exactly one."""
        values = [value for key, value in metadata if key == "authorization"]
        if len(values) > 1 or not all(isinstance(value, str) for value in values):
            raise self._unauthenticated("send one access token", "invalid_request")
        try:
            token = bearer_token(str(values[0])) if values else None
        except InvalidRequest as error:
            raise self._unauthenticated(error.description, error.code) from None
        if token is None:
            raise self._unauthenticated("an access token is needed: metadata authorization: Bearer …")
        return token

    def check(self, method: str, token: Introspection) -> None:
        """Return when a token may call a method; raise `Refusal` otherwise."""
        if not token.active or token.token_type.lower() != "bearer" or self.audience not in token.aud:
            raise self._unauthenticated("the access token is not good here", "invalid_token")
        scope = self.scopes.get(method, self.default_scope)
        if scope is None:
            raise Refusal(grpc.StatusCode.PERMISSION_DENIED, "no scope gives access to this method")
        if scope not in token.scopes:
            raise Refusal(
                grpc.StatusCode.PERMISSION_DENIED,
                f"the access token lacks the scope {scope}",
                bearer_challenge(self.audience, error="insufficient_scope", scope=scope),
            )

    def unknowable(self, error: IntrospectionError) -> Refusal:
        """Return the refusal for a token that nobody can judge now, and tell the log why."""
        _log.warning("introspection failed: %s: %s", type(error).__name__, error)
        return Refusal(grpc.StatusCode.UNAVAILABLE, "the access token cannot be checked now")

    def _unauthenticated(self, details: str, error: str = "") -> Refusal:
        return Refusal(grpc.StatusCode.UNAUTHENTICATED, details, bearer_challenge(self.audience, error=error))
