"""The synchronous client of introspection."""

from types import TracebackType
from typing import Self

import grpc

from tallystick.introspect.v1 import introspection_pb2, introspection_pb2_grpc
from tallystick.resource import channel
from tallystick.resource.errors import error_of
from tallystick.resource.introspection import INACTIVE, Introspection, from_message


class IntrospectionClient:
    """Asks introspection about tokens. Share one among all threads and close it at the end, or use it in `with`.

    `target` is a gRPC target; plaintext goes to loopback only, unless `insecure` says that something else encrypts.
    `timeout_seconds` bounds each question, retries included. Raises `ValueError` for plaintext that would leave the
    machine.
    """

    def __init__(
        self,
        target: str,
        *,
        client_id: str,
        client_secret: str,
        timeout_seconds: float = channel.TIMEOUT_SECONDS,
        channel_credentials: grpc.ChannelCredentials | None = None,
        insecure: bool = False,
    ) -> None:
        channel.check_plaintext(target, channel_credentials, insecure=insecure)
        self._target = target
        self._timeout_seconds = timeout_seconds
        self._metadata = (("authorization", channel.basic_authorization(client_id, client_secret)),)
        if channel_credentials is None:
            self._channel = grpc.insecure_channel(target, options=channel.options(plaintext=True))
        else:
            self._channel = grpc.secure_channel(target, channel_credentials, options=channel.options(plaintext=False))
        self._stub = introspection_pb2_grpc.IntrospectionServiceStub(self._channel)

    def introspect(self, token: str) -> Introspection:
        """Say what is to be known about a token; raise `IntrospectionUnavailable` or `NotAllowedToIntrospect`."""
        if not token:
            return INACTIVE
        request = introspection_pb2.IntrospectRequest(token=token.encode("utf-8", "surrogatepass"))
        try:
            answer = self._stub.Introspect(request, timeout=self._timeout_seconds, metadata=self._metadata)
        except grpc.RpcError as error:
            raise error_of(error) from error
        return from_message(answer)

    def close(self) -> None:
        """Close the channel."""
        self._channel.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._target!r})"
