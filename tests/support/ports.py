"""Ports that nobody listens on."""

import socket
from contextlib import ExitStack


def free_ports(count: int) -> list[int]:
    """Return distinct loopback ports that were free a moment ago; who binds one must be ready to find it taken."""
    with ExitStack() as probes:
        bound = [probes.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        return [int(probe.getsockname()[1]) for probe in bound]


def free_port() -> int:
    """Return one loopback port that was free a moment ago."""
    return free_ports(1)[0]
