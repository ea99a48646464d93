"""Start token: `python -m services.token`."""

import asyncio
import os
import sys
import time
from collections.abc import Coroutine
from contextlib import AsyncExitStack, suppress
from datetime import timedelta

import grpc.aio
from fastapi import FastAPI

from services.token.adapters.authorize_rpc import AuthorizeCodes
from services.token.adapters.leased_clients import LeasedClients
from services.token.adapters.postgres_clients import PostgresClients
from services.token.adapters.postgres_families import PostgresFamilies
from services.token.adapters.postgres_grant_records import PostgresGrantRecords
from services.token.adapters.postgres_grants import PostgresGrants
from services.token.adapters.postgres_partitions import PostgresPartitions
from services.token.adapters.postgres_retention import PostgresRetention
from services.token.adapters.postgres_timeline import PostgresGrantTimelines
from services.token.adapters.postgres_token_revocations import PostgresTokenRevocations
from services.token.adapters.postgres_tokens import PostgresAccessTokens
from services.token.client_authentication import ClientAuthentication
from services.token.endpoints import REVOCATION_PATH, TOKEN_PATH, RevocationEndpoint, TokenEndpoint
from services.token.grant_administration import GrantAdministration
from services.token.grants import Dispatcher
from services.token.grants.authorization_code import AuthorizationCodeGrant
from services.token.grants.client_credentials import ClientCredentialsGrant
from services.token.grants.refresh_token import RefreshTokenGrant
from services.token.issuer import Issuer
from services.token.partition_plan import ACCESS_TOKENS, audit_events
from services.token.partitions import PartitionKeeper
from services.token.refresh_chain import RefreshChain
from services.token.retention import Retention
from services.token.revocation import Revocation
from services.token.rpc import GrantService
from services.token.settings import TokenSettings
from services.token.token_revocation import TokenRevocation
from tallystick.boot_clock import boot_seconds
from tallystick.oauth2.client import GrantType
from tallystick.runtime import grpc_server, log
from tallystick.runtime.audit_trail import AuditTrail
from tallystick.runtime.callers import ServiceCredentials, read_service_credential
from tallystick.runtime.cors import CrossOrigin
from tallystick.runtime.failure_throttle import FailureThrottle
from tallystick.runtime.grpc_client import Neighbour
from tallystick.runtime.keys import KeyRing, read_key_ring
from tallystick.runtime.lease.async_follower import AsyncFollower
from tallystick.runtime.lease.leased_reads import Log
from tallystick.runtime.lease.revocation_wait import RevocationWait
from tallystick.runtime.lifecycle import run
from tallystick.runtime.oauth_http import oauth_app
from tallystick.runtime.operator_credentials import ServiceOrOperator
from tallystick.runtime.postgres import AsyncPostgres
from tallystick.runtime.randomness import SystemRandomness
from tallystick.runtime.repeated_refusals import RepeatedRefusals
from tallystick.runtime.service import serve
from tallystick.runtime.settings import PREFIX
from tallystick.token.v1.grant_pb2_grpc import add_GrantServiceServicer_to_server

_UPKEEP_EVERY_SECONDS = 300.0
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
        audit = AuditTrail(
            postgres,
            settings.service,
            RepeatedRefusals(time.monotonic, told=settings.audit_refusals_per_source),
        )
        resources.push_async_callback(audit.close)
        await _keep_up(settings, postgres, resources)
        follower = await resources.enter_async_context(
            AsyncFollower(settings.postgres_dsn.get_secret_value(), name=settings.service)
        )
        wait = RevocationWait(postgres)
        authentication = ClientAuthentication(
            LeasedClients(PostgresClients(postgres), Log(lambda: follower.view, boot_seconds, postgres.renew)),
            FailureThrottle(time.monotonic, per_source=settings.secret_failures_per_source),
            wait,
        )
        revocation = Revocation(PostgresGrants(postgres), wait)
        await serve(
            settings,
            _http(
                settings,
                _dispatcher(settings, keys, postgres, authorize, authentication, revocation, audit),
                TokenRevocation(
                    authentication,
                    PostgresTokenRevocations(postgres),
                    PostgresFamilies(postgres),
                    revocation,
                    RefreshChain(keys),
                    audit,
                ),
            ),
            _grpc(
                postgres,
                GrantAdministration(PostgresGrantRecords(postgres), PostgresGrantTimelines(postgres), revocation),
            ),
        )


async def _keep_up(settings: TokenSettings, postgres: AsyncPostgres, resources: AsyncExitStack) -> None:
    """See to what the tables need in the long run; return once there are partitions."""
    dsn = settings.partition_dsn.get_secret_value()
    keeper = PartitionKeeper(
        *(
            PostgresPartitions(postgres, dsn, table)
            for table in (ACCESS_TOKENS, audit_events(settings.audit_retention_days))
        ),
        interval_seconds=_UPKEEP_EVERY_SECONDS,
        start_seconds=_PARTITIONS_START_SECONDS,
    )
    await keeper.prepare()
    _in_background(keeper.keep(), resources)
    _in_background(Retention(PostgresRetention(postgres), interval_seconds=_UPKEEP_EVERY_SECONDS).keep(), resources)


def _in_background(work: Coroutine[None, None, None], resources: AsyncExitStack) -> None:
    task = asyncio.create_task(work)

    async def stop() -> None:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task

    resources.push_async_callback(stop)


def _dispatcher(
    settings: TokenSettings,
    keys: KeyRing,
    postgres: AsyncPostgres,
    authorize: Neighbour,
    authentication: ClientAuthentication,
    revocation: Revocation,
    audit: AuditTrail,
) -> Dispatcher:
    randomness = SystemRandomness()
    chain = RefreshChain(keys)
    issuer = Issuer(settings.issuer, timedelta(seconds=settings.access_token_lifetime_seconds), chain, randomness)
    idle_lifetime = timedelta(seconds=settings.refresh_idle_lifetime_seconds)
    return Dispatcher(
        authentication,
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
        audit,
    )


def _http(settings: TokenSettings, dispatcher: Dispatcher, revocation: TokenRevocation) -> FastAPI:
    cross_origin = CrossOrigin({TOKEN_PATH: "POST", REVOCATION_PATH: "POST"})
    app = oauth_app(settings, SystemRandomness(), cross_origin)
    TokenEndpoint(dispatcher).add_to(app)
    RevocationEndpoint(revocation).add_to(app)
    return app


def _grpc(postgres: AsyncPostgres, administration: GrantAdministration) -> grpc.aio.Server:
    # No service calls token: its callers are operators.
    callers = ServiceOrOperator(ServiceCredentials(()), postgres)
    server = grpc_server.aio_server(callers, SystemRandomness())
    add_GrantServiceServicer_to_server(GrantService(administration), server)
    return server


if __name__ == "__main__":
    sys.exit(run(TokenSettings.service, main))
