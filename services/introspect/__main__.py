"""`python -m services.introspect`: reads the settings, wires introspect together, serves until SIGTERM."""

import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from threading import BoundedSemaphore

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
from tallystick.runtime.oauth_http import oauth_app
from tallystick.runtime.operator_credentials import Operators
from tallystick.runtime.postgres import SyncPostgres
from tallystick.runtime.randomness import SystemRandomness
from tallystick.runtime.sync_service import serve

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
    log.configure(settings.service, settings.log_level)
    randomness = SystemRandomness()
    dsn = settings.postgres_dsn.get_secret_value()
    with ExitStack() as resources:
        postgres = resources.enter_context(
            closing(SyncPostgres(dsn, name=settings.service, size=settings.postgres_pool_size))
        )
        postgres.open()
        follower = resources.enter_context(closing(Follower(dsn, name=settings.service)))
        follower.start()
        records = _records(settings, postgres, follower, resources)
        threads = resources.enter_context(ThreadPoolExecutor(_HTTP_THREADS, thread_name_prefix="http"))
        throttle = FailureThrottle(time.monotonic, per_source=settings.secret_failures_per_source)
        authentication = CallerAuthentication(records, records, settings.issuer, throttle)
        calls = Bulkhead(_CALLS_OF_ONE_CALLER, what="calls")
        streams = resources.enter_context(closing(Streams(most=_STREAMS, per_caller=_STREAMS_OF_ONE_CALLER)))
        quota = CallerQuota(time.monotonic, per_second=settings.questions_per_caller)
        inactive = InactiveAnswers(time.monotonic)
        introspect = MeteredIntrospect(records, settings.issuer, quota, inactive)
        check_access = MeteredCheckAccess(records, records, settings.issuer, quota, inactive)
        service = IntrospectionService(introspect, check_access, ExplainAccess(records, settings.issuer))

        app = oauth_app(settings, randomness, CrossOrigin())
        IntrospectionEndpoint(authentication, introspect, threads, calls).add_to(app)
        callers = ResourceServerOrOperator(authentication, Operators(postgres))
        grpc_ = sync_server(callers, randomness, threads=_GRPC_THREADS, calls=calls, streams=streams)
        introspection_pb2_grpc.add_IntrospectionServiceServicer_to_server(service, grpc_)
        await serve(settings, app, grpc_, streams)


def _records(
    settings: IntrospectSettings, postgres: SyncPostgres, follower: Follower, resources: ExitStack
) -> LeasedRecords:
    places = Places(BoundedSemaphore(_PLACES_TO_WAIT), BoundedSemaphore(_PLACES_TO_WAIT_FOR_THE_STANDBY))
    to_be_known = Places(BoundedSemaphore(_PLACES_TO_BE_KNOWN), places.confirmed)

    def batched(read: ReadsTogether[Key, Found], places: Places = places) -> BatchedReads[Key, Found]:
        reads = BatchedReads(read, lambda: follower.view, boot_seconds, places, postgres.renew)
        reads.start()
        return resources.enter_context(closing(reads))

    reading = Reading(
        tokens=batched(AccessTokenReads(postgres)),
        refresh_tokens=batched(RefreshTokenReads(postgres)),
        policies=batched(PolicyReads(postgres)),
        callers=batched(CallerReads(postgres), to_be_known),
    )
    return LeasedRecords(
        reading,
        lambda: follower.view,
        boot_seconds,
        issuer=settings.issuer,
        room=settings.remembered_tokens,
    )


if __name__ == "__main__":
    sys.exit(lifecycle.run(IntrospectSettings.service, serve_introspect))
