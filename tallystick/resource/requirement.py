"""What a gRPC method demands of its caller's token."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import grpc

from tallystick.oauth2.bearer_token import bearer_challenge
from tallystick.oauth2.errors import InvalidRequest
from tallystick.resource.access import Access, Denial
from tallystick.resource.introspection import Introspection
from tallystick.resource.presented import presented_token
from tallystick.resource.refusal import Refusal, unauthenticated

HEALTH_METHODS = frozenset(
    {"/grpc.health.v1.Health/Check", "/grpc.health.v1.Health/List", "/grpc.health.v1.Health/Watch"}
)
"""The methods that need no token unless told otherwise."""

Metadata = Iterable[tuple[str, str | bytes]]


def bearer_of(metadata: Metadata, realm: str) -> str:
    """Return the bearer token of a call (RFC 6750 §2.1); raise `Refusal` unless there is exactly one."""
    try:
        token = presented_token([value for key, value in metadata if key == "authorization"])
    except InvalidRequest as error:
        raise unauthenticated(realm, error.description, error.code) from None
    if token is None:
        raise unauthenticated(realm, "an access token is needed: metadata authorization: Bearer …")
    return token


@dataclass(frozen=True, slots=True)
class ScopeRequirement:
    """Which audience a token must be for, and which scope each method (`/package.Service/Method`) needs.

    A method that has no scope, of its own or by default, is refused.
    """

    audience: str
    scopes: Mapping[str, str] = field(default_factory=dict)
    default_scope: str | None = None

    def check(self, method: str, token: Introspection) -> None:
        """Return when a token may call a method; raise `Refusal` otherwise."""
        if not token.active or token.token_type.lower() != "bearer" or self.audience not in token.aud:
            raise unauthenticated(self.audience, Denial.TOKEN_INACTIVE.value, "invalid_token")
        scope = self.scopes.get(method, self.default_scope)
        if scope is None:
            raise Refusal(grpc.StatusCode.PERMISSION_DENIED, "no scope gives access to this method")
        if scope not in token.scopes:
            raise Refusal(
                grpc.StatusCode.PERMISSION_DENIED,
                f"the access token lacks the scope {scope}",
                bearer_challenge(self.audience, error="insufficient_scope", scope=scope),
            )


def service_of(method: str) -> str:
    """Return the service that a call of a gRPC method requests."""
    return f"POST {method}"


def check_verdict(access: Access) -> None:
    """Return when a call may be served; raise `Refusal` otherwise."""
    if access.denial is Denial.TOKEN_INACTIVE:
        raise Refusal(grpc.StatusCode.UNAUTHENTICATED, access.denial.value, access.www_authenticate)
    if access.denial is not None or not access.allowed:
        denial = access.denial or Denial.OTHER
        raise Refusal(grpc.StatusCode.PERMISSION_DENIED, denial.value, access.www_authenticate)
