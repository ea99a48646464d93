"""`docker compose`, as a plugin or as a program of its own, on the project's file."""

import json
import os
import secrets
import shutil
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import grpc

from tests.support import engine
from tests.support.environment import ROOT
from tests.support.operator_client import OperatorClient
from tests.support.ports import free_ports

FILE = ROOT / "deploy" / "compose.yaml"
_SERVICES = ("authorize", "token", "introspect")
_SECONDS = 180
_START_SECONDS = 60


def program() -> tuple[str, ...] | None:
    """Return the words that begin a command, None where there is neither plugin nor program."""
    if shutil.which("docker") is not None:
        plugin = subprocess.run(["docker", "compose", "version"], capture_output=True, check=False)
        if plugin.returncode == 0:
            return ("docker", "compose")
    return ("docker-compose",) if shutil.which("docker-compose") is not None else None


@dataclass(frozen=True, slots=True)
class Replica:
    """Where a service is found."""

    http_url: str
    grpc_target: str


@dataclass(frozen=True, slots=True)
class ComposedSystem:
    """The system from the compose file, as far as `tests.support.flow` needs to know it."""

    project: str
    image: str
    ports: Mapping[str, int]
    environment: Mapping[str, str] = field(repr=False)

    @property
    def issuer(self) -> str:
        """The issuer (RFC 8414 §2)."""
        return self.authorize.http_url

    @property
    def authorize(self) -> Replica:
        """Where authorize is found; the others likewise."""
        return self._replica("authorize")

    @property
    def token(self) -> Replica:
        return self._replica("token")

    @property
    def introspect(self) -> Replica:
        return self._replica("introspect")

    def replicas(self, service: str) -> list[Replica]:
        """Return the one replica of a service."""
        return [self._replica(service)]

    def compose(self, *words: str, check: bool = True) -> str:
        """Run a command of compose and return what it printed."""
        begin = program()
        assert begin is not None
        done = subprocess.run(
            [*begin, "--project-name", self.project, "--file", str(FILE), *words],
            env={**os.environ, **self.environment},
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            check=False,
        )
        if check and done.returncode:
            raise AssertionError(f"compose {' '.join(words)}:\n{done.stdout}{done.stderr}")
        return done.stdout

    def up(self) -> None:
        """Start what does not run, and return once every service takes calls."""
        self.compose("up", "--detach")
        deadline = time.monotonic() + _START_SECONDS
        for service in _SERVICES:
            # Compose's own program, other than the plugin, cannot wait for what it has started.
            with grpc.insecure_channel(self._replica(service).grpc_target) as channel:
                grpc.channel_ready_future(channel).result(timeout=deadline - time.monotonic())

    def container(self, service: str) -> dict[str, object]:
        """Return what the engine says of a service's container."""
        identifier = self.compose("ps", "--quiet", service).strip()
        shown = subprocess.run(["docker", "inspect", identifier], capture_output=True, check=True)
        [described] = json.loads(shown.stdout)
        return dict(described)

    def operator(self) -> OperatorClient:
        """Return the first operator, whose credential the migration left in its volume."""
        read = "import pathlib; print(pathlib.Path('/secrets/admin-token').read_text())"
        credential = self.compose("run", "--rm", "operator", "python", "-c", read).strip()
        return OperatorClient(self.authorize.grpc_target, self.token.grpc_target, credential)

    def _replica(self, service: str) -> Replica:
        name = service.upper()
        return Replica(f"http://127.0.0.1:{self.ports[f'{name}_PORT']}", f"127.0.0.1:{self.ports[f'{name}_GRPC_PORT']}")


@contextmanager
def composed_system(image: str, folder: Path) -> Iterator[ComposedSystem]:
    """Bring the system up, and take it down with all that it kept."""
    names = [f"{service.upper()}{kind}_PORT" for service in _SERVICES for kind in ("", "_GRPC")]
    ports = dict(zip(names, free_ports(len(names)), strict=True))
    postgres, redis, *_ = engine.images()
    environment = {
        "TALLYSTICK_IMAGE": image,
        "POSTGRES_IMAGE": postgres,
        "REDIS_IMAGE": redis,
        "POSTGRES_PASSWORD": secrets.token_hex(16),
        **{name: str(port) for name, port in ports.items()},
    }
    system = ComposedSystem(f"tallystick-test-{secrets.token_hex(4)}", image, ports, environment)
    try:
        system.up()
        yield system
    except BaseException:
        (folder / "compose.log").write_text(system.compose("logs", check=False))
        raise
    finally:
        system.compose("down", "--volumes", "--timeout", "30", check=False)
