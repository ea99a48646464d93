"""The gRPC services for operators: protobuf in, one use case of `registry`, protobuf out.

Who may call what stands in `tallystick.runtime.allow_list`; the guard of the server has asked it before anything here
runs.
"""

import grpc.aio

from services.authorize.adapters.postgres_audit_events import PostgresEventStore
from services.authorize.adapters.postgres_registry_clients import PostgresClientStore
from services.authorize.adapters.postgres_registry_groups import PostgresGroupStore
from services.authorize.adapters.postgres_registry_operators import PostgresOperatorStore
from services.authorize.adapters.postgres_registry_resources import PostgresResourceStore
from services.authorize.adapters.postgres_registry_scopes import PostgresScopeStore
from services.authorize.adapters.postgres_registry_users import PostgresUserStore
from services.authorize.operator_rpc.audit_service import AuditService
from services.authorize.operator_rpc.client_service import ClientService
from services.authorize.operator_rpc.group_service import GroupService
from services.authorize.operator_rpc.operator_service import OperatorService
from services.authorize.operator_rpc.resource_service import ResourceService
from services.authorize.operator_rpc.scope_service import ScopeService
from services.authorize.operator_rpc.user_service import UserService
from services.authorize.registry.audit_events import AuditEvents
from services.authorize.registry.clients import Clients
from services.authorize.registry.groups import Groups
from services.authorize.registry.operators import Operators
from services.authorize.registry.ports import Passwords
from services.authorize.registry.resources import Resources
from services.authorize.registry.scopes import Scopes
from services.authorize.registry.users import Users
from tallystick.authorize.v1 import (
    audit_pb2_grpc,
    client_pb2_grpc,
    group_pb2_grpc,
    operator_pb2_grpc,
    resource_pb2_grpc,
    scope_pb2_grpc,
    user_pb2_grpc,
)
from tallystick.runtime.postgres import AsyncPostgres
from tallystick.runtime.randomness import Randomness


def add_operator_services(
    server: grpc.aio.Server, postgres: AsyncPostgres, randomness: Randomness, passwords: Passwords, *, issuer: str
) -> None:
    """Wire the services for operators and add them to a server."""
    clients = ClientService(Clients(PostgresClientStore(postgres), randomness))
    client_pb2_grpc.add_ClientServiceServicer_to_server(clients, server)
    scopes = ScopeService(Scopes(PostgresScopeStore(postgres)))
    scope_pb2_grpc.add_ScopeServiceServicer_to_server(scopes, server)
    resources = ResourceService(Resources(PostgresResourceStore(postgres), issuer))
    resource_pb2_grpc.add_ResourceServiceServicer_to_server(resources, server)
    groups = GroupService(Groups(PostgresGroupStore(postgres)))
    group_pb2_grpc.add_GroupServiceServicer_to_server(groups, server)
    users = UserService(Users(PostgresUserStore(postgres), passwords, randomness))
    user_pb2_grpc.add_UserServiceServicer_to_server(users, server)
    operators = OperatorService(Operators(PostgresOperatorStore(postgres), randomness))
    operator_pb2_grpc.add_OperatorServiceServicer_to_server(operators, server)
    audit = AuditService(AuditEvents(PostgresEventStore(postgres)))
    audit_pb2_grpc.add_AuditServiceServicer_to_server(audit, server)
