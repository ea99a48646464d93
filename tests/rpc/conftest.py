"""The services for operators in this process, over a real gRPC server and a real database."""

import secrets
from collections.abc import AsyncIterator

import pytest
from argon2 import PasswordHasher

from services.authorize.adapters.argon2_passwords import Argon2Passwords
from services.authorize.operator_rpc import add_operator_services
from tallystick.oauth2.opaque_token import CredentialType, digest, new_credential
from tallystick.runtime.callers import CallerKind, ServiceCredentials
from tallystick.runtime.grpc_server import aio_server
from tallystick.runtime.operator_credentials import ServiceOrOperator
from tallystick.runtime.postgres import AsyncPostgres
from tallystick.runtime.randomness import SystemRandomness
from tallystick.runtime.service_identity import ServiceIdentities
from tests.rpc.operator_server import ISSUER, OperatorServer
from tests.support.databases import Database


@pytest.fixture(scope="module")
async def server(database: Database) -> AsyncIterator[OperatorServer]:
    """A server with the services for operators, an admin, a viewer and the three services as callers."""
    credentials = {
        kind: new_credential(CredentialType.SERVICE, secrets.token_bytes(32))
        for kind in (CallerKind.AUTHORIZE, CallerKind.TOKEN, CallerKind.INTROSPECT)
    }
    with database.connect() as connection:
        for kind in (CallerKind.ADMIN, CallerKind.VIEWER):
            credentials[kind] = new_credential(CredentialType.OPERATOR, secrets.token_bytes(32))
            connection.execute(
                "INSERT INTO operators (name, digest, role) VALUES (%s, %s, %s)",
                (f"the-{kind.value}", digest(credentials[kind]), kind.value),
            )
    services = ServiceCredentials(
        [(kind, digest(text)) for kind, text in credentials.items() if text.startswith("tsv_")]
    )
    postgres = AsyncPostgres(database.dsn("tallystick_authorize"), name="authorize", size=8)
    await postgres.open()
    # Cheap hashes: how costly they are is another test's business.
    with Argon2Passwords(PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)) as passwords:
        randomness = SystemRandomness()
        grpc_ = aio_server(ServiceOrOperator(services, ServiceIdentities("tallystick"), postgres), randomness)
        add_operator_services(grpc_, postgres, randomness, passwords, issuer=ISSUER)
        port = grpc_.add_insecure_port("127.0.0.1:0")
        await grpc_.start()
        async with OperatorServer(f"127.0.0.1:{port}", credentials, database) as running:
            yield running
        await grpc_.stop(None)
    await postgres.close()
