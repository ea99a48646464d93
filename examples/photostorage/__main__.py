"""`python -m examples.photostorage`: serves the photo API until Ctrl-C or SIGTERM."""

import logging
import signal
import sys
from concurrent.futures import ThreadPoolExecutor
from types import FrameType

import grpc

from examples.photostorage import photos_pb2_grpc
from examples.photostorage.albums import Albums
from examples.photostorage.settings import read_settings
from examples.photostorage.told import ToldAccess
from tallystick.resource import IntrospectionClient, RequireAccess

log = logging.getLogger("photostorage")


def main() -> None:
    """Start the API and wait."""
    logging.basicConfig(stream=sys.stdout, format="%(name)s  %(message)s", level=logging.INFO)
    settings = read_settings(sys.argv[1:])

    # 1. The client asks introspection. It shows who it is by the credentials that the operator gave this API.
    with IntrospectionClient(
        settings.introspect_target, client_id=settings.client_id, client_secret=settings.client_secret
    ) as client:
        # 2. The interceptor lets a call through only if the token is live and for this API, its scope covers the
        # method, and the person behind it may use it. Which scopes and groups that are, the operator has registered.
        guard = RequireAccess(ToldAccess(client), resource=settings.resource)

        # 3. The server is an ordinary gRPC server; its handlers run only after the interceptor said yes.
        # Without the option two of them could share a port, and nobody would notice.
        server = grpc.server(ThreadPoolExecutor(8), interceptors=[guard], options=[("grpc.so_reuseport", 0)])
        photos_pb2_grpc.add_AlbumsServicer_to_server(Albums(), server)
        try:
            server.add_insecure_port(settings.listen)
        except RuntimeError:
            sys.exit(
                f"photostorage: {settings.listen} cannot be used: stop what listens there or choose another address"
            )
        server.start()
        log.info("serving photos on %s as %s", settings.listen, settings.resource)
        log.info("asking %s about every call", settings.introspect_target)

        def stop(_: int, __: FrameType | None) -> None:
            server.stop(grace=2)

        signal.signal(signal.SIGTERM, stop)
        signal.signal(signal.SIGINT, stop)
        server.wait_for_termination()
    log.info("stopped")


if __name__ == "__main__":
    main()
