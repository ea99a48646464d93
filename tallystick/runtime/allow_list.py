"""Which caller may call which gRPC method. What is not listed is refused; a test walks all methods."""

from collections.abc import Mapping

from tallystick.runtime.callers import Caller, CallerKind
from tallystick.runtime.failures import PermissionDenied

_READ = frozenset({CallerKind.VIEWER, CallerKind.ADMIN})
_CHANGE = frozenset({CallerKind.ADMIN})
_ASK = frozenset({CallerKind.RESOURCE_SERVER})

METHODS: Mapping[str, frozenset[CallerKind]] = {
    "/tallystick.authorize.v1.AuthorizationCodeService/CheckCode": frozenset({CallerKind.TOKEN}),
    "/tallystick.authorize.v1.ClientService/CreateClient": _CHANGE,
    "/tallystick.authorize.v1.ClientService/GetClient": _READ,
    "/tallystick.authorize.v1.ClientService/ListClients": _READ,
    "/tallystick.authorize.v1.ClientService/UpdateClient": _CHANGE,
    "/tallystick.authorize.v1.ClientService/DeleteClient": _CHANGE,
    "/tallystick.authorize.v1.ClientService/EnableClient": _CHANGE,
    "/tallystick.authorize.v1.ClientService/DisableClient": _CHANGE,
    "/tallystick.authorize.v1.ClientService/RotateClientSecret": _CHANGE,
    "/tallystick.authorize.v1.ClientService/RevokeAllOfClient": _CHANGE,
    "/tallystick.authorize.v1.ScopeService/CreateScope": _CHANGE,
    "/tallystick.authorize.v1.ScopeService/GetScope": _READ,
    "/tallystick.authorize.v1.ScopeService/ListScopes": _READ,
    "/tallystick.authorize.v1.ScopeService/UpdateScope": _CHANGE,
    "/tallystick.authorize.v1.ScopeService/DeleteScope": _CHANGE,
    "/tallystick.authorize.v1.ResourceService/CreateResource": _CHANGE,
    "/tallystick.authorize.v1.ResourceService/GetResource": _READ,
    "/tallystick.authorize.v1.ResourceService/ListResources": _READ,
    "/tallystick.authorize.v1.ResourceService/UpdateResource": _CHANGE,
    "/tallystick.authorize.v1.ResourceService/DeleteResource": _CHANGE,
    "/tallystick.authorize.v1.UserService/CreateUser": _CHANGE,
    "/tallystick.authorize.v1.UserService/GetUser": _READ,
    "/tallystick.authorize.v1.UserService/ListUsers": _READ,
    "/tallystick.authorize.v1.UserService/SetUserPassword": _CHANGE,
    "/tallystick.authorize.v1.UserService/DeleteUser": _CHANGE,
    "/tallystick.authorize.v1.UserService/EnableUser": _CHANGE,
    "/tallystick.authorize.v1.UserService/DisableUser": _CHANGE,
    "/tallystick.authorize.v1.GroupService/CreateGroup": _CHANGE,
    "/tallystick.authorize.v1.GroupService/GetGroup": _READ,
    "/tallystick.authorize.v1.GroupService/ListGroups": _READ,
    "/tallystick.authorize.v1.GroupService/UpdateGroup": _CHANGE,
    "/tallystick.authorize.v1.GroupService/DeleteGroup": _CHANGE,
    "/tallystick.authorize.v1.OperatorService/CreateOperator": _CHANGE,
    "/tallystick.authorize.v1.OperatorService/GetOperator": _READ,
    "/tallystick.authorize.v1.OperatorService/ListOperators": _READ,
    "/tallystick.authorize.v1.OperatorService/DeleteOperator": _CHANGE,
    "/tallystick.authorize.v1.AuditService/ListAuditEvents": _READ,
    "/tallystick.token.v1.GrantService/GetGrant": _READ,
    "/tallystick.token.v1.GrantService/GetGrantTimeline": _READ,
    "/tallystick.token.v1.GrantService/ListGrants": _READ,
    "/tallystick.token.v1.GrantService/RevokeGrant": _CHANGE,
    "/tallystick.introspect.v1.IntrospectionService/Introspect": _ASK,
    "/tallystick.introspect.v1.IntrospectionService/IntrospectBatch": _ASK,
    "/tallystick.introspect.v1.IntrospectionService/IntrospectStream": _ASK,
    "/tallystick.introspect.v1.IntrospectionService/CheckAccess": _ASK,
    "/tallystick.introspect.v1.IntrospectionService/ExplainAccess": _READ,
}

OPEN_METHODS = frozenset({"/grpc.health.v1.Health/Check"})
"""Methods that anybody may call: they tell whether a service is up and hold no data.

Probes of platforms call `Check`. `Watch`, which gRPC clients use for health checking of their own, is not served: each
stream would hold a call for as long as anybody likes. Such a client is told UNIMPLEMENTED and takes the service for
healthy while it is connected, which is what the health protocol asks of it.
"""


def check(method: str, caller: Caller) -> None:
    """Return when the caller may call the method; raise `PermissionDenied` otherwise."""
    if caller.kind not in METHODS.get(method, frozenset()):
        raise PermissionDenied(f"{caller.kind.value} may not call {method.rpartition('/')[2]}")
