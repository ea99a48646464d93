"""The three services: whether each takes calls, by gRPC health (grpc.health.v1)."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from tallystick.cli.checks.finding import Finding, fail, ok, skipped, warn
from tallystick.cli.connection import channel_to
from tallystick.cli.usage import CommandFailed

_SECONDS = 3.0
_READINESS = "readiness"


def examine_services(targets: Mapping[str, str], authorities: Path | None) -> list[Finding]:
    """Return what was found of each service, verified by authorities of our own if there are any."""
    return [_examine(service, target, authorities) for service, target in targets.items()]


def _examine(service: str, target: str, authorities: Path | None) -> Finding:
    setting = f"TALLYSTICK_{service.upper()}_TARGET"
    try:
        opened = channel_to(target, authorities)
    except CommandFailed as error:
        return skipped(service, str(error))
    with opened as channel:
        stub: Any = health_pb2_grpc.HealthStub(channel)
        try:
            answer = stub.Check(health_pb2.HealthCheckRequest(service=_READINESS), timeout=_SECONDS)
        except grpc.RpcError as error:
            return fail(
                service,
                f"gives no answer at {target} ({_code(error)})",
                f"start it, see its log, or set {setting} to where it serves gRPC",
            )
    if answer.status != health_pb2.HealthCheckResponse.SERVING:
        return warn(service, f"at {target} takes no calls now", "it is starting or ending: look again, or see its log")
    return ok(service, f"takes calls at {target}")


def _code(error: Any) -> str:
    # What a call ends with is the call itself too, which its type does not say.
    return str(error.code().name)
