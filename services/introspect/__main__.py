"""`python -m services.introspect`: reads the settings, wires introspect together, serves until SIGTERM."""

import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from threading import BoundedSemaphore

from services.introspect.adapters.metrics import AnswerCounts, ReadMetrics, watch_callers, watch_memory
from services.introspect.adapters.postgres_callers import CallerReads
from services.introspect.adapters.postgres_records import AccessTokenReads, PolicyReads, RefreshTokenReads
from services.introspect.batched_reads import BatchedReads, Found, Key, Places, ReadsTogether
from services.introspect.caller_authentication import CallerAuthentication
from services.introspect.caller_quota import CallerQuota
from services.introspect.endpoints import IntrospectionEndpoint
from services.introspect.explanation import ExplainAccess
from services.introspect.inactive_answers import InactiveAnswers
from services.introspect.leased_records import LeasedRecords, Reading
from services.introspect.metering import MeteredCheckAccess, MeteredIntrospect
from services.introspect.rpc import IntrospectionService, ResourceServerOrOperator
from services.introspect.settings import IntrospectSettings
from tallystick.boot_clock import boot_seconds
from tallystick.introspect.v1 import introspection_pb2_grpc
from tallystick.runtime import lifecycle, log
from tallystick.runtime.bulkhead import Bulkhead
from tallystick.runtime.cors import CrossOrigin
from tallystick.runtime.failure_throttle import FailureThrottle
from tallystick.runtime.grpc_server import sync_server
from tallystick.runtime.grpc_streams import Streams
from tallystick.runtime.lease.follower import Follower
from tallystick.runtime.metrics.service_metrics import ServiceMetrics
from tallystick.runtime.oauth_http import oauth_app
from tallystick.runtime.operator_credentials import Operators
from tallystick.runtime.postgres import SyncPostgres
from tallystick.runtime.randomness import SystemRandomness
from tallystick.runtime.sync_service import serve
from tallystick.runtime.tls import watch_certificates
from tallystick.runtime.tracing.service_traces import service_traces

# Threads cost little while they are idle. Of those that serve calls some never wait for Postgres, so that what memory
# can answer is answered however slow Postgres is; each of the two kinds has more threads than there are places to wait.
_GRPC_THREADS = 192
_HTTP_THREADS = 192
_PLACES_TO_WAIT = 96
# In places of their own those wait who wish for a confirmed read, which ends late while the standby is away, and those
# who are not known yet, so that strangers never hold all others.
_PLACES_TO_WAIT_FOR_THE_STANDBY = 24
_PLACES_TO_BE_KNOWN = 32
# One caller may have so many calls in progress, over HTTP and gRPC together, and so many streams. Even if all of them
# wait for Postgres, other callers find two thirds of the threads and a third of the places to wait.
_CALLS_OF_ONE_CALLER = 64
_STREAMS = 48
_STREAMS_OF_ONE_CALLER = 16


async def serve_introspect() -> None:
    """Wire the service and serve it."""
    settings = IntrospectSettings.read(os.environ)
    metrics, traces = ServiceMetrics(settings), service_traces(settings)
    log.configure(settings.service, settings.log_level, metrics.log_events, traces.stamp)
    certificates = metrics.watched(watch_certificates(settings))
    randomness = SystemRandomness()
    dsn = settings.postgres_dsn.get_secret_value()
    with ExitStack() as resources:
        resources.callback(traces.close)
        resources.enter_context(metrics.exposed())
        postgres = resources.enter_context(
            closing(
                SyncPostgres(
                    dsn,
                    name=settings.service,
                    size=settings.postgres_pool_size,
                    prepare=settings.postgres_prepare,
                    traces=traces,
                )
            )
        )
        metrics.watch_pool(lambda: postgres.stats)
        postgres.open()
        follower = resources.enter_context(
            closing(Follower(dsn, name=settings.service, prepare=settings.postgres_prepare))
        )
        metrics.watch_lease(lambda: follower.view)
        follower.start()
        answers = AnswerCounts(metrics.registry)
        records = _records(settings, postgres, follower, resources, ReadMetrics(metrics.registry), answers)
        watch_memory(metrics.registry, lambda: records.remembered)
        threads = resources.enter_context(ThreadPoolExecutor(_HTTP_THREADS, thread_name_prefix="http"))
        throttle = FailureThrottle(time.monotonic, per_source=settings.secret_failures_per_source)
        authentication = CallerAuthentication(records, records, settings.issuer, throttle)
        calls = Bulkhead(_CALLS_OF_ONE_CALLER, what="calls")
        streams = resources.enter_context(closing(Streams(most=_STREAMS, per_caller=_STREAMS_OF_ONE_CALLER)))
        watch_callers(metrics.registry, calls, streams)
        quota = CallerQuota(time.monotonic, per_second=settings.questions_per_caller)
        inactive = InactiveAnswers(time.monotonic)
        introspect = MeteredIntrospect(records, settings.issuer, quota, inactive, answers)
        check_access = MeteredCheckAccess(records, records, settings.issuer, quota, inactive, answers)
        service = IntrospectionService(introspect, check_access, ExplainAccess(records, settings.issuer))

        app = oauth_app(settings, randomness, CrossOrigin(), metrics.http, traces)
        refused = metrics.refusals.at("introspect")
        IntrospectionEndpoint(authentication, introspect, threads, calls, refused).add_to(app)
        callers = ResourceServerOrOperator(authentication, Operators(postgres))
        grpc_ = sync_server(
            callers,
            randomness,
            threads=_GRPC_THREADS,
            calls=calls,
            streams=streams,
            counted=metrics.grpc,
            traces=traces,
        )
        introspection_pb2_grpc.add_IntrospectionServiceServicer_to_server(service, grpc_)
        await serve(settings, app, grpc_, streams, metrics.draining, certificates)


def _records(
    settings: IntrospectSettings,
    postgres: SyncPostgres,
    follower: Follower,
    resources: ExitStack,
    measuring: ReadMetrics,
    answers: AnswerCounts,
) -> LeasedRecords:
    places = Places(BoundedSemaphore(_PLACES_TO_WAIT), BoundedSemaphore(_PLACES_TO_WAIT_FOR_THE_STANDBY))
    to_be_known = Places(BoundedSemaphore(_PLACES_TO_BE_KNOWN), places.confirmed)

    def batched(kind: str, read: ReadsTogether[Key, Found], places: Places = places) -> BatchedReads[Key, Found]:
        measured = measuring.measured(kind, read)
        reads = BatchedReads(measured, lambda: follower.view, boot_seconds, places, postgres.renew)
        measuring.watch(kind, reads)
        reads.start()
        return resources.enter_context(closing(reads))

    reading = Reading(
        tokens=batched("tokens", AccessTokenReads(postgres)),
        refresh_tokens=batched("refresh_tokens", RefreshTokenReads(postgres)),
        policies=batched("policies", PolicyReads(postgres)),
        callers=batched("callers", CallerReads(postgres), to_be_known),
    )
    return LeasedRecords(
        reading,
        lambda: follower.view,
        boot_seconds,
        answers,
        issuer=settings.issuer,
        room=settings.remembered_tokens,
    )


if __name__ == "__main__":
    sys.exit(lifecycle.run(IntrospectSettings.service, serve_introspect))
