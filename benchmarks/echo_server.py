"""A gRPC server that does nothing but send back what it gets: the floor. Prints its port; ends when killed."""

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc

METHOD = "/benchmark.Echo/Echo"
_THREADS = 128


class _Echo(grpc.GenericRpcHandler):
    def service(self, handler_call_details: grpc.HandlerCallDetails) -> Any:
        """Answer any method."""
        del handler_call_details
        return grpc.unary_unary_rpc_method_handler(self._answer)

    def _answer(self, octets: bytes, context: grpc.ServicerContext) -> bytes:
        del context
        return octets


def main() -> None:
    """Serve until the process is killed."""
    server = grpc.server(ThreadPoolExecutor(_THREADS), options=(("grpc.so_reuseport", 0),), handlers=[_Echo()])
    print(server.add_insecure_port("127.0.0.1:0"), flush=True)  # noqa: T201 - whoever started it reads the port
    server.start()
    threading.Event().wait()


if __name__ == "__main__":
    main()
