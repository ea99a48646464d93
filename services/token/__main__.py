"""Start token: `python -m services.token`."""

import asyncio
import os
import sys
from contextlib import AsyncExitStack, suppress
from datetime import timedelta

import grpc.aio
from fastapi import FastAPI

from services.token.adapters.authorize_rpc import AuthorizeCodes
from services.token.adapters.postgres_clients import PostgresClients
from services.token.adapters.postgres_families import PostgresFamilies
from services.token.adapters.postgres_grant_records import PostgresGrantRecords
from services.token.adapters.postgres_grants import PostgresGrants
from services.token.adapters.postgres_partitions import PostgresPartitions
from services.token.adapters.postgres_tokens import PostgresAccessTokens
from services.token.client_authentication import ClientAuthentication
from services.token.endpoints import TokenEndpoint
from services.token.grant_administration import GrantAdministration
from services.token.grants import Dispatcher
from services.token.grants.authorization_code import AuthorizationCodeGrant
from services.token.grants.client_credentials import ClientCredentialsGrant
from services.token.grants.refresh_token import RefreshTokenGrant
from services.token.issuer import Issuer
from services.token.partitions import PartitionKeeper
from services.token.refresh_chain import RefreshChain
from services.token.revocation import Revocation
from services.token.rpc import GrantService
from services.token.settings import TokenSettings
from tallystick.oauth2.client import GrantType
from tallystick.runtime import grpc_server, log
from tallystick.runtime.callers import ServiceCredentials, read_service_credential
from tallystick.runtime.grpc_client import Neighbour
from tallystick.runtime.http import new_app
from tallystick.runtime.keys import KeyRing, read_key_ring
from tallystick.runtime.lifecycle import run
from tallystick.runtime.operator_credentials import ServiceOrOperator
from tallystick.runtime.postgres import AsyncPostgres
from tallystick.runtime.randomness import SystemRandomness
from tallystick.runtime.service import serve
from tallystick.runtime.settings import PREFIX
from tallystick.token.v1.grant_pb2_grpc import add_GrantServiceServicer_to_server

_PARTITIONS_EVERY_SECONDS = 300.0
_PARTITIONS_START_SECONDS = 15.0


async def main() -> None:
    """Wire everything, from settings to servers, and serve until asked to end."""
    settings = TokenSettings.read(os.environ)
    log.configure(settings.service, settings.log_level)
    keys = read_key_ring(f"{PREFIX}REFRESH_KEY_FILE", settings.refresh_key_file)
    credential = read_service_credential(f"{PREFIX}SERVICE_TOKEN_FILE", settings.service_token_file)

    async with AsyncExitStack() as resources:
        postgres = AsyncPostgres(
            settings.postgres_dsn.get_secret_value(), name=settings.service, size=settings.postgres_pool_size
        )
        resources.push_async_callback(postgres.close)
        await postgres.open()
        authorize = await resources.enter_async_context(Neighbour(settings.authorize_target, credential))
        await _keep_partitions(settings, postgres, resources)
        revocation = Revocation(PostgresGrants(postgres))
        await serve(
            settings,
            _http(_dispatcher(settings, keys, postgres, authorize, revocation)),
            _grpc(postgres, GrantAdministration(PostgresGrantRecords(postgres), revocation)),
        )


async def _keep_partitions(settings: TokenSettings, postgres: AsyncPostgres, resources: AsyncExitStack) -> None:
    keeper = PartitionKeeper(
        PostgresPartitions(postgres, settings.partition_dsn.get_secret_value()),
        interval_seconds=_PARTITIONS_EVERY_SECONDS,
        start_seconds=_PARTITIONS_START_SECONDS,
    )
    await keeper.prepare()
    keeping = asyncio.create_task(keeper.keep())

    async def stop() -> None:
        keeping.cancel()
        with suppress(asyncio.CancelledError):
            await keeping

    resources.push_async_callback(stop)


def _dispatcher(
    settings: TokenSettings, keys: KeyRing, postgres: AsyncPostgres, authorize: Neighbour, revocation: Revocation
) -> Dispatcher:
    randomness = SystemRandomness()
    chain = RefreshChain(keys)
    issuer = Issuer(settings.issuer, timedelta(seconds=settings.access_token_lifetime_seconds), chain, randomness)
    idle_lifetime = timedelta(seconds=settings.refresh_idle_lifetime_seconds)
    return Dispatcher(
        ClientAuthentication(PostgresClients(postgres)),
        {
            GrantType.AUTHORIZATION_CODE: AuthorizationCodeGrant(
                AuthorizeCodes(authorize),
                PostgresGrants(postgres),
                revocation,
                issuer,
                randomness,
                refresh_lifetime=timedelta(seconds=settings.refresh_lifetime_seconds),
                refresh_idle_lifetime=idle_lifetime,
            ),
            GrantType.REFRESH_TOKEN: RefreshTokenGrant(
                PostgresFamilies(postgres),
                revocation,
                chain,
                issuer,
                idle_lifetime=idle_lifetime,
                grace=timedelta(seconds=settings.refresh_grace_seconds),
            ),
            GrantType.CLIENT_CREDENTIALS: ClientCredentialsGrant(issuer, PostgresAccessTokens(postgres)),
        },
    )


def _http(dispatcher: Dispatcher) -> FastAPI:
    app = new_app("Tallystick token", SystemRandomness())
    TokenEndpoint(dispatcher).add_to(app)
    return app


def _grpc(postgres: AsyncPostgres, administration: GrantAdministration) -> grpc.aio.Server:
    # No service calls token: its callers are operators.
    callers = ServiceOrOperator(ServiceCredentials({}), postgres)
    server = grpc_server.aio_server(callers, SystemRandomness())
    add_GrantServiceServicer_to_server(GrantService(administration), server)
    return server


if __name__ == "__main__":
    sys.exit(run(TokenSettings.service, main))
