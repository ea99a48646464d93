"""`python -m services.authorize`: reads the settings, wires authorize together, serves until SIGTERM."""

import os
import sys
import time
from contextlib import AsyncExitStack
from pathlib import Path

from services.authorize.account import Account
from services.authorize.adapters.argon2_passwords import Argon2Passwords
from services.authorize.adapters.leased_directories import LeasedClients, LeasedResources
from services.authorize.adapters.metrics import EXPECTED, decisions, watch_passwords
from services.authorize.adapters.postgres_account import PostgresAccount
from services.authorize.adapters.postgres_clients import PostgresClients
from services.authorize.adapters.postgres_consents import PostgresConsents
from services.authorize.adapters.postgres_ended_sessions import PostgresEndedSessions
from services.authorize.adapters.postgres_resources import PostgresResources
from services.authorize.adapters.postgres_users import PostgresUsers
from services.authorize.adapters.redis_attempts import RedisAttempts
from services.authorize.adapters.redis_challenge_uses import RedisChallengeUses
from services.authorize.adapters.redis_codes import RedisCodes
from services.authorize.adapters.redis_interactions import RedisInteractions
from services.authorize.adapters.redis_known_places import RedisKnownPlaces
from services.authorize.adapters.redis_sessions import RedisSessions
from services.authorize.asking_client import AskingClient
from services.authorize.begin_interaction import BeginInteraction
from services.authorize.challenge_reuse import ChallengeReuse
from services.authorize.check_code import CheckCode
from services.authorize.consent import Consent
from services.authorize.endpoints.account import AccountEndpoint
from services.authorize.endpoints.answers import Answers
from services.authorize.endpoints.authorization import AuthorizationEndpoint
from services.authorize.endpoints.consent import ConsentEndpoint
from services.authorize.endpoints.cookies import Cookies
from services.authorize.endpoints.metadata import MetadataEndpoint
from services.authorize.endpoints.sign_in import SignInEndpoint
from services.authorize.endpoints.sign_out import SignOutEndpoint
from services.authorize.endpoints.site import Site
from services.authorize.interaction import Interactions
from services.authorize.issue_code import IssueCode
from services.authorize.known_device import KnownDevices
from services.authorize.metadata import metadata
from services.authorize.operator_rpc import add_operator_services
from services.authorize.operator_rpc.finality import AnswersWhenFinal
from services.authorize.pages.translated_pages import TranslatedPages
from services.authorize.remembered_consent import RememberedConsent
from services.authorize.rpc import AuthorizationCodeService
from services.authorize.session import UNKNOWN_SESSIONS, UNKNOWN_SESSIONS_WINDOW_SECONDS, Sessions
from services.authorize.settings import AuthorizeSettings
from services.authorize.sign_in import SignIn
from services.authorize.sign_in_throttle import SignInThrottle
from tallystick.authorize.v1 import authorization_code_pb2_grpc
from tallystick.boot_clock import boot_seconds
from tallystick.runtime import lifecycle, log, redis_client
from tallystick.runtime.audit_event import Audit
from tallystick.runtime.audit_trail import AuditTrail
from tallystick.runtime.callers import ServiceCredentials
from tallystick.runtime.cors import CrossOrigin
from tallystick.runtime.failure_throttle import FailureThrottle
from tallystick.runtime.front_door import FrontDoor
from tallystick.runtime.grpc_server import aio_server
from tallystick.runtime.http import new_app
from tallystick.runtime.lease.async_follower import AsyncFollower
from tallystick.runtime.lease.leased_reads import Log
from tallystick.runtime.lease.revocation_wait import RevocationWait
from tallystick.runtime.metrics.decisions import CountedAudit
from tallystick.runtime.metrics.service_metrics import ServiceMetrics
from tallystick.runtime.operator_credentials import ServiceOrOperator
from tallystick.runtime.postgres import AsyncPostgres
from tallystick.runtime.randomness import SystemRandomness
from tallystick.runtime.redis import AsyncRedis
from tallystick.runtime.repeated_refusals import RepeatedRefusals
from tallystick.runtime.service import serve
from tallystick.runtime.service_identity import ServiceIdentities
from tallystick.runtime.settings import PREFIX
from tallystick.runtime.tls import watch_certificates
from tallystick.runtime.tracing.service_traces import service_traces
from tallystick.runtime.tracing.traces import Traces


async def serve_authorize() -> None:
    """Wire the service and serve it."""
    settings = AuthorizeSettings.read(os.environ)
    metrics, traces = ServiceMetrics(settings, EXPECTED), service_traces(settings)
    log.configure(settings.service, settings.log_level, metrics.log_events, traces.stamp)
    certificates, services = metrics.watched(watch_certificates(settings)), _services(settings.service_callers_file)
    pages = TranslatedPages(settings.branding())
    randomness, site = SystemRandomness(), Site(settings.issuer)

    async with AsyncExitStack() as resources:
        resources.callback(traces.close)
        resources.enter_context(metrics.exposed())
        postgres, redis = await _stores(settings, metrics, traces, resources)
        audit = _audit(settings, postgres, metrics, resources)
        passwords = resources.enter_context(Argon2Passwords())
        watch_passwords(metrics.registry, passwords)
        follower = await resources.enter_async_context(AsyncFollower.from_settings(settings))
        metrics.watch_lease(lambda: follower.view)
        known_log = Log(lambda: follower.view, boot_seconds, postgres.renew)
        wait = metrics.measured(RevocationWait(postgres))

        clients, users, consents = (
            LeasedClients(PostgresClients(postgres), known_log),
            PostgresUsers(postgres),
            PostgresConsents(postgres, settings.service),
        )
        codes = RedisCodes(redis)
        interactions = Interactions(RedisInteractions(redis), randomness)
        sessions = Sessions(
            RedisSessions(redis),
            PostgresEndedSessions(postgres, settings.service),
            audit,
            randomness,
            time.time,
            FailureThrottle(
                time.monotonic,
                per_source=UNKNOWN_SESSIONS,
                per_client=UNKNOWN_SESSIONS,
                window_seconds=UNKNOWN_SESSIONS_WINDOW_SECONDS,
            ),
            lifetime_seconds=settings.session_lifetime_seconds,
            idle_seconds=settings.session_idle_lifetime_seconds,
        )
        asking_client = AskingClient(clients)
        begin_interaction = BeginInteraction(
            clients,
            LeasedResources(PostgresResources(postgres), known_log),
            interactions,
            issuer=settings.issuer,
            require_pkce=settings.require_pkce,
        )
        challenge_reuse = ChallengeReuse(RedisChallengeUses(redis), audit)
        issue_code = IssueCode(
            codes, challenge_reuse, randomness, audit, lifetime_seconds=settings.code_lifetime_seconds
        )
        consent = Consent(consents, issue_code, audit)
        remembered_consent = RememberedConsent(consents, interactions, issue_code, audit)
        document = metadata(
            issuer=settings.issuer,
            token_url=settings.token_url or settings.issuer,
            introspect_url=settings.introspect_url or settings.issuer,
        )

        cookies = Cookies(site, randomness)
        throttle = SignInThrottle(RedisAttempts(redis), failures_per_source=settings.sign_in_failures_per_source)
        sign_in = SignIn(users, passwords, throttle, KnownDevices(RedisKnownPlaces(redis), randomness), audit)
        answers = Answers(pages, audit, metrics.refusals.at("authorize"), issuer=settings.issuer)
        metadata_endpoint = MetadataEndpoint(document, site)
        cross_origin = CrossOrigin(dict.fromkeys(metadata_endpoint.paths, "GET"))
        door = FrontDoor(settings.is_https, settings.trusted_proxies, cross_origin, refused=answers.insecure)
        app = new_app("Tallystick authorize", randomness, door, metrics.http, traces)
        answers.add_to(app)
        AuthorizationEndpoint(begin_interaction, cookies, site).add_to(app, answers)
        SignInEndpoint(interactions, asking_client, sign_in, sessions, pages=pages, cookies=cookies, site=site).add_to(
            app, answers
        )
        ConsentEndpoint(
            interactions,
            asking_client,
            consent,
            remembered_consent,
            sessions,
            pages=pages,
            cookies=cookies,
            site=site,
        ).add_to(app, answers)
        SignOutEndpoint(sessions, cookies=cookies, site=site).add_to(app, answers)
        account = Account(PostgresAccount(postgres, settings.service), wait)
        AccountEndpoint(account, sessions, pages=pages, cookies=cookies, site=site).add_to(app, answers)
        metadata_endpoint.add_to(app, answers)

        grpc_ = aio_server(
            ServiceOrOperator(services, ServiceIdentities(settings.tls_trust_domain), postgres),
            randomness,
            AnswersWhenFinal(wait),
            counted=metrics.grpc,
            traces=traces,
        )
        check_code = AuthorizationCodeService(CheckCode(codes, consents, audit))
        authorization_code_pb2_grpc.add_AuthorizationCodeServiceServicer_to_server(check_code, grpc_)
        add_operator_services(grpc_, postgres, randomness, passwords, issuer=settings.issuer)
        await serve(settings, app, grpc_, metrics.draining, certificates, mutual_listen=settings.grpc_mutual_listen)


def _services(callers_file: Path | None) -> ServiceCredentials:
    """Return the credentials of services; with TLS there are none, as their certificates say who they are."""
    if callers_file is None:
        return ServiceCredentials(())
    return ServiceCredentials.read(f"{PREFIX}SERVICE_CALLERS_FILE", callers_file)


async def _stores(
    settings: AuthorizeSettings, metrics: ServiceMetrics, traces: Traces, resources: AsyncExitStack
) -> tuple[AsyncPostgres, AsyncRedis]:
    """Connect to both stores; return once they answer."""
    postgres = AsyncPostgres.from_settings(settings, traces)
    resources.push_async_callback(postgres.close)
    metrics.watch_pool(lambda: postgres.stats)
    redis = AsyncRedis(redis_client.connect(settings.redis_url.get_secret_value()), traces)
    resources.push_async_callback(redis.close)
    await postgres.open()
    await redis.open()
    return postgres, redis


def _audit(
    settings: AuthorizeSettings, postgres: AsyncPostgres, metrics: ServiceMetrics, resources: AsyncExitStack
) -> Audit:
    refusals = RepeatedRefusals(time.monotonic, told=settings.audit_refusals_per_source)
    trail = AuditTrail(postgres, settings.service, refusals)
    resources.push_async_callback(trail.close)
    metrics.watch_audit(trail)
    return CountedAudit(trail, *decisions(metrics.registry))


if __name__ == "__main__":
    sys.exit(lifecycle.run(AuthorizeSettings.service, serve_authorize))
