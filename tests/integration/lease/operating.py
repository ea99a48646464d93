"""What operators do to end something, and to bring it back."""

import secrets
from collections.abc import Callable, Sequence

from google.protobuf.field_mask_pb2 import FieldMask

from tallystick.authorize.v1 import client_pb2, group_pb2, resource_pb2, scope_pb2, user_pb2
from tallystick.token.v1 import grant_pb2
from tests.integration.lease.cast import Holding
from tests.integration.lease.ways import Way
from tests.support.operator_client import OperatorClient

Call = Callable[[], object]


def ending(operator: OperatorClient, holding: Holding) -> Call:
    """Return the call that ends a holding in its way."""
    if holding.way.ends_access:
        return _ending_access(operator, holding)
    client_id = holding.client.client_id
    call, clients, users = operator.call, operator.clients, operator.users
    match holding.way:
        case Way.GRANT:
            return lambda: call(operator.grants.RevokeGrant, grant_pb2.RevokeGrantRequest(grant_id=holding.grant_id))
        case Way.ALL_OF_CLIENT:
            return lambda: call(clients.RevokeAllOfClient, client_pb2.RevokeAllOfClientRequest(client_id=client_id))
        case Way.CLIENT_DELETED:
            return lambda: call(clients.DeleteClient, client_pb2.DeleteClientRequest(client_id=client_id))
        case Way.CLIENT_DISABLED:
            return lambda: call(clients.DisableClient, client_pb2.DisableClientRequest(client_id=client_id))
        case Way.SCOPE_TAKEN:
            return lambda: call(clients.UpdateClient, _scopes(holding, ()))
        case Way.USER_DISABLED:
            return lambda: call(users.DisableUser, user_pb2.DisableUserRequest(username=_username(holding)))
        case Way.USER_DELETED:
            return lambda: call(users.DeleteUser, user_pb2.DeleteUserRequest(username=_username(holding)))
        case Way.PASSWORD:
            password = secrets.token_urlsafe(12)
            operator.passwords.append(password)
            request = user_pb2.SetUserPasswordRequest(username=_username(holding), password=password)
            return lambda: call(users.SetUserPassword, request)
        case way:
            raise AssertionError(f"no operator's business: {way}")


def _ending_access(operator: OperatorClient, holding: Holding) -> Call:
    offer, call = holding.offer, operator.call
    match holding.way:
        case Way.GROUP_DELETED:
            return lambda: call(operator.groups.DeleteGroup, group_pb2.DeleteGroupRequest(name=offer.group))
        case Way.GROUP_LEFT:
            return lambda: call(operator.groups.UpdateGroup, _members(holding, ()))
        case Way.COVER_TAKEN:
            return lambda: call(operator.scopes.UpdateScope, _covers(holding, ()))
        case Way.SERVICE_CLOSED:
            return lambda: call(operator.resources.UpdateResource, _groups(holding, ()))
        case way:
            raise AssertionError(f"the token ends with it: {way}")


def restoring(operator: OperatorClient, holding: Holding) -> Call:
    """Return the call that undoes it."""
    client, offer, call = holding.client, holding.offer, operator.call
    match holding.way:
        case Way.CLIENT_DISABLED:
            request = client_pb2.EnableClientRequest(client_id=client.client_id)
            return lambda: call(operator.clients.EnableClient, request)
        case Way.USER_DISABLED:
            return lambda: call(operator.users.EnableUser, user_pb2.EnableUserRequest(username=_username(holding)))
        case Way.SCOPE_TAKEN:
            return lambda: call(operator.clients.UpdateClient, _scopes(holding, client.scopes))
        case Way.GROUP_LEFT:
            return lambda: call(operator.groups.UpdateGroup, _members(holding, (_username(holding),)))
        case Way.COVER_TAKEN:
            return lambda: call(operator.scopes.UpdateScope, _covers(holding, offer.resource.services))
        case Way.SERVICE_CLOSED:
            return lambda: call(operator.resources.UpdateResource, _groups(holding, (offer.group,)))
        case way:
            raise AssertionError(f"this is for good: {way}")


def _scopes(holding: Holding, scopes: Sequence[str]) -> client_pb2.UpdateClientRequest:
    client = client_pb2.Client(client_id=holding.client.client_id, scopes=scopes)
    return client_pb2.UpdateClientRequest(client=client, update_mask=FieldMask(paths=["scopes"]))


def _members(holding: Holding, users: Sequence[str]) -> group_pb2.UpdateGroupRequest:
    group = group_pb2.Group(name=holding.offer.group, users=users)
    return group_pb2.UpdateGroupRequest(group=group, update_mask=FieldMask(paths=["users"]))


def _covers(holding: Holding, services: Sequence[str]) -> scope_pb2.UpdateScopeRequest:
    resource = holding.offer.resource.identifier
    covers = [scope_pb2.Cover(resource=resource, service=service) for service in services]
    scope = scope_pb2.Scope(name=holding.offer.scope.name, covers=covers)
    return scope_pb2.UpdateScopeRequest(scope=scope, update_mask=FieldMask(paths=["covers"]))


def _groups(holding: Holding, groups: Sequence[str]) -> resource_pb2.UpdateResourceRequest:
    offered = holding.offer.resource
    service_groups = [resource_pb2.ServiceGroups(service=service, groups=groups) for service in offered.services]
    resource = resource_pb2.Resource(identifier=offered.identifier, service_groups=service_groups)
    return resource_pb2.UpdateResourceRequest(resource=resource, update_mask=FieldMask(paths=["service_groups"]))


def _username(holding: Holding) -> str:
    if holding.user is None:
        raise AssertionError("nobody is behind it")
    return holding.user.username
