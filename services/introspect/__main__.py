"""`python -m services.introspect`: reads the settings, wires introspect together, serves until SIGTERM."""

import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

from services.introspect.adapters.postgres_callers import PostgresCallers
from services.introspect.adapters.postgres_records import PostgresRecords
from services.introspect.caller_authentication import CallerAuthentication
from services.introspect.endpoints import IntrospectionEndpoint
from services.introspect.introspection import Introspect
from services.introspect.rpc import IntrospectionService, ResourceServers
from services.introspect.settings import IntrospectSettings
from tallystick.introspect.v1 import introspection_pb2_grpc
from tallystick.runtime import lifecycle, log
from tallystick.runtime.cors import CrossOrigin
from tallystick.runtime.failure_throttle import FailureThrottle
from tallystick.runtime.grpc_server import sync_server
from tallystick.runtime.oauth_http import oauth_app
from tallystick.runtime.postgres import SyncPostgres
from tallystick.runtime.randomness import SystemRandomness
from tallystick.runtime.sync_service import serve

# Together as many as the pool has connections by default, so that no question waits for another's.
_GRPC_THREADS = 6
_HTTP_THREADS = 4


async def serve_introspect() -> None:
    """Wire the service and serve it."""
    settings = IntrospectSettings.read(os.environ)
    log.configure(settings.service, settings.log_level)
    randomness = SystemRandomness()
    postgres = SyncPostgres(
        settings.postgres_dsn.get_secret_value(), name=settings.service, size=settings.postgres_pool_size
    )
    with closing(postgres), ThreadPoolExecutor(_HTTP_THREADS, thread_name_prefix="http") as threads:
        postgres.open()
        records = PostgresRecords(postgres)
        throttle = FailureThrottle(time.monotonic, per_source=settings.secret_failures_per_source)
        authentication = CallerAuthentication(PostgresCallers(postgres), records, settings.issuer, throttle)
        introspect = Introspect(records, settings.issuer)

        app = oauth_app(settings, randomness, CrossOrigin())
        IntrospectionEndpoint(authentication, introspect, threads).add_to(app)
        grpc_ = sync_server(ResourceServers(authentication), randomness, threads=_GRPC_THREADS)
        introspection_pb2_grpc.add_IntrospectionServiceServicer_to_server(IntrospectionService(introspect), grpc_)
        await serve(settings, app, grpc_)


if __name__ == "__main__":
    sys.exit(lifecycle.run(IntrospectSettings.service, serve_introspect))
