"""The asynchronous client of introspection."""

from types import TracebackType
from typing import Self

import grpc
import grpc.aio

from tallystick.introspect.v1 import introspection_pb2, introspection_pb2_grpc
from tallystick.resource import channel
from tallystick.resource.errors import error_of
from tallystick.resource.introspection import INACTIVE, Introspection, from_message


class AsyncIntrospectionClient:
    """Asks introspection about tokens from an event loop; like `IntrospectionClient` in all else."""

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
            self._channel = grpc.aio.insecure_channel(target, options=channel.options(plaintext=True))
        else:
            self._channel = grpc.aio.secure_channel(
                target, channel_credentials, options=channel.options(plaintext=False)
            )
        self._stub = introspection_pb2_grpc.IntrospectionServiceStub(self._channel)

    async def introspect(self, token: str) -> Introspection:
        """Say what is to be known about a token; raise `IntrospectionUnavailable` or `NotAllowedToIntrospect`."""
        if not token:
            return INACTIVE
        request = introspection_pb2.IntrospectRequest(token=token.encode("utf-8", "surrogatepass"))
        try:
            answer = await self._stub.Introspect(request, timeout=self._timeout_seconds, metadata=self._metadata)
        except grpc.aio.AioRpcError as error:
            raise error_of(error) from error
        return from_message(answer)

    async def close(self) -> None:
        """Close the channel."""
        await self._channel.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._target!r})"
