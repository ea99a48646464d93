"""The ports of a run: their defaults, how they are chosen, and whether they are free."""

import re
import socket
import time
from collections.abc import Collection, Mapping, Sequence

from tallystick.local.errors import LocalServerError

HOST = "127.0.0.1"
DEFAULTS: Mapping[str, int] = {
    "authorize": 8080,
    "authorize-grpc": 9080,
    "token": 8081,
    "token-grpc": 9081,
    "introspect": 8082,
    "introspect-grpc": 9082,
    "photoprint": 8090,
    "photostorage": 9090,
    # Not those of PostgreSQL and Redis, which many machines run already, and below the range of outgoing connections.
    "postgres": 25432,
    "valkey": 25379,
}
PURPOSES: Mapping[str, str] = {
    "authorize": "the issuer",
    "authorize-grpc": "authorize, gRPC",
    "token": "token",
    "token-grpc": "token, gRPC",
    "introspect": "introspect",
    "introspect-grpc": "introspect, gRPC",
    "photoprint": "the demo app",
    "photostorage": "the demo API, gRPC",
    "postgres": "PostgreSQL",
    "valkey": "Valkey",
}
_PATIENCE_SECONDS = 1.0
_POLL_SECONDS = 0.05
_CHOICE = re.compile(r"([a-z-]+)=([0-9]{1,5})")

Ports = Mapping[str, int]
"""A port for each name of `DEFAULTS`."""


def choose_ports(choices: Sequence[str]) -> Ports:
    """Return the defaults with `NAME=NUMBER` choices applied.

    Raises:
        ValueError: with a line that says which choice cannot be used.
    """
    chosen: dict[str, int] = {}
    for choice in choices:
        match = _CHOICE.fullmatch(choice)
        if match is None or match[1] not in DEFAULTS or not 0 < int(match[2]) < 65536:
            raise ValueError(f"{choice}: say NAME=NUMBER, with a name of {', '.join(DEFAULTS)}")
        chosen[match[1]] = int(match[2])
    ports = {**DEFAULTS, **chosen}
    for port in ports.values():
        rivals = [name for name, its in ports.items() if its == port]
        if len(rivals) > 1:
            raise ValueError(f"{' and '.join(rivals)} cannot share port {port}")
    return ports


def require_free(ports: Ports, names: Collection[str]) -> None:
    """Return when nobody listens on the ports of these names, at the latest after a second.

    A process that has just ended can hold its ports for a moment longer, while the last of its threads end.

    Raises:
        LocalServerError: with a line that names the first that is taken, what it is for and how to choose another.
    """
    deadline = time.monotonic() + _PATIENCE_SECONDS
    for name in names:
        while (problem := _binding_problem(ports[name])) is not None:
            if time.monotonic() > deadline:
                raise LocalServerError(
                    f"port {ports[name]}, for {PURPOSES[name]}, cannot be used ({problem}): stop what listens there, "
                    f"or choose another with --port {name}=NUMBER"
                )
            time.sleep(_POLL_SECONDS)


def _binding_problem(port: int) -> str | None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            return error.strerror
    return None


def is_answering(port: int) -> bool:
    """Tell whether somebody takes connections on a port of this machine."""
    try:
        socket.create_connection((HOST, port), timeout=1).close()
    except OSError:
        return False
    return True
