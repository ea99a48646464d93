"""The four kinds of gRPC handlers, so that an interceptor wraps them all alike."""

from collections.abc import Callable
from typing import Any

import grpc

_KINDS = {
    (False, False): ("unary_unary", grpc.unary_unary_rpc_method_handler),
    (False, True): ("unary_stream", grpc.unary_stream_rpc_method_handler),
    (True, False): ("stream_unary", grpc.stream_unary_rpc_method_handler),
    (True, True): ("stream_stream", grpc.stream_stream_rpc_method_handler),
}


def rewrapped(
    handler: "grpc.RpcMethodHandler[Any, Any]", wrap: Callable[[Callable[..., Any]], Callable[..., Any]]
) -> "grpc.RpcMethodHandler[Any, Any]":
    """Return a handler of the same kind around a wrapped behaviour."""
    name, new_handler = _KINDS[handler.request_streaming, handler.response_streaming]
    return new_handler(
        wrap(getattr(handler, name)),
        request_deserializer=handler.request_deserializer,
        response_serializer=handler.response_serializer,
    )
