"""Start token: `python -m services.token`."""

import asyncio
import os
import sys
import time
from collections.abc import Coroutine
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import grpc.aio
from fastapi import FastAPI

from services.token.adapters.authorize_rpc import AuthorizeCodes
from services.token.adapters.counted_writes import CountedAccessTokens, CountedFamilies, CountedGrants
from services.token.adapters.leased_clients import LeasedClients
from services.token.adapters.metrics import EXPECTED, TokenDecisions, UpkeepState
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
from services.token.ports import AccessTokens, Grants, RefreshFamilies
from services.token.refresh_chain import RefreshChain
from services.token.retention import Retention
from services.token.revocation import Revocation
from services.token.rpc import GrantService
from services.token.settings import TokenSettings
from services.token.token_revocation import TokenRevocation
from tallystick.boot_clock import boot_seconds
from tallystick.oauth2.client import GrantType
from tallystick.runtime import grpc_server, log
from tallystick.runtime.audit_event import Audit
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
from tallystick.runtime.metrics.decisions import CountedAudit
from tallystick.runtime.metrics.service_metrics import ServiceMetrics
from tallystick.runtime.oauth_http import oauth_app
from tallystick.runtime.operator_credentials import ServiceOrOperator
from tallystick.runtime.postgres import AsyncPostgres
from tallystick.runtime.randomness import SystemRandomness
from tallystick.runtime.repeated_refusals import RepeatedRefusals
from tallystick.runtime.service import serve
from tallystick.runtime.service_identity import ServiceIdentities
from tallystick.runtime.settings import PREFIX
from tallystick.runtime.tls import watch_certificates
from tallystick.runtime.tracing.service_traces import service_traces
from tallystick.runtime.tracing.traces import Traces
from tallystick.token.v1.grant_pb2_grpc import add_GrantServiceServicer_to_server

_UPKEEP_EVERY_SECONDS = 300.0
_PARTITIONS_START_SECONDS = 15.0


async def main() -> None:
    """Wire everything, from settings to servers, and serve until asked to end."""
    settings = TokenSettings.read(os.environ)
    metrics, traces = ServiceMetrics(settings, EXPECTED), service_traces(settings)
    log.configure(settings.service, settings.log_level, metrics.log_events, traces.stamp)
    keys = read_key_ring(f"{PREFIX}REFRESH_KEY_FILE", settings.refresh_key_file)
    certificates = metrics.watched(watch_certificates(settings))
    credential = _credential(settings.service_token_file)

    async with AsyncExitStack() as resources:
        resources.callback(traces.close)
        resources.enter_context(metrics.exposed())
        postgres = AsyncPostgres.from_settings(settings, traces)
        resources.push_async_callback(postgres.close)
        metrics.watch_pool(lambda: postgres.stats)
        await postgres.open()
        authorize = await resources.enter_async_context(
            Neighbour(settings.authorize_target, credential=credential, certificates=certificates, traces=traces)
        )
        trail = AuditTrail(
            postgres,
            settings.service,
            RepeatedRefusals(time.monotonic, told=settings.audit_refusals_per_source),
        )
        resources.push_async_callback(trail.close)
        metrics.watch_audit(trail)
        await _keep_up(settings, postgres, metrics, resources)
        follower = await resources.enter_async_context(AsyncFollower.from_settings(settings))
        metrics.watch_lease(lambda: follower.view)
        wait = metrics.measured(RevocationWait(postgres))
        authentication = ClientAuthentication(
            LeasedClients(PostgresClients(postgres), Log(lambda: follower.view, boot_seconds, postgres.renew)),
            FailureThrottle(time.monotonic, per_source=settings.secret_failures_per_source),
            wait,
        )
        decisions = TokenDecisions(metrics.registry)
        audit, stores = CountedAudit(trail, decisions), _stores(postgres, decisions)
        revocation = Revocation(stores.grants, wait)
        await serve(
            settings,
            _http(
                settings,
                _dispatcher(settings, keys, stores, authorize, authentication, revocation, audit),
                TokenRevocation(
                    authentication,
                    PostgresTokenRevocations(postgres),
                    stores.families,
                    revocation,
                    RefreshChain(keys),
                    audit,
                ),
                metrics,
                traces,
            ),
            _grpc(
                settings,
                postgres,
                GrantAdministration(PostgresGrantRecords(postgres), PostgresGrantTimelines(postgres), revocation),
                metrics,
                traces,
            ),
            metrics.draining,
            certificates,
        )


def _credential(file: Path | None) -> str | None:
    """Return token's own credential; with TLS it has none, as its certificate says who it is."""
    return None if file is None else read_service_credential(f"{PREFIX}SERVICE_TOKEN_FILE", file)


@dataclass(frozen=True, slots=True)
class _Stores:
    """The stores whose writes are decisions."""

    grants: Grants
    families: RefreshFamilies
    access_tokens: AccessTokens


def _stores(postgres: AsyncPostgres, decisions: TokenDecisions) -> _Stores:
    return _Stores(
        CountedGrants(PostgresGrants(postgres), decisions),
        CountedFamilies(PostgresFamilies(postgres), decisions),
        CountedAccessTokens(PostgresAccessTokens(postgres), decisions),
    )


async def _keep_up(
    settings: TokenSettings, postgres: AsyncPostgres, metrics: ServiceMetrics, resources: AsyncExitStack
) -> None:
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
    retention = Retention(PostgresRetention(postgres), interval_seconds=_UPKEEP_EVERY_SECONDS)
    UpkeepState(metrics.registry, keeper, retention)
    await keeper.prepare()
    _in_background(keeper.keep(), resources)
    _in_background(retention.keep(), resources)


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
    stores: _Stores,
    authorize: Neighbour,
    authentication: ClientAuthentication,
    revocation: Revocation,
    audit: Audit,
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
                stores.grants,
                revocation,
                issuer,
                randomness,
                refresh_lifetime=timedelta(seconds=settings.refresh_lifetime_seconds),
                refresh_idle_lifetime=idle_lifetime,
            ),
            GrantType.REFRESH_TOKEN: RefreshTokenGrant(
                stores.families,
                revocation,
                chain,
                issuer,
                idle_lifetime=idle_lifetime,
                grace=timedelta(seconds=settings.refresh_grace_seconds),
            ),
            GrantType.CLIENT_CREDENTIALS: ClientCredentialsGrant(issuer, stores.access_tokens),
        },
        audit,
    )


def _http(
    settings: TokenSettings,
    dispatcher: Dispatcher,
    revocation: TokenRevocation,
    metrics: ServiceMetrics,
    traces: Traces,
) -> FastAPI:
    cross_origin = CrossOrigin({TOKEN_PATH: "POST", REVOCATION_PATH: "POST"})
    app = oauth_app(settings, SystemRandomness(), cross_origin, metrics.http, traces)
    TokenEndpoint(dispatcher, metrics.refusals.at("token")).add_to(app)
    RevocationEndpoint(revocation, metrics.refusals.at("revoke")).add_to(app)
    return app


def _grpc(
    settings: TokenSettings,
    postgres: AsyncPostgres,
    administration: GrantAdministration,
    metrics: ServiceMetrics,
    traces: Traces,
) -> grpc.aio.Server:
    # No service calls token: its callers are operators, and it asks nobody for a certificate.
    callers = ServiceOrOperator(ServiceCredentials(()), ServiceIdentities(settings.tls_trust_domain), postgres)
    server = grpc_server.aio_server(callers, SystemRandomness(), counted=metrics.grpc, traces=traces)
    add_GrantServiceServicer_to_server(GrantService(administration), server)
    return server


if __name__ == "__main__":
    sys.exit(run(TokenSettings.service, main))
